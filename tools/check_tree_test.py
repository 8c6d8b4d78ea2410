#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Seeds every breach that check_tree.py knows into a small sound tree and sees it caught, one at a time."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name("check_tree.py")
SPDX = "// SPDX-License-Identifier: BSL-1.0\n"


def header(*includes, body=""):
    return SPDX + "#pragma once\n" + "".join(f"#include <{i}>\n" for i in includes) + body


class Tree:
    """A sound tree of two headers and one slice, written afresh for every case."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        self.folders = set()
        for folder in ("tools", "cmake", "benchmarks", "examples"):
            (self.root / folder).mkdir()
        self.add_header("core/clock", header())
        self.add_header("cache/memory_cache", header("hasten/core/clock.hpp"))
        self.write("reference_app/claims/handlers.cpp", SPDX + '#include "shared/money.hpp"\n')
        self.write("reference_app/claims/handlers.hpp", header())
        self.write("reference_app/server/router.hpp", header())
        self.write("reference_app/shared/money.hpp", header())

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def add_header(self, name, text, test=True):
        self.write(f"include/hasten/{name}.hpp", text)
        self.folders.add(name.split("/")[0])
        self.write("CMakeLists.txt", f"# SPDX-License-Identifier: BSL-1.0\nFOLDERS {' '.join(sorted(self.folders))}\n")
        if test:
            self.write(f"tests/{name}_test.cpp", SPDX + f"#include <hasten/{name}.hpp>\n")
            folder = name.split("/")[0]
            cmake = self.root / "tests" / folder / "CMakeLists.txt"
            before = cmake.read_text() if cmake.exists() else "# SPDX-License-Identifier: BSL-1.0\n"
            self.write(f"tests/{folder}/CMakeLists.txt", before + f"hasten_test({name}_test)\n")

    def check(self):
        done = subprocess.run([sys.executable, str(CHECK), str(self.root)], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr


class CheckTreeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.tree = Tree(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def assert_caught(self, rule, fragment):
        code, said = self.tree.check()
        self.assertEqual(code, 1, said)
        self.assertIn(f": {rule}: ", said)
        self.assertIn(fragment, said)
        self.assertEqual(len(said.strip().splitlines()), 1, f"exactly this breach and no other:\n{said}")

    def test_a_sound_tree_passes(self):
        code, said = self.tree.check()
        self.assertEqual((code, said.strip()), (0, "2 headers, all rules hold"))

    def test_an_include_that_points_up(self):
        self.tree.add_header("core/error", header("hasten/cache/memory_cache.hpp"))
        self.assert_caught("tree.layer", "core may not include <hasten/cache/memory_cache.hpp>")

    def test_siblings_that_include_each_other(self):
        self.tree.add_header("workers/worker_pool", header("hasten/cache/memory_cache.hpp"))
        self.assert_caught("tree.layer", "workers may not include")

    def test_a_third_party_outside_its_adapter(self):
        self.tree.add_header("query/query_stats", header("boost/asio.hpp"))
        self.assert_caught("tree.layer", "only beast/ may include <boost/asio.hpp>")

    def test_the_database_header_outside_its_adapter(self):
        self.tree.add_header("query/query_stats", header("sqlite3.h"))
        self.assert_caught("tree.layer", "only soci/ may include <sqlite3.h>")

    def test_reaching_into_another_layers_detail(self):
        self.tree.add_header("core/detail/bits", header(), test=False)
        self.tree.add_header("query/query_stats", header("hasten/core/detail/bits.hpp"))
        self.assert_caught("tree.layer", "another layer's detail")

    def test_a_folder_that_is_no_layer(self):
        self.tree.write("include/hasten/util/strings.hpp", header())
        self.assert_caught("tree.layer", "not in a known layer")

    def test_a_namespace_that_hides_a_library(self):
        self.tree.add_header("soci/session_pool", header(body="namespace hasten::soci {}\n"))
        self.assert_caught("tree.layer", "would hide the library")

    def test_the_library_including_the_app(self):
        self.tree.add_header("beast/routes", header("reference_app/shared/money.hpp"))
        self.assert_caught("tree.layer", "may not include the app")

    def test_the_library_speaking_of_claims(self):
        self.tree.add_header("cache/tiered_cache", header(body="struct claim {};\n"))
        self.assert_caught("tree.layer", "knows nothing of claims")

    def test_an_include_cycle(self):
        self.tree.add_header("core/a", header("hasten/core/b.hpp"))
        self.tree.add_header("core/b", header("hasten/core/a.hpp"))
        self.assert_caught("tree.cycle", "hasten/core/a.hpp -> hasten/core/b.hpp -> hasten/core/a.hpp")

    def test_a_header_without_its_test(self):
        self.tree.add_header("core/error", header(), test=False)
        self.assert_caught("tree.mirror", "no tests/core/error_test.cpp")

    def test_a_test_whose_first_include_is_another(self):
        self.tree.write("tests/core/clock_test.cpp", SPDX + "#include <vector>\n#include <hasten/core/clock.hpp>\n")
        self.assert_caught("tree.mirror", "first include must be <hasten/core/clock.hpp>")

    def test_a_test_of_no_header(self):
        self.tree.write("tests/core/ghost_test.cpp", SPDX)
        self.assert_caught("tree.mirror", "tests no header")

    def test_an_aspect_of_a_header_may_have_a_test_of_its_own(self):
        self.tree.write("tests/cache/memory_cache_speed_test.cpp", SPDX + "#include <vector>\n")
        self.tree.write(
            "tests/cache/CMakeLists.txt",
            "# SPDX-License-Identifier: BSL-1.0\nhasten_test(cache/memory_cache_test)\nhasten_test(cache/memory_cache_speed_test)\n")
        self.assert_caught("tree.mirror", "first include must be <hasten/cache/memory_cache.hpp>")

    def test_a_test_that_is_never_registered(self):
        self.tree.write("tests/cache/CMakeLists.txt", "# SPDX-License-Identifier: BSL-1.0\n")
        self.assert_caught("tree.mirror", "not registered in CMake")

    def test_an_app_test_whose_first_include_is_another(self):
        self.tree.write("tests/reference_app/CMakeLists.txt", "# SPDX-License-Identifier: BSL-1.0\nshared/money_test\n")
        self.tree.write("tests/reference_app/shared/money_test.cpp", SPDX + "#include <vector>\n")
        self.assert_caught("tree.mirror", 'first include must be "shared/money.hpp"')

    def test_a_header_over_the_limit(self):
        self.tree.add_header("core/error", header(body="\n" * 500))
        self.assert_caught("header.one", "limit 500")

    def test_a_header_without_pragma_once(self):
        self.tree.add_header("core/error", SPDX)
        self.assert_caught("header.alone", "no #pragma once")

    def test_a_header_whose_folder_no_target_lists(self):
        self.tree.write("CMakeLists.txt", "FOLDERS cache\n")
        self.assert_caught("header.alone", "in no FOLDERS of CMakeLists.txt")

    def test_an_include_that_does_not_exist(self):
        self.tree.add_header("cache/tiered_cache", header("hasten/core/missing.hpp"))
        self.assert_caught("header.alone", "which does not exist")

    def test_an_include_in_quotes(self):
        self.tree.add_header("core/error", header(body='#include "clock.hpp"\n'))
        self.assert_caught("header.alone", "installed headers need")

    def test_a_fourth_macro(self):
        self.tree.add_header("core/expects", header(body="".join(f"#define HASTEN_M{i}\n" for i in range(4))))
        self.assert_caught("header.macro", "4 macros, limit 3")

    def test_a_clock_read_in_the_library(self):
        self.tree.add_header("cache/expiry", header(body="auto t = std::chrono::steady_clock::now();\n"))
        self.assert_caught("time.injected", "reads a clock")

    def test_a_clock_read_in_a_comment_is_no_breach(self):
        self.tree.add_header("cache/expiry", header(body="// not std::chrono::steady_clock::now()\n"))
        self.assertEqual(self.tree.check()[0], 0)

    def test_a_clock_read_in_the_app(self):
        self.tree.write("reference_app/claims/handlers.cpp", SPDX + "auto t = std::chrono::system_clock::now();\n")
        self.assert_caught("time.injected", "reads a clock")

    def test_a_thread_outside_its_owners(self):
        self.tree.add_header("metrics/window", header(body="std::jthread sampler;\n"))
        self.assert_caught("thread.owner", "creates a thread")

    def test_an_empty_catch(self):
        self.tree.add_header("core/error", header(body="void f() { try { g(); } catch (...) {} }\n"))
        self.assert_caught("error.loud", "an empty catch")

    def test_a_slice_that_includes_another_slice(self):
        self.tree.write("reference_app/denials/handlers.cpp", SPDX + '#include "claims/handlers.hpp"\n')
        self.assert_caught("tree.layer", "a slice may not include another slice")

    def test_a_server_that_includes_a_slice(self):
        self.tree.write("reference_app/server/router.cpp", SPDX + '#include "claims/handlers.hpp"\n')
        self.assert_caught("tree.layer", "server/ lies below the slices")

    def test_shared_code_that_includes_a_slice(self):
        self.tree.write("reference_app/shared/money.hpp", header(body='#include "server/router.hpp"\n'))
        self.assert_caught("tree.layer", "shared/ lies below everything")

    def test_an_app_include_without_its_folder(self):
        self.tree.write("reference_app/claims/handlers.cpp", SPDX + '#include "handlers.hpp"\n')
        self.assert_caught("tree.layer", "by their path below reference_app/")

    def test_a_source_without_a_licence_line(self):
        self.tree.write("benchmarks/cache/hit_bench.cpp", "int main() {}\n")
        self.assert_caught("tree.licence", "no SPDX line")


if __name__ == "__main__":
    unittest.main(verbosity=1)
