#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Measures what including each public header costs a translation unit that includes nothing else.

usage: header_cost.py [--write]    environment: CXX (c++)
Prints a table of milliseconds above an empty file (median of five, interleaved over the headers, no optimisation)
and of lines after preprocessing; --write keeps it in docs/header_cost.md.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = 5
SECONDS_MAX = 120


def compile_flags():
    return [os.environ.get("CXX", "c++"), "-std=c++20", f"-I{ROOT / 'include'}", "-x", "c++"]


def milliseconds(source):
    start = time.perf_counter()
    subprocess.run([*compile_flags(), "-fsyntax-only", source], check=True, timeout=SECONDS_MAX)
    return 1000 * (time.perf_counter() - start)


def lines(source):
    done = subprocess.run([*compile_flags(), "-E", "-P", source], check=True, capture_output=True, text=True, timeout=SECONDS_MAX)
    return done.stdout.count("\n")


def main():
    headers = sorted(h for h in (ROOT / "include").rglob("*.hpp") if "detail" not in h.parts)
    with tempfile.TemporaryDirectory() as folder:
        sources = {}
        for header in [None, *headers]:
            source = pathlib.Path(folder) / f"{len(sources)}.cpp"
            source.write_text(f"#include <{header.relative_to(ROOT / 'include').as_posix()}>\n" if header else "\n")
            sources[header] = str(source)
        times = {header: [] for header in sources}
        for _ in range(ROUNDS):
            for header, source in sources.items():
                times[header].append(milliseconds(source))
        floor = statistics.median(times[None])
        rows = ["| header | ms | lines |", "|---|---:|---:|"]
        for header in headers:
            name = header.relative_to(ROOT / "include/hasten").as_posix()
            rows.append(f"| `{name}` | {statistics.median(times[header]) - floor:.0f} | {lines(sources[header]):,} |")
    table = "\n".join(rows)
    print(table)
    if "--write" in sys.argv:
        (ROOT / "docs/header_cost.md").write_text(
            "# What a header costs to include\n\nMilliseconds above an empty file (g++ 12, no optimisation, median of five) and lines after\n"
            "preprocessing. Written by `tools/header_cost.py --write`; times are of one machine, their ratios travel.\n\n" + table + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
