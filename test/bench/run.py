#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Bulkhead in instructions per operation: boots the benchmark guests in the emulator, where one tick of the time-stamp counter is one
instruction and a run is the same to the byte, prints a table and writes bench/results.json and the chart of docs/performance.md.

Without options every row is measured, in a 64-bit and in a 32-bit guest, and compared with bench/baseline.json: a row that grew by more than 3 % is an
error. Ends with `N passed, N failed`: one for each row."""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(REPOSITORY, "test", "system"))

import fair
import mitigations
import profile
import results
import rows
import sections
import xen
from machine import Failure
from run import Runner

FIRST_TASKS = ("operations",)  # in root's place
COMPONENTS = ("root", "memory", "grant", "event", "console", "domain", "vcpu")
RESULTS = os.path.join(REPOSITORY, "bench", "results.json")
BASELINE = os.path.join(REPOSITORY, "bench", "baseline.json")


class Bench:
    def __init__(self, options):
        self._options = options
        options.trace = options.gdb = False
        self._runner = Runner(options)

    def runner(self):
        return self._runner

    def measure(self, boot, kind):
        """{row: figures} of one boot."""
        def until_done(_, machine):
            for _ in range(boot.active):
                machine.expect("log", "log] bench: active")
            if boot.active:
                machine.expect("log", f"log] bench: {boot.rows[0].name} ")
            machine.expect("log", f"[{boot.until} log] bench: done")

        streams = self._runner.boot(boot.case(kind), until_done if boot.until else None)
        text = "\n".join(streams.values())
        found = results.parse(text) | results.creation(text) | results.boot(text)
        missing = [row.name for row in boot.rows_of(kind) if row.name not in found]
        if missing:
            raise Failure(f"{boot.name} {results.place(kind)} did not measure {', '.join(missing)}")
        return {row.name: found[row.name] for row in boot.rows_of(kind)}

    def measure_memory(self):
        def until_all_run(case, machine):
            machine.expect("log", f"'{case.domains[-1].name}' started...\n")

        figures = results.memory(self._runner.boot(rows.MEMORY_BOOT.case("64"), until_all_run)["log"])
        if f"all_with_{rows.MEMORY_DOMAINS}_domains" not in figures:
            raise Failure(f"the log does not say what memory {rows.MEMORY_DOMAINS} domains use")
        return figures

    def record(self, row, kind, seconds):
        """{address: instructions} while that row is repeated, and how many samples were taken meanwhile."""
        log = os.path.join(self._options.build, "bench", f"{row}-{kind}.log")
        os.makedirs(os.path.dirname(log), exist_ok=True)
        if os.path.exists(log):  # QEMU would append
            os.unlink(log)

        def play(_, machine):
            machine.expect("log", "bench: profiling")
            machine.run_for(1)
            profile.record(machine, log, seconds)

        boot = rows.boot_of(row, kind)
        self._runner.boot(boot.case(kind, f"profile={row}"), play)
        guest = profile.Program("guest", os.path.join(self._options.build, boot.program(kind)))
        counts, samples = profile.count(log, guest.address_of("Samples::add"))
        os.unlink(log)
        return counts, samples

    def programs(self):
        paths = [("kernel", os.path.join(self._options.build, "kernel", "bulkhead-kernel.elf"))]
        paths += [(name, os.path.join(self._options.build, "components", f"{name}.elf")) for name in COMPONENTS + FIRST_TASKS]
        return [profile.Program(name, path) for name, path in paths]

    def costs(self, row, width):
        """Of one sample. A sample of some rows takes seconds, one step at a time."""
        for seconds in (1, 10, 30):
            counts, samples = self.record(row, width, seconds)
            if samples != 0:
                return profile.hardware_costs(counts, samples, self.programs()[0])
        raise Failure(f"{row}: not one whole sample in 30 seconds")


def sizes(build):
    """Bytes of code, constants and data that are loaded, of kernel and components."""
    result = {}
    for name, path in [("kernel", os.path.join(build, "kernel", "bulkhead-kernel.elf"))] + [
            (name, os.path.join(build, "components", f"{name}.elf")) for name in COMPONENTS]:
        text, data, bss = subprocess.run(["size", path], capture_output=True, text=True, check=True).stdout.splitlines()[1].split()[:3]
        result[name] = {"text": int(text), "data": int(data), "bss": int(bss)}
    return result


def load(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def save(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")
    os.rename(path + ".new", path)


def measure_all(bench, jobs, for_gate):
    found = {kind: {} for kind in rows.KINDS}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        # The longest first.
        boots = sorted((boot for boot in rows.BOOTS if boot.in_gate or not for_gate), key=lambda boot: boot is not rows.LINUX_BOOT)
        runs = {pool.submit(bench.measure, boot, kind): kind for boot in boots for kind in boot.kinds}
        memory = pool.submit(bench.measure_memory)
        for run in concurrent.futures.as_completed(runs):
            found[runs[run]].update(run.result())
        found["memory"] = memory.result()
    return found


def measure_sections(bench, options):
    found, cases, failed = sections.measure(bench.runner(), options.build, REPOSITORY, options.jobs)
    if not failed:
        save(RESULTS, {**load(RESULTS), "sections": {"cases": cases, "longest": found}})
        write_documents()
    print(results.sections_table(found))
    print(f"{cases - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


def write_documents():
    """Table and chart in docs/, from the results; returns the table."""
    kept = load(RESULTS)
    text = results.document(rows.WIDTHS, rows.all_rows, kept)
    with open(os.path.join(REPOSITORY, "docs", "performance-results.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(REPOSITORY, "docs", "performance.svg"), "w", encoding="utf-8") as file:
        file.write(results.chart(rows.all_rows("64"), kept["bulkhead"]["64"], kept["fair xen"], "64-bit PVH guest", "Xen 4.17 with a stand-in for NRIP save"))
    return text


def linux_packages(guests):
    """{width: the file name of Debian's package}: the boot of another version takes another time."""
    result = {}
    for width, name in rows.LINUX_KERNELS.items():
        with open(os.path.join(guests, name, "package"), encoding="utf-8") as file:
            result[width] = file.read().strip()
    return result


def write_baseline(everything, guests):
    save(BASELINE, {**rows.gated(everything), rows.PACKAGES: linux_packages(guests)})


def gate(everything, guests):
    found, baseline, others = rows.comparable(rows.gated(everything), load(BASELINE), linux_packages(guests))
    for width in others:
        print(f"      another kernel of Debian's than the baseline's: its boot is not compared {results.place(width)}")
    problems = results.compare(found, baseline)
    for problem in problems:
        print(f"FAIL  {problem}")
    for better in results.improved(found, baseline):
        print(f"      {better}: renew the baseline (--write-baseline)")
    total = sum(len(figures) for figures in found.values())
    print(f"{max(0, total - len(problems))} passed, {len(problems)} failed")
    return 1 if problems or not total else 0


def parse_options():
    parser = argparse.ArgumentParser(prog="./bulkhead bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build", "out"), help=argparse.SUPPRESS)
    parser.add_argument("--guests", default=os.path.join(REPOSITORY, "build", "deps", "guests"), help=argparse.SUPPRESS)
    parser.add_argument("--jobs", type=int, default=2, help="machines at once")
    parser.add_argument("--patience", type=float, default=3, help="multiplies every time limit")
    parser.add_argument("--peer", choices=("xen",), help="measure Debian's Xen as well (it fetches Xen's packages first); otherwise the last figures are kept")
    parser.add_argument("--gate", action="store_true", help="only measure what the baseline has, and compare")
    parser.add_argument("--write-baseline", action="store_true", help="what is measured is the baseline from now on")
    parser.add_argument("--profile", metavar="ROW", help="say where that row's instructions go, by function, instead")
    parser.add_argument("--width", default="64", choices=rows.KINDS, help="of the guest that is profiled; or kernel: its own operations, with what prepares each")
    parser.add_argument("--seconds", type=float, default=3, help="how long to record a profile")
    parser.add_argument("--lines", type=int, default=40, help="of the profile")
    parser.add_argument("--by-line", action="store_true", help="profile by source line")
    parser.add_argument("--sections", action="store_true", help="run the system tests on a kernel that measures how long interrupts stay off, and keep the longest")
    parser.add_argument("--write-documents", action="store_true", help="only write docs/ anew from bench/results.json")
    options = parser.parse_args()
    known = [row.name for row in rows.all_rows(options.width) if not row.once]
    if options.profile and options.profile not in known:
        parser.error(f"no row {options.profile} {results.place(options.width)} can be repeated and profiled; there are: {', '.join(known)}")
    options.build, options.guests = os.path.abspath(options.build), os.path.abspath(options.guests)
    return options


