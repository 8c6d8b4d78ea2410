#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks the rules of docs/architecture.md that no compiler checks.

usage: check_tree.py [ROOT]
Prints one line per breach, `PATH: RULE: what is wrong`, and exits 1; exits 0 when all rules hold.
"""
import pathlib
import re
import sys

# Each layer and the layers it may include besides itself. Arrows point down only.
LAYERS = {
    "core": set(),
    "metrics": {"core"},
    "cache": {"core", "metrics"},
    "query": {"core", "metrics"},
    "workers": {"core", "metrics"},
    "soci": {"core", "metrics", "query", "workers"},
    "redis": {"core", "metrics", "cache"},
    "beast": {"core", "metrics", "workers"},
    "prometheus": {"core", "metrics"},
}
# The third party that an adapter owns: first path part of the include -> the only layer that may use it.
OWNERS = {
    "soci": "soci", "sqlite3.h": "soci", "libpq-fe.h": "soci", "libpq": "soci",
    "hiredis": "redis",
    "boost": "beast", "openssl": "beast",
    "prometheus": "prometheus",
}
LINES_MAX = 500
MACROS_MAX = 3
APP = "reference_app"
# Folders of the app that every slice may use; every other folder is a slice or the server.
APP_BELOW_SLICES = {"shared", "server"}
APP_ABOVE_SLICES = {"app", "admin"}
SOURCES = {".hpp", ".cpp", ".py", ".cmake", ".sh"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
MACRO = re.compile(r"^\s*#\s*define\s+(\w+)", re.M)
NOW = re.compile(r"_clock\s*::\s*now\s*\(|\b(?:gettimeofday|clock_gettime|time)\s*\(\s*(?:NULL|nullptr|0|CLOCK_\w+|&)")
THREAD = re.compile(r"\bstd\s*::\s*(?:thread|jthread|async)\b(?!\s*::\s*(?:id|hardware_concurrency))")
THREAD_OWNERS = {"workers/detail/pool_engine.hpp", "workers/job_runner.hpp",
                 "soci/detail/postgresql_connector.hpp"}
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", re.S)


def without_comments(text):
    """The code with comments and string literals blanked; line breaks stay."""
    return COMMENT.sub(lambda m: "\n" * m.group().count("\n"), text)


class Checker:
    def __init__(self, root):
        self.root = root
        self.breaches = []
        self.graph = {}
        self.macros = []

    def say(self, path, rule, what):
        self.breaches.append(f"{path}: {rule}: {what}")

    def run(self):
        lists = re.findall(r"FOLDERS ([\w ]+)", (self.root / "CMakeLists.txt").read_text())
        listed = {folder for names in lists for folder in names.split()}
        for header in sorted((self.root / "include").rglob("*.hpp")):
            self.check_header(header, listed)
        if len(self.macros) > MACROS_MAX:
            self.say("include", "header.macro", f"{len(self.macros)} macros, limit {MACROS_MAX}: {', '.join(self.macros)}")
        self.check_cycles()
        self.check_tests()
        self.check_app()
        self.check_first_lines()
        return self.breaches

    # -- the library ---------------------------------------------------------------------------------
    def check_header(self, header, listed):
        rel = header.relative_to(self.root / "include").as_posix()
        path = f"include/{rel}"
        parts = rel.split("/")
        if len(parts) < 3 or parts[0] != "hasten" or parts[1] not in LAYERS:
            self.say(path, "tree.layer", "not in a known layer")
            return
        layer, public = parts[1], "detail" not in parts[2:-1]
        text = header.read_text()
        code = without_comments(text)
        lines = text.splitlines()
        if "#pragma once" not in lines[:3]:
            self.say(path, "header.alone", "no #pragma once in the first three lines")
        if len(lines) > LINES_MAX:
            self.say(path, "header.one", f"{len(lines)} lines, limit {LINES_MAX}")
        if layer not in listed:
            self.say(path, "header.alone", "its folder is in no FOLDERS of CMakeLists.txt: nothing installs it or compiles it alone")
        if public:
            test = self.root / "tests" / layer / "/".join(parts[2:-1]) / (header.stem + "_test.cpp")
            if not test.exists():
                self.say(path, "tree.mirror", f"no {test.relative_to(self.root).as_posix()}")
        if re.search(r"namespace\s+hasten\s*::\s*(soci|redis|beast)\b", code):
            self.say(path, "tree.layer", "a namespace hasten::soci, ::redis or ::beast would hide the library of that name")
        if rel != "hasten/core/clock.hpp" and NOW.search(code):
            self.say(path, "time.injected", "reads a clock; take a clock_source instead")
        if "/".join(parts[1:]) not in THREAD_OWNERS and THREAD.search(code):
            self.say(path, "thread.owner", "creates a thread; only worker_pool and job_runner do")
        if re.search(r"catch\s*\([^)]*\)\s*\{\s*\}", code):
            self.say(path, "error.loud", "an empty catch")
        self.macros += [m for m in MACRO.findall(code)]
        self.check_includes(rel, path, layer, code, text)

    def check_includes(self, rel, path, layer, code, text):
        self.graph[rel] = set()
        for inc in INCLUDE.findall(text):
            first = inc.split("/")[0]
            if first == "hasten":
                self.graph[rel].add(inc)
                other = inc.split("/")[1]
                if other != layer and other not in LAYERS[layer]:
                    self.say(path, "tree.layer", f"{layer} may not include <{inc}>")
                if other != layer and "/detail/" in inc:
                    self.say(path, "tree.layer", f"reaches into another layer's detail: <{inc}>")
                if not (self.root / "include" / inc).exists():
                    self.say(path, "header.alone", f"includes <{inc}>, which does not exist")
            elif first == APP:
                self.say(path, "tree.layer", f"the library may not include the app: {inc}")
            elif first in OWNERS and layer != OWNERS[first]:
                self.say(path, "tree.layer", f"only {OWNERS[first]}/ may include <{inc}>")
        for line in re.findall(r'^\s*#\s*include\s*"[^"]+"', text, re.M):
            self.say(path, "header.alone", f"quotes in {line.strip()}: installed headers need <hasten/...>")

    def check_cycles(self):
        state = {}

        def visit(node, trail):
            if state.get(node) == "done" or node not in self.graph:
                return
            if state.get(node) == "open":
                cycle = trail[trail.index(node):] + [node]
                self.say(f"include/{node}", "tree.cycle", " -> ".join(cycle))
                return
            state[node] = "open"
            for nxt in sorted(self.graph[node]):
                visit(nxt, trail + [node])
            state[node] = "done"

        for node in sorted(self.graph):
            visit(node, [])

    # -- the tests -----------------------------------------------------------------------------------
    def check_tests(self):
        tests = self.root / "tests"
        for test in sorted(tests.rglob("*_test.cpp")):
            rel = test.relative_to(tests)
            path = f"tests/{rel.as_posix()}"
            if rel.parts[0] not in LAYERS and rel.parts[0] != APP:
                continue
            stem = rel.as_posix()[: -len("_test.cpp")]
            if rel.parts[0] == APP:
                want = [f'"{stem[len(APP) + 1:]}.hpp"']
                if not (self.root / APP / f"{stem[len(APP) + 1:]}.hpp").exists():
                    continue  # an end-to-end test: it mirrors no single header
            else:
                # A header whose test got too long has several: NAME_test, NAME_ASPECT_test.
                header = stem
                while "_" in header.rsplit("/", 1)[-1] and not (self.root / "include/hasten" / f"{header}.hpp").exists():
                    header = header.rsplit("_", 1)[0]
                want = [f"<hasten/{header}.hpp>"]
                if not (self.root / "include/hasten" / f"{header}.hpp").exists():
                    self.say(path, "tree.mirror", f"tests no header: include/hasten/{stem}.hpp does not exist")
                    continue
            first = next((l for l in test.read_text().splitlines() if l.startswith("#include")), "")
            if first.replace("#include", "").strip() not in want:
                self.say(path, "tree.mirror", f"first include must be {want[0]}")
            folder = test.parent
            while folder != tests and not (folder / "CMakeLists.txt").exists():
                folder = folder.parent
            if test.stem not in (folder / "CMakeLists.txt").read_text():
                self.say(path, "tree.mirror", "not registered in CMake, so it never runs")

    # -- the reference app ---------------------------------------------------------------------------
    def check_app(self):
        app = self.root / APP
        if not app.exists():
            return
        for source in sorted([*app.rglob("*.hpp"), *app.rglob("*.cpp")]):
            rel = source.relative_to(app)
            path = f"{APP}/{rel.as_posix()}"
            text = source.read_text()
            code = without_comments(text)
            folder = rel.parts[0] if len(rel.parts) > 1 else ""
            for inc in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
                if "/" not in inc or not (app / inc).exists():
                    self.say(path, "tree.layer", f"include the app's headers by their path below {APP}/, not {inc}")
                else:
                    self.check_app_include(path, folder, inc.split("/")[0], inc)
            if NOW.search(code):
                self.say(path, "time.injected", "reads a clock; use the sources of core/clock.hpp")
            if re.search(r"catch\s*\([^)]*\)\s*\{\s*\}", code):
                self.say(path, "error.loud", "an empty catch")
        for header in sorted((self.root / "include").rglob("*.hpp")):
            if re.search(r"\bclaims?\b", without_comments(header.read_text())):
                self.say(header.relative_to(self.root).as_posix(), "tree.layer", "the library knows nothing of claims")

    def check_app_include(self, path, folder, other, inc):
        if not folder or folder == other or folder in APP_ABOVE_SLICES:
            return  # main and the composition may use all
        if folder == "shared" and other != "shared":
            self.say(path, "tree.layer", f"shared/ lies below everything and may not include {inc}")
        elif folder == "server" and other not in APP_BELOW_SLICES:
            self.say(path, "tree.layer", f"server/ lies below the slices and may not include {inc}")
        elif folder not in APP_BELOW_SLICES and other not in APP_BELOW_SLICES | {"migrations"}:
            self.say(path, "tree.layer", f"a slice may not include another slice: {inc}")

    # -- all sources ---------------------------------------------------------------------------------
    def check_first_lines(self):
        for folder in ("include", "tests", "benchmarks", "examples", APP, "tools", "cmake"):
            for source in sorted((self.root / folder).rglob("*")):
                if not source.is_file() or "__pycache__" in source.parts:
                    continue
                if source.suffix not in SOURCES and source.name != "CMakeLists.txt":
                    continue
                if not any("SPDX-License-Identifier: BSL-1.0" in l for l in source.read_text().splitlines()[:2]):
                    self.say(source.relative_to(self.root).as_posix(), "tree.licence", "no SPDX line at the top")


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    checker = Checker(root)
    breaches = checker.run()
    print("\n".join(breaches) or f"{len(checker.graph)} headers, all rules hold")
    return bool(breaches)


if __name__ == "__main__":
    sys.exit(main())
