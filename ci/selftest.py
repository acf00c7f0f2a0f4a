#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each gate is shown (REQ-GATE-004, REQ-GATE-005) what it must refuse, and what it must accept."""

import os
import subprocess
import sys
import tempfile
import unittest

import binaries
import code_lines
import formatting
import headers
import layering
import sources
import summary
import tidy
import trace


class Sources(unittest.TestCase):
    def test_comments_go_and_strings_stay(self):
        text = 'a = "// no"; // yes\n/* b\n c */ d\n'
        self.assertEqual(sources.without_comments(text).split(), ["a", "=", '"//', 'no";', "d"])
        self.assertEqual(sources.without_comments(text).count("\n"), text.count("\n"))

    def test_digit_separators_do_not_begin_a_character(self):
        self.assertIn("int b", sources.without_comments("int a = 1'000'000; // x\nint b;\n"))


class Layering(unittest.TestCase):
    def refused(self, files):
        return layering.problems({"lib/include/bulkhead/sys.hpp": "", "kernel/cap/slot.hpp": "", "kernel/arch/x86_64/svm/vmcb.hpp": "",
                                  "kernel/include/bulkhead/abi/types.hpp": "", "services/grant/table.hpp": "", **files})

    def test_a_service_may_use_the_library(self):
        self.assertEqual(self.refused({"services/event/a.cpp": "#include <bulkhead/sys.hpp>\n#include <bulkhead/abi/types.hpp>\n#include <span>\n"}), [])

    def test_a_service_may_not_use_another(self):
        for include in ('"../grant/table.hpp"', '"grant/table.hpp"'):
            self.assertEqual(len(self.refused({"services/event/a.cpp": f"#include {include}\n"})), 1, include)

    def test_a_service_may_not_use_the_kernel(self):
        self.assertEqual(len(self.refused({"services/event/a.cpp": '#include "../../kernel/cap/slot.hpp"\n'})), 1)

    def test_the_kernel_knows_no_xen_and_no_messages(self):
        for include in ("<xen/xen.h>", '"event.pb.h"', "<pb_encode.h>", "<bulkhead/sys.hpp>", "<vector>"):
            self.assertEqual(len(self.refused({"kernel/ipc/a.cpp": f"#include {include}\n"})), 1, include)

    def test_nothing_above_knows_an_architecture(self):
        self.assertEqual(len(self.refused({"kernel/ipc/a.cpp": '#include "arch/x86_64/svm/vmcb.hpp"\n'})), 1)

    def test_the_capability_library_knows_no_hardware(self):
        self.assertEqual(len(self.refused({"kernel/arch/arch.hpp": "", "kernel/cap/a.cpp": '#include "arch/arch.hpp"\n'})), 1)

    def test_a_comment_includes_nothing(self):
        self.assertEqual(self.refused({"kernel/ipc/a.cpp": "// #include <xen/xen.h>\n"}), [])


class CodeLines(unittest.TestCase):
    def test_blank_lines_and_comments_do_not_count(self):
        self.assertEqual(code_lines.count("\n// a\n/* b\n */\nint c; // d\n\n"), 1)

    def test_code_counts(self):
        self.assertEqual(code_lines.count("int a;\nint b;\n#include <c>\n"), 3)