def main():
    options = parse_options()
    if options.write_documents:
        write_documents()
        return 0
    bench = Bench(options)
    if options.sections:
        return measure_sections(bench, options)
    if options.profile:
        counts, samples = bench.record(options.profile, options.width, options.seconds)
        if samples == 0:
            raise Failure(f"{options.profile}: no sample was seen from beginning to end: let it record for longer (--seconds)")
        profile.print_profile(counts, samples, bench.programs(), options.lines, options.by_line)
        return 0
    found = measure_all(bench, options.jobs, options.gate)
    if options.write_baseline:
        write_baseline(found, options.guests)
    if options.gate:
        return gate(found, options.guests)
    costs = {width: {row.name: bench.costs(row.name, width) for row in rows.all_rows(width) if not row.once} for width in rows.WIDTHS}
    peer = {"64": xen.measure(options.build, os.path.dirname(options.guests))} if options.peer else load(RESULTS).get("xen", {})
    save(RESULTS, {"bulkhead": found, "xen": peer, "fair xen": fair.FIGURES, "costs": costs, "image bytes": sizes(options.build),
                   "mitigations": mitigations.of_kernel(os.path.join(options.build, "kernel", "bulkhead-kernel.elf")),
                   "sections": load(RESULTS).get("sections", {})})
    print(write_documents())
    return gate(found, options.guests)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"bench: {failure}")
