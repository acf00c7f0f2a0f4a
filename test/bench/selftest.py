#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the benchmark's own parts (REQ-PERF-001): what it reads, and what its gate refuses."""

import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import mitigations
import profile
import results
import rows
import xen


def figures(median):
    return {"min": median, "median": median, "max": median, "samples": 10}


class Parsing(unittest.TestCase):
    def test_reads_what_a_guest_says(self):
        text = "[bench log] bench: cpuid 690 692 700 1000\nbench: done\n(d3) bench: rdmsr 1 2 3 4\r\n"
        self.assertEqual(results.parse(text), {"cpuid": {"min": 690, "median": 692, "max": 700, "samples": 1000},
                                               "rdmsr": {"min": 1, "median": 2, "max": 3, "samples": 4}})

    def test_counts_what_an_exit_executes_for_speculation(self):
        lines = ["vmrun %rax", "call 2 <x>", "int3", "call 3 <x>", "int3",
                 "add $0x100,%rsp", "xor %ecx,%ecx", "xor %r8d,%r8d", "xor %ecx,%edx", "ret"]
        counts = mitigations.count("".join(f"ffffffff8020516{i:x}:\t{line}\n" for i, line in enumerate(lines)))
        self.assertEqual(sorted(counts.values()), [2, 3])

    def test_takes_no_half_line(self):
        self.assertEqual(results.parse("bench: cpuid 690 692\nbench: FAIL cpuid\n"), {})

    def test_reads_when_a_domain_was_built(self):
        text = "[domain] 'a' started (d1, 16 MiB, 1 vcpu): 4096 KiB beside its RAM, built in 5 us from TSC 100\n[a log] bench: first_instruction 250 250 250 1\n"
        self.assertEqual(results.creation(text)["create_16"]["median"], 150)
        self.assertEqual(results.creation("bench: first_instruction 250 250 250 1\n"), {})

    def test_reads_when_linux_booted(self):
        text = "[domain] 'a' started (d1, 128 MiB, 1 vcpu): 4096 KiB beside its RAM, built in 5 us from TSC 100\nbench: init 9000 9000 9000 1\n"
        self.assertEqual({row: each["median"] for row, each in results.boot(text).items()},
                         {"boot_to_domain": 100, "linux_built": 5000, "linux_started_to_init": 3900, "linux_built_to_init": 8900, "boot_to_init": 9000})
        self.assertEqual(results.boot("bench: init 9000 9000 9000 1\n"), {})

    def test_reads_what_memory_is_used(self):
        text = "[root] memory: 10 KiB kernel and root, 999 KiB boot image, 20 KiB components, 5 KiB unused, 7 KiB for guests\n"
        domain = "[domain] 'x' started (d1, 16 MiB, 1 vcpu): {} KiB beside its RAM, built in 5 us from TSC 100\n"
        found = results.memory(text + domain.format(3) + domain.format(4))
        self.assertEqual({row: each["median"] for row, each in found.items()},
                         {"kernel_and_root": 10, "components": 20, "unused": 5, "all_with_no_domain": 30, "all_with_1_domain": 33, "all_with_2_domains": 37})
        self.assertEqual(results.memory(text), {})


class Gate(unittest.TestCase):
    baseline = {"64": {"cpuid": figures(1000)}}

    def compare(self, median):
        return results.compare({"64": {"cpuid": figures(median)}}, self.baseline)

    def test_lets_small_changes_pass(self):
        self.assertEqual(self.compare(1030), [])
        self.assertEqual(self.compare(500), [])

    def test_refuses_growth(self):
        self.assertEqual(self.compare(1031), ["cpuid (64-bit) grew by 3.1 %: 1000 -> 1031 instructions"])

    def test_refuses_rows_that_are_gone_or_new(self):
        self.assertEqual(results.compare({}, self.baseline), ["cpuid (64-bit) was not measured"])
        found = {"64": {"cpuid": figures(1000), "rdmsr": figures(1)}}
        self.assertEqual(results.compare(found, self.baseline), ["rdmsr (64-bit) is not in the baseline"])

    def test_boots_of_other_kernels_are_not_compared(self):
        baseline = {"64": {"cpuid": figures(1), "boot_to_init": figures(2)}, "32": {"boot_to_init": figures(3)}, rows.PACKAGES: {"64": "old", "32": "same"}}
        found = {"64": {"cpuid": figures(4), "boot_to_init": figures(5)}, "32": {"boot_to_init": figures(6)}}
        now, before, others = rows.comparable(found, baseline, {"64": "new", "32": "same"})
        self.assertEqual(others, ["64"])
        self.assertEqual(now, {"64": {"cpuid": figures(4)}, "32": {"boot_to_init": figures(6)}})
        self.assertEqual(before, {"64": {"cpuid": figures(1)}, "32": {"boot_to_init": figures(3)}})

    def test_memory_has_its_own_unit(self):
        problems = results.compare({"memory": {"components": figures(104)}}, {"memory": {"components": figures(100)}})
        self.assertEqual(problems, ["components (memory) grew by 4.0 %: 100 -> 104 KiB"])

    def test_names_rows_that_shrank(self):
        self.assertEqual(results.improved({"64": {"cpuid": figures(900)}}, self.baseline), ["cpuid (64-bit): 1000 -> 900"])


