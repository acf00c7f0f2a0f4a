# SPDX-License-Identifier: Apache-2.0
"""The benchmark guest on Debian's own Xen, in the same emulator and as deterministically: what fetch.sh and initramfs.sh of test/conformance/xen prepare,
with the benchmark's domains in it. Only 64-bit guests: Debian's Xen does not run 32-bit ones with PAE under this emulator (it takes the accessed bit of a
page-directory pointer for a reserved one). One CPU."""

import importlib.util
import os
import re
import subprocess
import tempfile

import results
import rows
from machine import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
XEN = os.path.join(REPOSITORY, "test", "conformance", "xen")
ENDED_WELL = 33
CONFIG = """name = "{name}"
type = "pvh"
kernel = "/guests/bench64.elf"
memory = {memory}
vcpus = {vcpus}
tsc_mode = "native"
extra = "{extra}"
on_poweroff = "destroy"
on_crash = "destroy"
on_reboot = "destroy"
"""


def conformance_runner():
    """How a machine with Xen is started: test/conformance/xen/run.py."""
    spec = importlib.util.spec_from_file_location("conformance_on_xen", os.path.join(XEN, "run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def boots():
    """Those that one domain after the other can go through: with one CPU, and only guests that end."""
    return [boot for boot in rows.GUEST_BOOTS if boot.smp == 1 and not boot.until]


def write_guests(directory, kernel):
    """The files of /guests. xl numbers domains from 1 on, in the order of their creation; each is told who its peer is."""
    os.makedirs(directory)
    with open(kernel, "rb") as source, open(os.path.join(directory, "bench64.elf"), "wb") as target:
        target.write(source.read())
    first = 1
    lines = []
    for boot in boots():
        names = [f"{boot.name}-{guest.name}" for guest in boot.guests]
        for name, guest in zip(names, boot.guests):
            extra = re.sub(r"peer=(\d+)", lambda m: f"peer={first + int(m.group(1)) - 1}", guest.extra)
            with open(os.path.join(directory, f"{name}.cfg"), "w", encoding="utf-8") as file:
                file.write(CONFIG.format(name=name, memory=rows.GUEST_MEMORY_MIB, vcpus=guest.vcpus, extra=extra))
        lines.append(" ".join(names))
        first += len(names)
    with open(os.path.join(directory, "list"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def add_archive(ramdisk, root):
    """Behind the archive that is there: the kernel unpacks one after the other."""
    names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=root, capture_output=True, check=True).stdout
    archive = subprocess.run(["busybox", "cpio", "-o", "-H", "newc", "-R", "0:0"], input=names, cwd=root, capture_output=True, check=True).stdout
    with open(ramdisk, "ab") as file:
        file.write(archive)


def measure(build, dependencies, timeout=1800):
    """{row: figures}"""
    runner = conformance_runner()
    subprocess.run([os.path.join(XEN, "fetch.sh")], check=True, env={**os.environ, "BULKHEAD_DEPS": dependencies})
    directory, kernel, ramdisk = runner.prepare(build, dependencies, [])
    with tempfile.TemporaryDirectory() as root:
        write_guests(os.path.join(root, "guests"), os.path.join(build, "guests", "bench64.elf"))
        add_archive(ramdisk, root)
    console, status = runner.boot(directory, os.path.join(dependencies, "xen", "xen.elf"), kernel, ramdisk, timeout)
    found = results.parse(console)
    missing = [row.name for boot in boots() for row in boot.rows_of("64") if row.name not in found]
    failures = re.findall(r"bench: FAIL .*", console)
    if status != ENDED_WELL or missing:
        raise Failure(f"on Xen: QEMU's status is {status}, not measured: {', '.join(missing) or 'nothing'}; {'; '.join(failures)}; "
                      f"see {os.path.join(directory, 'console.txt')}")
    return found
