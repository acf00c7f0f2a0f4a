# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of a benchmark's row go: lets the guest do that row without end, has QEMU log every block of instructions that it executes
for a while, and adds them up by function."""

import bisect
import collections
import re
import subprocess

# In QEMU's log: Trace CPU: HOST [CS-BASE/PC/FLAGS/CFLAGS] SYMBOL
BLOCK = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)


class Program:
    """The functions of one ELF file."""

    def __init__(self, name, path):
        self.name = name
        listing = subprocess.run(["nm", "-C", "-n", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        symbols = [(int(line.split(" ", 2)[0], 16), line.split(" ", 2)[2]) for line in listing.splitlines() if line.split(" ", 2)[1] in "tTwW"]
        self._starts = [start for start, _ in symbols]
        self._names = [name for _, name in symbols]

    def bounds(self):
        return self._starts[0], self._starts[-1] + 0x10000

    def address_of(self, function):
        for start, name in zip(self._starts, self._names):
            if f"{function}(" in name:
                return start
        raise KeyError(function)

    def function_at(self, address):
        at = bisect.bisect_right(self._starts, address) - 1
        return self._names[at] if at >= 0 else "?"


class Symbols:
    """Whose an address is. The kernel and the components are linked at addresses of their own."""

    def __init__(self, programs):
        self._programs = programs

    def name(self, address):
        for program in self._programs:
            first, last = program.bounds()
            if first <= address < last:
                return f"{program.name}: {program.function_at(address)}"
        return "guest"


def record(machine, log, seconds):
    """One instruction is one block while the machine goes by single steps."""
    machine.monitor_command("stop")
    machine.monitor_command("singlestep on")
    machine.monitor_command(f"logfile {log}")
    machine.monitor_command("log exec,nochain")
    machine.monitor_command("cont")
    machine.run_for(seconds)
    machine.monitor_command("stop")
    machine.monitor_command("log none")


def count(log):
    """{address: instructions}"""
    result = collections.Counter()
    with open(log, "rb") as file:
        rest = b""
        while chunk := file.read(1 << 22):
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            result.update(BLOCK.findall(data[:end]))
    return {int(address, 16): n for address, n in result.items()}


def print_profile(counts, symbols, guest_marker, limit):
    """By function, in instructions for each sample. `guest_marker`: an address that the guest executes once for each."""
    samples = counts.get(guest_marker, 0)
    if samples == 0:
        raise ValueError("no sample was seen from beginning to end: let it record for longer")
    by_function = collections.Counter()
    for address, n in counts.items():
        by_function[symbols.name(address)] += n
    by_program = collections.Counter()
    for name, n in by_function.items():
        by_program[name.split(":", 1)[0]] += n
    print(f"{samples} samples, {sum(counts.values()) / samples:.0f} instructions each: " +
          ", ".join(f"{program} {n / samples:.0f}" for program, n in by_program.most_common()))
    for name, n in by_function.most_common(limit):
        print(f"{n / samples:10.1f}  {name}")
