# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of a benchmark's row go: lets the guest do that row without end, has QEMU log every block of instructions that it executes
for a while, and adds them up by function."""

import collections
import re
import subprocess

# In QEMU's log: Trace CPU: HOST [CS-BASE/PC/FLAGS/CFLAGS] SYMBOL
BLOCK = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/0*([0-9a-f]+)/", re.MULTILINE)


class Program:
    """The code of one ELF file."""

    def __init__(self, name, path):
        self.name = name
        self.path = path
        listing = subprocess.run(["nm", "-C", "-n", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        fields = [line.split(" ", 2) for line in listing.splitlines()]
        self._symbols = {name: int(address, 16) for address, kind, name in fields if kind in "tTwW"}

    def bounds(self):
        """Of its code."""
        headers = subprocess.run(["readelf", "-lW", self.path], capture_output=True, text=True, check=True).stdout
        starts = [(int(f[2], 16), int(f[5], 16)) for f in (line.split() for line in headers.splitlines()) if f[:1] == ["LOAD"] and "E" in f[6:-1]]
        return min(start for start, _ in starts), max(start + size for start, size in starts)

    def address_of(self, function):
        return next(address for name, address in self._symbols.items() if f"{function}(" in name)

    def places(self, addresses):
        """{address: (function, file:line)}, of the innermost function where some are inlined in others."""
        addresses = list(addresses)
        text = "\n".join(f"{address:x}" for address in addresses)
        answer = subprocess.run(["addr2line", "-e", self.path, "-f", "-C"], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
        return {address: (answer[2 * i], answer[2 * i + 1].split(" ")[0]) for i, address in enumerate(addresses)}


def places(programs, addresses):
    """{address: (program, function, file:line)}. The kernel and the components are linked at addresses of their own; what is left is the guest's."""
    result = {address: ("guest", "", "") for address in addresses}
    for program in programs:
        first, last = program.bounds()
        for address, place in program.places(a for a in addresses if first <= a < last).items():
            result[address] = (program.name, *place)
    return result


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


def count(log, marker):
    """{address: instructions} between the first and the last time that the address `marker` was executed, and how many times there were behind the first:
    whole samples, however few."""
    wanted = b"%x" % marker
    result = collections.Counter()
    pending = collections.Counter()
    times = 0
    with open(log, "rb") as file:
        rest = b""
        while chunk := file.read(1 << 22):
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            blocks = BLOCK.findall(data[:end])
            places = [i for i, block in enumerate(blocks) if block == wanted]
            if places:
                if times != 0:
                    result.update(pending)
                result.update(blocks[0 if times != 0 else places[0] + 1:places[-1] + 1])
                pending.clear()
                times += len(places)
            if times != 0:
                pending.update(blocks[places[-1] + 1 if places else 0:])
    return {int(address, 16): n for address, n in result.items()}, max(0, times - 1)


def hardware_costs(counts, samples, kernel):
    """What instruction counts do not show, for each sample: times that the privilege level changed (guest, ring 3 and kernel), and loads of another
    address space's root."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", kernel.path], capture_output=True, text=True, check=True).stdout
    def executed(pattern):
        return sum(counts.get(int(m.group(1), 16), 0) for m in re.finditer(rf"^\s*([0-9a-f]+):\t(?:{pattern})\b.*$", listing, re.MULTILINE))
    returns = executed("sysretq|iretq")
    guest = executed("vmrun")
    # Each way out of the kernel has a way in.
    return {"crossings": 2 * (returns + guest) / samples, "switches": executed(r"mov +%r\w+,%cr3") / samples}


def print_profile(counts, samples, programs, limit, by_line):
    """In instructions for each sample."""
    where = places(programs, counts)
    by_program = collections.Counter()
    by_place = collections.Counter()
    for address, n in counts.items():
        program, function, line = where[address]
        by_program[program] += n
        by_place[f"{program:8} {line if by_line else function}"] += n
    print(f"{samples} samples, {sum(counts.values()) / samples:.0f} instructions each: " +
          ", ".join(f"{program} {n / samples:.0f}" for program, n in by_program.most_common()))
    for name, n in by_place.most_common(limit):
        print(f"{n / samples:10.1f}  {name}")