class Compiled(unittest.TestCase):
    """Binaries made to be refused."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def build(self, source, *flags):
        path = os.path.join(self.directory.name, "a.elf")
        subprocess.run(["g++", "-x", "c++", "-", "-o", path, "-O1", "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pie",
                        "-fno-asynchronous-unwind-tables", "-Wl,-z,noexecstack,--build-id=none,--no-warn-rwx-segments", "-Wl,-e,start", *flags],
                       input=source, text=True, check=True, capture_output=True)
        return path

    PLAIN = 'extern "C" void start() { for (;;) { } }\n'

    def test_plain_code_is_accepted(self):
        self.assertEqual(binaries.check(self.build(self.PLAIN, "-mgeneral-regs-only"), "event", False), [])

    def test_vector_instructions_are_refused(self):
        source = self.PLAIN + 'double x = 1; extern "C" __attribute__((used)) double f(double y) { return x * y; }\n'
        self.assertTrue(any("in f" in p for p in binaries.check(self.build(source), "event", False)))

    def test_saving_vector_state_is_for_the_kernel_alone(self):
        source = 'char b[512]; extern "C" void start() { asm volatile("fxsave %0" : "=m"(b)); for (;;) { } }\n'
        path = self.build(source, "-mgeneral-regs-only")
        self.assertEqual(binaries.check(path, None, True), [])
        self.assertTrue(binaries.check(path, "event", False))

    def test_writable_and_executable_is_refused(self):
        path = self.build(self.PLAIN, "-mgeneral-regs-only", "-Wl,-N")
        self.assertTrue(any("writable and executable" in p for p in binaries.check(path, "event", False)))

    def test_an_allocator_is_refused(self):
        source = self.PLAIN + 'char a[64]; __attribute__((used)) void* operator new(unsigned long) { return a; }\n'
        self.assertTrue(any("allocates" in p for p in binaries.check(self.build(source, "-mgeneral-regs-only"), "event", False)))

    def test_another_service_inside_is_refused(self):
        source = self.PLAIN + "namespace bulkhead::grant { __attribute__((used, noinline)) void f() { } }\n"
        path = self.build(source, "-mgeneral-regs-only")
        self.assertTrue(any("services/grant" in p for p in binaries.check(path, "event", False)))
        self.assertEqual(binaries.check(path, "grant", False), [])

    def test_returns_must_not_be_predicted_by_a_guest(self):
        def code(*mnemonics):
            return "".join(f"ffffffff8020516{i}:\t{mnemonic}\n" for i, mnemonic in enumerate(mnemonics))
        self.assertEqual(binaries.return_problems("k", code("push %rbp", "vmrun", *["call 1", "int3"] * 32, "pop %rbp", "ret")), [])
        self.assertTrue(binaries.return_problems("k", code(*["call 1"] * 32, "vmrun", "pop %rbp", "ret")))
        self.assertTrue(binaries.return_problems("k", code("vmrun", *["call 1"] * 31, "ret")))
        self.assertTrue(binaries.return_problems("k", code("vmload", "ret")))

    def test_an_undefined_symbol_is_refused(self):
        self.assertTrue(any("undefined" in p for p in binaries.symbol_problems("a", "                 U gone\n")))

    def test_a_header_that_needs_another_is_refused(self):
        with tempfile.TemporaryDirectory() as root:
            for name, text in (("good.hpp", "#include <cstdint>\nstd::uint8_t f();\n"), ("bad.hpp", "std::uint8_t f();\n")):
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(text)
            database = {"a.cpp": (root, ["g++", "-std=c++20"])}
            self.assertEqual(headers.check("good.hpp", database, root), "")
            self.assertIn("does not compile alone", headers.check("bad.hpp", database, root))

    def test_bad_format_is_refused(self):
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "a.cpp"), "w", encoding="utf-8") as file:
                file.write("int   a ;\n")
            self.assertTrue(formatting.format_problems(["a.cpp"], root))

    def test_clang_tidy_objects_to_what_is_wrong(self):
        config = os.path.join(sources.REPOSITORY, ".clang-tidy")
        self.assertIn("google-explicit-constructor", tidy.check_text("struct A {\n    A(int value);\n};\n", config))
        self.assertEqual(tidy.check_text("int f(int* p);\nint f(int* p) {\n    return *p;\n}\n", config), "")


class Formatting(unittest.TestCase):
    GOOD = "// SPDX-License-Identifier: Apache-2.0\nint a;\n"

    def test_good_text_is_accepted(self):
        self.assertEqual(formatting.text_problems("a.cpp", self.GOOD), [])

    def test_bad_text_is_refused(self):
        for bad in ("int a;\n", self.GOOD.rstrip("\n"), self.GOOD + "int b; \n", self.GOOD + "\tint c;\n"):
            self.assertEqual(len(formatting.text_problems("a.cpp", bad)), 1, bad)


class Tidy(unittest.TestCase):
    def test_changed_files_come_first(self):
        self.assertEqual(tidy.order(["a", "b", "c"], {"c"}, "x")[0], "c")

    def test_the_others_move_on(self):
        paths = [str(i) for i in range(50)]
        self.assertNotEqual(tidy.order(paths, set(), "one"), tidy.order(paths, set(), "two"))


class Trace(unittest.TestCase):
    REQUIREMENTS = {"docs/requirements/kernel.md": "### REQ-EXAMPLE-001: it starts\nText.\n"}

    def test_what_is_shown_is_accepted(self):
        table = trace.table(self.REQUIREMENTS, {"test/a.cpp": "// REQ-EXAMPLE-001\n"})
        self.assertEqual(table.problems, [])
        self.assertIn("REQ-EXAMPLE-001", table.text)

    def test_a_requirement_without_a_test_is_refused(self):
        self.assertTrue(trace.table(self.REQUIREMENTS, {}).problems)

    def test_a_test_of_no_requirement_is_refused(self):
        self.assertTrue(trace.table(self.REQUIREMENTS, {"test/a.cpp": "// REQ-EXAMPLE-001 REQ-EXAMPLE-002\n"}).problems)

    def test_a_test_file_without_a_requirement_is_refused(self):
        files = {"test/a.cpp": "// REQ-EXAMPLE-001\n", "test/b.cpp": 'TEST_CASE("something") {}\n'}
        self.assertEqual(trace.table(self.REQUIREMENTS, files).problems, ["test/b.cpp: its tests show no requirement"])

    def test_system_cases_count(self):
        self.assertEqual(trace.table(self.REQUIREMENTS, {}, {"REQ-EXAMPLE-001": ["hello"]}).problems, [])
        self.assertTrue(trace.table(self.REQUIREMENTS, {}, {"REQ-EXAMPLE-001": ["hello"], "REQ-EXAMPLE-002": ["bye"]}).problems)

    def test_a_number_used_twice_is_refused(self):
        twice = {"docs/requirements/kernel.md": "### REQ-EXAMPLE-001: a\n### REQ-EXAMPLE-001: b\n"}
        self.assertTrue(trace.table(twice, {"test/a.cpp": "REQ-EXAMPLE-001"}).problems)


class Summary(unittest.TestCase):
    def test_catch_output_is_counted(self):
        self.assertEqual(summary.catch_counts("All tests passed (99 assertions in 12 test cases)\n"), (12, 0))
        self.assertEqual(summary.catch_counts("test cases: 12 | 10 passed | 2 failed\n"), (10, 2))

    def test_silence_is_a_failure(self):
        self.assertEqual(summary.catch_counts(""), (0, 1))
        self.assertEqual(summary.catch_counts("Segmentation fault\n"), (0, 1))
        self.assertEqual(summary.catch_counts("No tests ran\n"), (0, 1))

    def test_unittest_output_is_counted(self):
        self.assertEqual(summary.unittest_counts("Ran 7 tests in 0.1s\n\nOK\n"), (7, 0))
        self.assertEqual(summary.unittest_counts("Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n"), (4, 3))

    def test_unittest_that_did_not_run_is_a_failure(self):
        self.assertEqual(summary.unittest_counts("SyntaxError\n"), (0, 1))

    def test_system_output_is_counted(self):
        self.assertEqual(summary.line_counts("pass a\nsystem: 3 passed, 1 failed\n"), (3, 1))
        self.assertEqual(summary.line_counts("Traceback\n"), (0, 1))


if __name__ == "__main__":
    sys.exit(unittest.main())