class Rows(unittest.TestCase):
    def test_names_are_unique(self):
        for width in rows.KINDS:
            names = [row.name for row in rows.all_rows(width)]
            self.assertEqual(len(names), len(set(names)))

    def test_each_is_found(self):
        for width in rows.KINDS:
            for row in rows.all_rows(width):
                self.assertIn(row, rows.boot_of(row.name, width).rows)

    def test_the_gate_leaves_out_what_takes_long(self):
        found = {"64": {"cpuid": figures(1), "restart_60000_mapped": figures(1), "latency_below_1_mapped": figures(1)}}
        self.assertEqual(rows.gated(found), {"64": {"cpuid": figures(1)}})

    def test_the_kernels_rows_are_a_kind_of_their_own(self):
        found = {"kernel": {"mint": figures(104)}}
        self.assertEqual(rows.gated(found), found)
        self.assertEqual(results.compare(found, {"kernel": {"mint": figures(100)}}), ["mint (kernel) grew by 4.0 %: 100 -> 104 instructions"])
        self.assertNotIn("mint", [row.name for row in rows.all_rows("64")])
        self.assertIn("| all at once (per operation, 10 in a call) | 3 | 3 | 3 |",
                      results.kernel_table((rows.Row("all", "all at once", 10), rows.Row("none", "not there")), {"all": figures(30)}))

    def test_the_table_is_per_operation(self):
        row = rows.Row("many", "many at once", 10)
        text = results.table((row,), "64", {"many": figures(1000)}, {"many": figures(2500)}, {}, {"many": {"crossings": 40, "switches": 20}})
        self.assertIn("| many at once (per operation, 10 in a call) | 100 | 100 | 250 | 250 |  |  | 2.5 | 4.0 | 2.0 |", text)


class Profiles(unittest.TestCase):
    def count(self, addresses):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "log")
            with open(path, "w", encoding="ascii") as file:
                file.write("".join(f"Trace 0: 0x7f00aa [0000000000000000/{address:016x}/00000000/ff000201] name\n" for address in addresses))
            return profile.count(path, 0xadd)

    def test_whole_samples_are_counted(self):
        self.assertEqual(self.count([1, 2, 0xadd, 1, 2, 2, 0xadd, 1, 0xadd, 2]), ({1: 2, 2: 2, 0xadd: 2}, 2))

    def test_a_sample_may_be_longer_than_what_is_read_at_once(self):
        counts, samples = self.count([0xadd] + [1] * 100_000 + [0xadd] + [2] * 100_000)
        self.assertEqual((counts, samples), ({1: 100_000, 0xadd: 1}, 1))

    def test_no_whole_sample_is_none(self):
        self.assertEqual(self.count([1, 0xadd, 2])[1], 0)
        self.assertEqual(self.count([1, 2])[1], 0)


class OnXen(unittest.TestCase):
    def test_each_domain_is_told_its_peer(self):
        with tempfile.TemporaryDirectory() as directory:
            guests = os.path.join(directory, "guests")
            kernel = os.path.join(directory, "kernel")
            with open(kernel, "wb") as file:
                file.write(b"elf")
            xen.write_guests(guests, kernel)
            with open(os.path.join(guests, "list"), encoding="utf-8") as file:
                lines = file.read().split("\n")
            self.assertEqual(lines[:2], ["alone-bench", "peer-serve peer-bench"])
            with open(os.path.join(guests, "peer-serve.cfg"), encoding="utf-8") as file:
                self.assertIn("peer=3", file.read())  # domain 1 was alone-bench
            with open(os.path.join(guests, "peer-bench.cfg"), encoding="utf-8") as file:
                self.assertIn("peer=2", file.read())


    def test_linux_comes_last(self):
        with tempfile.TemporaryDirectory() as directory:
            ramdisk, guests = os.path.join(directory, "ramdisk"), os.path.join(directory, "guests")
            for path in (ramdisk, os.path.join(directory, "kernel")):
                with open(path, "wb") as file:
                    file.write(b"content")
            xen.write_guests(guests, os.path.join(directory, "kernel"))
            xen.add_linux(guests, b"elf", ramdisk)
            with open(os.path.join(guests, "list"), encoding="utf-8") as file:
                self.assertEqual(file.read().split("\n")[-2:], ["linux", ""])
            with open(os.path.join(guests, "linux.cfg"), encoding="utf-8") as file:
                self.assertIn('ramdisk = "/guests/init64.cpio"', file.read())
        self.assertEqual(xen.linux_row("(guest) bench: init 7 7 7 1\n")["linux_built_to_init"]["median"], 7)
        self.assertEqual(xen.linux_row("bench: cpuid 1 1 1 1\n"), {})


class Documents(unittest.TestCase):
    def test_are_what_the_results_say(self):
        """docs/performance-results.md is written from bench/results.json: ./bulkhead bench --write-documents."""
        repository = os.path.dirname(os.path.dirname(HERE))
        with open(os.path.join(repository, "bench", "results.json"), encoding="utf-8") as file:
            kept = json.load(file)
        with open(os.path.join(repository, "docs", "performance-results.md"), encoding="utf-8") as file:
            self.assertEqual(file.read(), results.document(rows.WIDTHS, rows.all_rows, kept))


if __name__ == "__main__":
    unittest.main()
