# SPDX-License-Identifier: Apache-2.0
"""How long interrupts stay off in the kernel: runs the system tests on the kernel that measures it (test/bench/kernel/sections.cpp), and says what took
longest and where it ended."""

import concurrent.futures
import os
import re
from dataclasses import replace

import cases
from case import BootCase
from machine import Failure
import profile

LOG = "sections.log"
KINDS = {"e": "exception", "i": "interrupt in ring 3", "n": "interrupt while idle or behind a guest's exit", "g": "exit of a guest", "w": "end of idling"}


def is_measured(case):
    """Instructions are counted by one counter for all CPUs, and each machine has the shipped kernel."""
    machine = case.machine if isinstance(case, BootCase) else None
    return machine is not None and machine.smp == 1 and machine.kernel == "bulkhead-kernel" and machine.boot == "kernel" and machine.icount_shift == 0


def measured(case):
    machine = replace(case.machine, kernel="bulkhead-kernel-measured", debug_console=LOG)
    return replace(case, name=f"sections-{case.name}", machine=machine, timeout=2 * case.timeout)


def names_in(header, pattern):
    with open(header, encoding="utf-8") as file:
        return re.findall(pattern, file.read())


class Names:
    """Of system calls and methods, by number, from the kernel's own tables."""

    def __init__(self, repository):
        abi = os.path.join(repository, "kernel", "include", "bulkhead", "abi")
        with open(os.path.join(abi, "syscall.hpp"), encoding="utf-8") as file:
            body = re.search(r"enum class Syscall[^{]*\{(.*?)\};", file.read(), re.DOTALL).group(1)
        self._calls = re.findall(r"^\s*(\w+) = \d+", body, re.MULTILINE)
        self._methods = names_in(os.path.join(abi, "methods.hpp"), r"\{Method::(\w+), ObjectType")

    def cause(self, kind, detail):
        if kind == "s":
            call, method = detail & 0xff, detail >> 8
            name = self._calls[call] if call < len(self._calls) else f"system call {call}"
            return f"{name} {self._methods[method]}" if name == "invoke" and method < len(self._methods) else name
        return KINDS[kind]


def longest_of(directory):
    """{(kind, detail): (ticks, address)}: in the log each line of a kind is longer than those before it."""
    with open(os.path.join(directory, LOG), encoding="ascii") as file:
        lines = [line.split() for line in file if line.endswith("\n")]
    found = {}
    for kind, *numbers in lines:
        ticks, detail, where = (int(number, 16) for number in numbers)
        found[kind, detail if kind == "s" else 0] = ticks, where
    return found  # nothing if the machine was refused


def measure(runner, build, repository, jobs):
    """[{ticks, cause, place, case}] for each cause, the longest first; how many cases were run, and how many of them failed."""
    chosen = sorted((measured(case) for case in cases.ALL if is_measured(case)), key=lambda case: case.timeout)
    names = Names(repository)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(runner.run, chosen))
    worst = {}
    for outcome in outcomes:
        name = outcome.case.name
        if not outcome.failure:
            for what, (ticks, where) in longest_of(os.path.join(build, "system-tests", name)).items():
                worst[what] = max(worst.get(what, (0, 0, "")), (ticks, where, name.removeprefix("sections-")))
    if not worst:
        raise Failure("the kernel measured nothing")
    kernel = profile.Program("kernel", os.path.join(build, "kernel", "bulkhead-kernel-measured.elf"))
    places = kernel.places({where - 1 for _, where, _ in worst.values()})  # within the call
    result = []
    for (kind, detail), (ticks, where, case) in worst.items():
        function, line = places[where - 1]
        name = function.split("(")[0].removeprefix("bulkhead::kernel::")
        result.append({"ticks": ticks, "cause": names.cause(kind, detail), "place": f"{name} ({line[line.rfind('/kernel/') + 1:]})", "case": case})
    return sorted(result, key=lambda section: -section["ticks"]), len(outcomes), sum(1 for o in outcomes if o.failure)
