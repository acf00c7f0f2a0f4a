# SPDX-License-Identifier: Apache-2.0
"""The benchmark guest on Debian's own Xen, in the same emulator and as deterministically: what fetch.sh and initramfs.sh of test/conformance/xen prepare,
with the benchmark's domains in it. Only 64-bit guests: Debian's Xen does not run 32-bit ones with PAE under this emulator (it takes the accessed bit of a
page-directory pointer for a reserved one). One CPU."""

import importlib.util
import os
import re
import shutil
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
kernel = "/guests/{kernel}"
memory = {memory}
vcpus = {vcpus}
tsc_mode = "native"
extra = "{extra}"
on_poweroff = "destroy"
on_crash = "destroy"
on_reboot = "destroy"
"""


LINUX = "linux"  # the domain with Debian's kernel
LINUX_KERNEL, LINUX_RAMDISK = "linux64", "init64.cpio"


def conformance_runner():
    """How a machine with Xen is started: test/conformance/xen/run.py."""
    spec = importlib.util.spec_from_file_location("conformance_on_xen", os.path.join(XEN, "run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def boots():
    """Those that one domain after the other can go through: with one CPU, and only guests that end."""
    return [boot for boot in rows.GUEST_BOOTS if boot.smp == 1 and not boot.until]


def write_file(path, content):
    with open(path, "w" if isinstance(content, str) else "wb", encoding="utf-8" if isinstance(content, str) else None) as file:
        file.write(content)


def write_guests(directory, kernel):
    """The files of /guests. xl numbers domains from 1 on, in the order of their creation; each is told who its peer is."""
    os.makedirs(directory)
    shutil.copyfile(kernel, os.path.join(directory, "bench64.elf"))
    first = 1
    lines = []
    for boot in boots():
        names = [f"{boot.name}-{guest.name}" for guest in boot.guests]
        for name, guest in zip(names, boot.guests):
            extra = re.sub(r"peer=(\d+)", lambda m: f"peer={first + int(m.group(1)) - 1}", guest.extra)
            write_file(os.path.join(directory, f"{name}.cfg"),
                       CONFIG.format(name=name, kernel="bench64.elf", memory=rows.GUEST_MEMORY_MIB, vcpus=guest.vcpus, extra=extra))
        lines.append(" ".join(names))
        first += len(names)
    write_file(os.path.join(directory, "list"), "\n".join(lines) + "\n")


def add_linux(directory, kernel, ramdisk):
    """Behind the others. `kernel`: the contents of an ELF file, as on Bulkhead, where packing unpacks it."""
    domain = rows.LINUX_BOOT.case("64").domains[0]
    write_file(os.path.join(directory, LINUX_KERNEL), kernel)
    shutil.copyfile(ramdisk, os.path.join(directory, LINUX_RAMDISK))
    config = CONFIG.format(name=LINUX, kernel=LINUX_KERNEL, memory=domain.memory, vcpus=domain.vcpus, extra=domain.extra)
    write_file(os.path.join(directory, f"{LINUX}.cfg"), config + f'ramdisk = "/guests/{LINUX_RAMDISK}"\n')
    with open(os.path.join(directory, "list"), "a", encoding="utf-8") as file:
        file.write(LINUX + "\n")


def linux_row(text):
    """Xen has a domain's counter begin at 0 when it makes its first vCPU, before xl loads the kernel."""
    init = results.parse(text).get("init")
    return {"linux_built_to_init": init} if init else {}


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
        guests = os.path.join(root, "guests")
        write_guests(guests, os.path.join(build, "guests", "bench64.elf"))
        with open(os.path.join(dependencies, "guests", "cloud", "vmlinuz"), "rb") as file:
            add_linux(guests, runner.plain_kernel(file.read()), os.path.join(build, "guests", "debian", "bench-init64.cpio"))
        add_archive(ramdisk, root)
    console, status = runner.boot(directory, os.path.join(dependencies, "xen", "xen.elf"), kernel, ramdisk, timeout)
    found = results.parse(console) | linux_row(console)
    expected = [row.name for boot in boots() for row in boot.rows_of("64")] + ["linux_built_to_init"]
    missing = [name for name in expected if name not in found]
    failures = re.findall(r"bench: FAIL .*", console)
    if status != ENDED_WELL or missing:
        raise Failure(f"on Xen: QEMU's status is {status}, not measured: {', '.join(missing) or 'nothing'}; {'; '.join(failures)}; "
                      f"see {os.path.join(directory, 'console.txt')}")
    return found
