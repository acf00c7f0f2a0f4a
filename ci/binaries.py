#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-KERNEL-006, REQ-KERNEL-007, REQ-KERNEL-008, REQ-KERNEL-014, REQ-COMP-005): what the linked kernel and components must not be: no allocator, no segment both writable and executable, no undefined symbol, no vector
or x87 instruction (a guest's registers stay in the CPU while its monitor runs), no code of one service in another.

    binaries.py BUILD"""

import glob
import os
import re
import subprocess
import sys

SERVICES = ("root", "memory", "grant", "event", "vcpu", "domain", "console")
ALLOCATION = re.compile(r"^(operator (new|delete)(\[\])?\((?!.*void\*\)$)|malloc$|calloc$|realloc$|free$|sbrk$|_Znwm|_Znam)")
# Saving and restoring a guest's vector state, and the control registers of it, is the kernel's work (its architecture part only).
STATE_INSTRUCTIONS = {"fxsave", "fxsave64", "fxrstor", "fxrstor64", "xsave", "xsave64", "xsaveopt", "xsaveopt64", "xsavec", "xsavec64",
                      "xsaves", "xsaves64", "xrstor", "xrstor64", "xrstors", "xrstors64", "xsetbv", "xgetbv", "fninit", "fnclex", "ldmxcsr",
                      "stmxcsr", "emms", "fnsave", "frstor", "fnstcw", "fldcw", "fildl"}
VECTOR_OPERAND = re.compile(r"%[xyz]?mm\d|%k[0-7]\b|%st\b")
# Entries of the return-address predictor.
PREDICTED_RETURNS = 32
X87 = re.compile(r"^f[a-z0-9]+$")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def segment_problems(name, readelf_segments):
    found = []
    loads = 0
    for line in readelf_segments.splitlines():
        match = re.match(r"\s*LOAD\s+(?:0x\w+\s+){5}([RWE ]{3})\s", line)
        if match:
            loads += 1
            if "W" in match.group(1) and "E" in match.group(1):
                found.append(f"{name}: a segment is writable and executable: {line.strip()}")
    if loads == 0:
        found.append(f"{name}: no loadable segment found")
    return found


def symbol_problems(name, symbols, service=None):
    """`symbols`: output of nm --demangle."""
    found = []
    for line in symbols.splitlines():
        match = re.match(r"[0-9a-f ]{16} (\S) (.*)", line)
        if not match:
            continue
        kind, symbol = match.groups()
        if kind == "U":
            found.append(f"{name}: undefined symbol {symbol}")
        if ALLOCATION.match(symbol):
            found.append(f"{name}: allocates: {symbol}")
        if service is not None:
            for other in SERVICES:
                if other != service and re.search(rf"\bbulkhead::{other}::", symbol):
                    found.append(f"{name}: has {symbol}, of services/{other}")
            if "bulkhead::kernel::" in symbol:
                found.append(f"{name}: has {symbol}, of the kernel")
    return found


def instruction_problems(name, disassembly, may_save_state):
    found = []
    function = "?"
    for line in disassembly.splitlines():
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            function = head.group(1)
            continue
        match = re.match(r"\s*[0-9a-f]+:\s+(?:(?:rep|repz|repnz|lock|data16|rex\.\w+|cs|ds|notrack)\s+)*(\S+)\s*(.*)", line)
        if not match:
            continue
        mnemonic, operands = match.groups()
        if may_save_state and mnemonic in STATE_INSTRUCTIONS:
            continue
        operands = operands.split("#")[0]
        if VECTOR_OPERAND.search(operands) or X87.match(mnemonic) or mnemonic in STATE_INSTRUCTIONS:
            found.append(f"{name}: {mnemonic} {operands.strip()} in {function}")
    return found


def return_problems(name, disassembly):
    """Behind VMRUN the return-address predictor is overwritten before the first RET. `disassembly`: of svm_run."""
    mnemonics = re.findall(r"^\s*[0-9a-f]+:\s+(\S+)", disassembly, re.M)
    if "vmrun" not in mnemonics:
        return [f"{name}: no VMRUN in svm_run"]
    behind = mnemonics[mnemonics.index("vmrun"):]
    calls = behind[:behind.index("ret")].count("call") if "ret" in behind else 0
    return [] if calls >= PREDICTED_RETURNS else [f"{name}: {calls} calls between VMRUN and RET, not {PREDICTED_RETURNS}"]


def check(path, service, is_kernel):
    name = os.path.basename(path)
    found = segment_problems(name, run("readelf", "-lW", path))
    found += symbol_problems(name, run("nm", "--demangle", path), service)
    found += instruction_problems(name, run("objdump", "-d", "--no-show-raw-insn", "--demangle", path), is_kernel)
    return found


def main(build):
    kernel = os.path.join(build, "kernel", "bulkhead-kernel.elf")
    components = sorted(glob.glob(os.path.join(build, "components", "*.elf")))
    missing = [] if os.path.exists(kernel) else ["the kernel is not built"]
    built = {os.path.basename(path)[:-4] for path in components}
    missing += [f"component {service} is not built" for service in SERVICES if service not in built]
    found = list(missing)
    if os.path.exists(kernel):
        found += check(kernel, None, True)
        found += return_problems("bulkhead-kernel.elf", run("objdump", "-d", "--no-show-raw-insn", "--disassemble=svm_run", kernel))
    for path in components:
        name = os.path.basename(path)[:-4]
        found += check(path, name if name in SERVICES else None, False)  # what tests start in root's place may have a part of it
    print("\n".join(found))
    print(f"binaries: the kernel, {len(components)} components, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
