#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Sees that every program quoted in a document is, to the letter, one that is compiled and run.

A quotation is a line `<!-- quoted: PATH -->` followed by a fenced block. It must equal the file without its SPDX line,
or the part of it between the lines `// [NAME]` and `// [NAME]` for `<!-- quoted: PATH#NAME -->`. Every document that
shows a fenced C++ block that includes a header of hasten has to quote it this way.

usage: check_quotes.py [ROOT]    exits 1 and says which when a quotation and its file differ
"""
import pathlib
import re
import sys
import textwrap

BLOCK = re.compile(r"(?:<!-- quoted: (?P<path>[^#\s]+)(?:#(?P<part>\w+))? -->\n)?```cpp\n(?P<code>.*?)```", re.S)


def source_of(root, path, part):
    text = (root / path).read_text()
    if part:
        pieces = re.split(rf"^[ \t]*// \[{part}\]\n", text, flags=re.M)
        if len(pieces) != 3:
            return None
        return textwrap.dedent(pieces[1])
    return re.sub(r"\A// SPDX[^\n]*\n", "", text)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    wrong, quoted = [], 0
    for document in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        name = document.relative_to(root).as_posix()
        for block in BLOCK.finditer(document.read_text()):
            line = document.read_text()[: block.start()].count("\n") + 1
            if not block["path"]:
                if "#include <hasten/" in block["code"]:
                    wrong.append(f"{name}:{line}: a program that is not quoted from a compiled file")
                continue
            quoted += 1
            if not (root / block["path"]).exists():
                wrong.append(f"{name}:{line}: {block['path']} does not exist")
            elif source_of(root, block["path"], block["part"]) != block["code"]:
                wrong.append(f"{name}:{line}: differs from {block['path']}" + (f"#{block['part']}" if block["part"] else ""))
    print("\n".join(wrong) or f"{quoted} quotations, all true")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
