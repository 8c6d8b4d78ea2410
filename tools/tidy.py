#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs clang-tidy over what ships: each public header compiled alone, the examples and the reference app.

usage: tidy.py BUILD_FOLDER [PATTERN]    environment: CLANG_TIDY (clang-tidy), JOBS (all cores)
Prints each finding once and exits 1 when there is any.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

SECONDS_MAX = 600
FINDING = re.compile(r"^(\S+?):(\d+):(\d+): (?:warning|error): (.*)$")


def is_ours(file, folder):
    """Whether a person wrote it: of what the build generates, only the stand-ins that include one header each."""
    return not file.startswith(str(folder.resolve())) or "_verify_interface_header_sets" in file


def main():
    folder = pathlib.Path(sys.argv[1])
    pattern = re.compile(sys.argv[2] if len(sys.argv) > 2 else "")
    tool = os.environ.get("CLANG_TIDY", "clang-tidy")
    commands = json.loads((folder / "compile_commands.json").read_text())
    files = sorted({c["file"] for c in commands if "/tests/" not in c["file"] and "/benchmarks/" not in c["file"]
                    and pattern.search(c["file"]) and is_ours(c["file"], folder)})
    if not files:
        print("tidy: nothing matches")
        return 1

    def run(file):
        done = subprocess.run([tool, "-p", str(folder), "--quiet", file], capture_output=True, text=True, timeout=SECONDS_MAX)
        return file, done.returncode, done.stdout + done.stderr

    found, broken = {}, []
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for file, code, said in pool.map(run, files):
            before = len(found)
            for line in said.splitlines():
                match = FINDING.match(line)
                if match:
                    found.setdefault((match[1], int(match[2]), match[4]), line)
            if code and len(found) == before and not any(FINDING.match(l) for l in said.splitlines()):
                broken.append(f"{file}: clang-tidy failed ({code}): {said.strip()[:400]}")
    print("\n".join([*(found[key] for key in sorted(found)), *broken]) or f"tidy: {len(files)} translation units, nothing found")
    return bool(found or broken)


if __name__ == "__main__":
    sys.exit(main())
