#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the judge of conformance reports (REQ-CONF-002) and of what runs the guest on Xen (REQ-CONF-003)."""

import importlib.util
import os
import re
import sys
import unittest

import report

_path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "xen", "run.py")
_spec = importlib.util.spec_from_file_location("on_xen", _path)
on_xen = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(on_xen)

GOOD = "conformance: begin, domain 1\nok a/one\nok a/two, or so = -22\nconformance: 2 passed, 0 failed\n"
NAMES = ["a/one", "a/two, or so"]


class Judge(unittest.TestCase):
    def test_a_complete_report_passes(self):
        self.assertEqual(report.judge(GOOD, NAMES, {}), (2, 0, []))

    def test_a_failure_is_told_with_what_was_wrong(self):
        text = "ok a/one\nnot ok a/two, or so: got -14 want 0 = -14\nconformance: 1 passed, 1 failed\n"
        self.assertEqual(report.judge(text, NAMES, {}), (1, 0, ["a/two, or so: got -14 want 0"]))

    def test_a_side_effect_is_told(self):
        text = "ok a/one\nnot ok a/two, or so: port: got 0 want 1\nconformance: 1 passed, 1 failed\n"
        self.assertEqual(report.judge(text, NAMES, {})[2], ["a/two, or so: port: got 0 want 1"])

    def test_a_missing_row_is_noticed(self):
        self.assertIn("not run: a/three", report.judge(GOOD, [*NAMES, "a/three"], {})[2])

    def test_a_row_of_nobody_is_noticed(self):
        self.assertIn("not in the table: a/one", report.judge(GOOD, NAMES[1:], {})[2])

    def test_a_row_that_ran_twice_is_noticed(self):
        self.assertTrue(report.judge("ok a/one\n" + GOOD, NAMES, {})[2])

    def test_a_guest_that_stops_is_noticed(self):
        self.assertTrue(report.judge(GOOD.replace("conformance: 2", "con"), NAMES, {})[2])

    def test_a_guest_that_cannot_count_is_noticed(self):
        self.assertTrue(report.judge(GOOD.replace("2 passed", "3 passed"), NAMES, {})[2])

    def test_an_empty_table_is_noticed(self):
        self.assertTrue(report.judge("conformance: 0 passed, 0 failed\n", [], {})[2])

    def test_what_is_pending_is_skipped(self):
        text = "ok a/one\nnot ok a/two, or so: got 1 want 0\nconformance: 1 passed, 1 failed\n"
        self.assertEqual(report.judge(text, NAMES, {"a/two, or so": "later"}), (1, 1, []))

    def test_what_is_pending_and_passes_is_noticed(self):
        self.assertEqual(report.judge(GOOD, NAMES, {"a/one": "later", "a/of another image": "later"}),
                         (2, 0, ["passes, but is listed as pending: a/one"]))

    def test_pending_rows_are_those_of_the_image(self):
        text = "# a comment\na/one | * | why\na/two | x y | because\n"
        self.assertEqual(report.pending(text, "y"), {"a/one": "why", "a/two": "because"})
        self.assertEqual(report.pending(text, "z"), {"a/one": "why"})


class OnXen(unittest.TestCase):
    def test_each_guest_has_its_own_report(self):
        console = "(XEN) x\ndom0: begin one\n(d1) ok a/one\n(XEN) y\ndom0: end one\ndom0: begin two\n(guest) not ok a/one: got 1 want 2\n"
        self.assertEqual(on_xen.reports(console), {"one": "ok a/one\n", "two": "not ok a/one: got 1 want 2\n"})

    def test_an_image_is_a_file_and_a_way_to_run_it(self):
        self.assertEqual(on_xen.split("conformance32_two_level"), ("conformance32_two_level", ""))
        self.assertEqual(on_xen.split("conformance32_pae_beside"), ("conformance32_pae", "_beside"))
        self.assertEqual(on_xen.split("conformance64_v2_beside"), ("conformance64", "_v2_beside"))
        self.assertEqual(len(set(on_xen.IMAGES)), 20)

    def test_a_kernel_is_taken_out_of_its_image(self):
        import lzma
        import struct
        payload = lzma.compress(b"\x7fELF and more") + struct.pack("<I", 13)
        image = bytearray(0x400 + 16) + payload
        image[0x1F1] = 1
        struct.pack_into("<II", image, 0x248, 16, len(payload))
        self.assertEqual(on_xen.plain_kernel(bytes(image)), b"\x7fELF and more")


class Refused(unittest.TestCase):
    """REQ-CONF-001: no operation of physdev.h and platform.h (libxen-dev) goes without a row."""

    def test_each_operation_that_a_header_names_has_a_row(self):
        directory = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(directory, "..", "..", "guests", "conformance", "rows", "privileged.cpp"), encoding="utf-8") as file:
            tried = set(re.findall(r"\{\"\w+/[^\"]*\", \w+_h,\s+(?:physdev|platform)<(\w+)>", file.read()))
        for header, operation in (("physdev.h", r"PHYSDEVOP_[a-z]\w*"), ("platform.h", r"XENPF_[a-z]\w*")):
            with open(os.path.join("/usr/include/xen", header), encoding="utf-8") as file:
                named = set(re.findall(rf"^#define ({operation})\s+\d+$", file.read(), re.MULTILINE))
            self.assertGreater(len(named), 20)
            self.assertEqual(named - tried, set(), header)


if __name__ == "__main__":
    sys.exit(unittest.main())
