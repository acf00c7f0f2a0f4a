#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Bulkhead."""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(REPOSITORY, "test", "system"))

import profile
import rows
from run import Runner


def profile_row(runner, options):
    boot = rows.boot_of(options.profile, options.width)
    programs = [profile.Program("kernel", os.path.join(options.build, "kernel", "bulkhead-kernel.elf"))]
    for name in ("root", "memory", "grant", "event", "console", "domain", "vcpu"):
        programs.append(profile.Program(name, os.path.join(options.build, "components", f"{name}.elf")))
    guest = profile.Program("guest", os.path.join(options.build, "guests", f"bench{options.width}.elf"))
    log = os.path.join(options.build, "bench", "profile.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    if os.path.exists(log):  # QEMU would append
        os.unlink(log)

    def play(case, machine):
        machine.expect("log", "bench: profiling")
        machine.run_for(1)
        profile.record(machine, log, options.seconds)

    runner.boot(boot.case(options.width, f"profile={options.profile}"), play)
    counts = profile.count(log)
    if not options.keep:
        os.unlink(log)
    profile.print_profile(counts, programs, guest.address_of("Samples::add"), options.lines, options.by_line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build", "out"))
    parser.add_argument("--guests", default=os.path.join(REPOSITORY, "build", "deps", "guests"))
    parser.add_argument("--width", default="64", choices=("64", "32"))
    parser.add_argument("--profile", metavar="ROW")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--by-line", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.trace = options.gdb = False
    options.patience = 3
    runner = Runner(options)
    if options.profile:
        profile_row(runner, options)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
