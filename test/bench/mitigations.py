# SPDX-License-Identifier: Apache-2.0
"""What each exit of a guest executes for no other reason than that processors speculate: counted in the shipped kernel's code. All
rows with an exit have it in them."""

import re
import subprocess


def count(disassembly):
    """Instructions of svm_run, from objdump's text: {what: instructions}."""
    instructions = re.findall(r"^\s*[0-9a-f]+:\s+(\S.*?)\s*$", disassembly, re.M)
    end = next(i for i, text in enumerate(instructions) if re.match(r"add\s+\$0x100,%rsp", text))
    begin = next(i for i, text in enumerate(instructions) if text.startswith("call"))
    overwriting = [text for text in instructions[begin:end + 1] if not text.startswith("int3")]
    clearing = [text for text in instructions[end + 1:] if re.match(r"xor\s+(%\w+),\1$", text)]
    return {"return-address predictor overwritten": len(overwriting), "registers that held a guest's values cleared": len(clearing)}


def of_kernel(path):
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=svm_run", path], capture_output=True, text=True, check=True).stdout
    return count(text)
