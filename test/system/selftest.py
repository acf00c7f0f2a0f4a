#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the test runner: what it would fail to notice, nobody would."""

import os
import sys
import tempfile
import time
import unittest

import capabilities
import cases
import system_files
from case import BootCase, Domain, Machine as MachineConfig
from machine import Failure, Machine
from streams import Demultiplexer, encode


class Streams(unittest.TestCase):
    def test_data_before_any_switch_is_the_log(self):
        streams = Demultiplexer(["a"])
        streams.feed(b"boot\n")
        self.assertEqual(streams.text["log"], "boot\n")

    def test_a_switch_may_be_split_between_reads(self):
        streams = Demultiplexer(["a", "b"])
        for piece in (b"x\x1e", b"2hel", b"lo\x1e", b"1A"):
            streams.feed(piece)
        self.assertEqual((streams.text["log"], streams.text["a"], streams.text["b"]), ("x", "A", "hello"))

    def test_a_stream_that_does_not_exist_is_noticed(self):
        streams = Demultiplexer(["a"])
        streams.feed(b"\x1e9?")
        self.assertEqual(streams.unknown_ids, [0x39])

    def test_what_is_typed_is_addressed(self):
        self.assertEqual(encode(2, "ls\n"), b"\x1e2ls\n")


class OneMachine(unittest.TestCase):
    """A shell stands in for QEMU."""

    def run_shell(self, script, seconds=10):
        directory = tempfile.mkdtemp()
        return Machine(["sh", "-c", script, "sh"], ["a"], directory, time.monotonic() + seconds)

    def test_expected_text_is_found_and_the_status_returned(self):
        with self.run_shell(r"printf '\0361hello\n'; exit 33") as machine:
            machine.expect("a", "hello")
            self.assertEqual(machine.wait_for_exit(), 33)

    def test_dots_stand_for_the_rest_of_a_line(self):
        with self.run_shell(r"printf '\0361one two three\nfour\n'; exit 33") as machine:
            machine.expect("a", "one...three")
            with self.assertRaises(Failure):
                machine.expect("a", "one...four")

    def test_the_wrong_stream_does_not_count(self):
        with self.run_shell(r"printf '\0360hello\n'; exit 33") as machine:
            with self.assertRaisesRegex(Failure, "ended"):
                machine.expect("a", "hello")

    def test_text_is_consumed(self):
        with self.run_shell(r"printf '\0361once\n'; exit 33") as machine:
            machine.expect("a", "once")
            with self.assertRaisesRegex(Failure, "ended"):
                machine.expect("a", "once")

    def test_silence_fails(self):
        with self.run_shell("sleep 20", seconds=0.5) as machine:
            with self.assertRaisesRegex(Failure, "time is up"):
                machine.expect("a", "hello")

    def test_a_machine_that_never_ends_fails(self):
        with self.run_shell("sleep 20", seconds=0.5) as machine:
            with self.assertRaisesRegex(Failure, "time is up"):
                machine.wait_for_exit()


class Files(unittest.TestCase):
    def test_a_case_becomes_the_files_of_a_user(self):
        domain = Domain("web", "hello", extra="echo", on_crash="restart", budget_us=10, period_us=20)
        case = BootCase("x", (), (domain,), machine=MachineConfig(smp=2))
        with tempfile.TemporaryDirectory() as directory:
            path = system_files.write(directory, case, lambda name: f"/k/{name}")
            with open(path, encoding="utf-8") as file:
                system = file.read()
            with open(os.path.join(directory, "web.cfg"), encoding="utf-8") as file:
                config = file.read()
        self.assertIn('kernel = "/k/hello"', config)
        self.assertIn('on_crash = "restart"', config)
        self.assertIn("budget_us = 10", system)
        self.assertIn("cpus = 2", system)


class Capabilities(unittest.TestCase):
    AUTHORITY = "# a comment\ncap monitor:*  16-18  vcpu    ---c--  -\ncap root  5  io_ports  rw----  *  ?\n"
    GOOD = "cap monitor:a    16 vcpu ---c-- -"

    def found(self, *lines):
        log = "\n".join(["[root] capabilities begin", *(f"[domain] {line}" for line in lines), "[root] capabilities end", ""])
        return capabilities.problems(self.AUTHORITY, log)

    def test_what_is_allowed_is_accepted(self):
        self.assertEqual(self.found(self.GOOD), [])
        self.assertEqual(self.found(self.GOOD, "cap root 5 io_ports r----- 7f"), [])

    def test_more_is_refused(self):
        for more in ("cap monitor:a 16 vcpu r--c-- -", "cap monitor:a 19 vcpu ---c-- -", "cap monitor:a 16 region ---c-- -",
                     "cap grant 16 vcpu ---c-- -", "cap monitor:a 16 vcpu ---c-- 1"):
            self.assertEqual(self.found(self.GOOD, more), [f"not allowed: {more}"])

    def test_less_is_refused(self):
        self.assertTrue(self.found("cap root 5 io_ports r----- 1"))

    def test_nothing_is_refused(self):
        self.assertTrue(capabilities.problems(self.AUTHORITY, "hello"))
        self.assertTrue(self.found())


class Cases(unittest.TestCase):
    def test_names_are_unique(self):
        names = [case.name for case in cases.ALL]
        self.assertEqual(len(names), len(set(names)))

    def test_every_case_expects_something(self):
        for case in cases.ALL:
            if isinstance(case, BootCase):
                self.assertTrue(case.steps or case.compare_log_with, case.name)
                self.assertNotEqual(case.status, 0, case.name)

    def test_every_case_shows_a_requirement(self):
        for case in cases.ALL:
            self.assertTrue(case.requirements, case.name)


if __name__ == "__main__":
    sys.exit(unittest.main())
