#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the conformance guest's images on Debian's own Xen, in the same emulator and as deterministically as on Bulkhead, and holds what they report
against the table. Each image runs alone, and once more (NAME_beside) with a second vCPU and a peer; and both again (NAME_v2, NAME_v2_beside) in domains that
may have grant tables of version 2. Ends with `N passed, N failed`: one for each of these.

    run.py --build DIR [--image NAME]... [--values FILE]

Xen and its tools must have been fetched (fetch.sh). Leaves Xen's console in DIR/on-xen/console.txt.
"""

import argparse
import ctypes
import lzma
import os
import re
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.dirname(HERE))

import report

WAYS = ("", "_beside", "_v2", "_v2_beside")
_FILES = ("conformance64", "conformance32", "conformance32_two_level", "conformance32_pae", "conformance16")
IMAGES = tuple(file + way for way in WAYS for file in _FILES)
ENDED_WELL = 33
EXIT_PORT = "0xf4"


LZ4_MAGIC = bytes.fromhex("02214c18")
LZ4_BLOCK = 8 << 20


def unpack_lz4(packed):
    """The legacy frame, which Linux uses: the magic number, then blocks of 8 MiB when unpacked, each behind its packed size."""
    library = ctypes.CDLL("liblz4.so.1")
    unpacked = []
    at = len(LZ4_MAGIC)
    while at + 4 <= len(packed):
        size, = struct.unpack_from("<I", packed, at)
        block = ctypes.create_string_buffer(LZ4_BLOCK)
        length = library.LZ4_decompress_safe(packed[at + 4:at + 4 + size], block, size, LZ4_BLOCK)
        if length < 0:
            raise ValueError("the kernel's payload is not what LZ4 packs")
        unpacked.append(block.raw[:length])
        at += 4 + size
    return b"".join(unpacked)


def plain_kernel(bzimage):
    """The ELF file in a bzImage (Linux's boot protocol: setup_sects, payload_offset, payload_length): Xen would take 4.5 thousand million
    instructions to unpack it."""
    setup_sectors = bzimage[0x1F1]
    offset, length = struct.unpack_from("<II", bzimage, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = bzimage[start:start + length - 4]  # behind it: its unpacked size
    return unpack_lz4(payload) if payload.startswith(LZ4_MAGIC) else lzma.decompress(payload)


def split(image):
    """The file and the way to run it."""
    return re.fullmatch(r"(.*?)((?:_v2)?(?:_beside)?)", image).groups()


def prepare(build, dependencies, images):
    directory = os.path.join(build, "on-xen")
    os.makedirs(directory, exist_ok=True)
    kernel = os.path.join(directory, "dom0-kernel")
    if not os.path.exists(kernel):
        with open(os.path.join(dependencies, "guests", "amd64", "vmlinuz"), "rb") as file:
            unpacked = plain_kernel(file.read())
        with open(kernel + ".new", "wb") as file:
            file.write(unpacked)
        os.rename(kernel + ".new", kernel)
    ramdisk = os.path.join(directory, "dom0.cpio")
    guests = [os.path.join(build, "guests", f"{file}.elf") + way for image in images for file, way in (split(image),)]
    subprocess.run([os.path.join(HERE, "initramfs.sh"), ramdisk, *guests], check=True, env={**os.environ, "BULKHEAD_DEPS": dependencies})
    return directory, kernel, ramdisk


def boot(directory, xen, kernel, ramdisk, timeout):
    """Xen's console, and how QEMU ended. Without SMAP: Debian's QEMU takes a fault too many with it when dom0 returns from interrupts."""
    console = os.path.join(directory, "console.txt")
    if os.path.exists(console):
        os.unlink(console)
    command = ["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2026-01-01,clock=vm", "-cpu", "max,-smap",
               "-m", "2048", "-display", "none", "-serial", f"file:{console}", "-monitor", "none", "-net", "none", "-no-reboot",
               "-device", f"isa-debug-exit,iobase={EXIT_PORT},iosize=4", "-kernel", xen,
               "-append", "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=768M,max:768M",
               "-initrd", f"{kernel} console=hvc0 loglevel=4,{ramdisk}"]
    try:
        status = subprocess.run(command, check=False, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        status = "time is up"
    with open(console, encoding="latin-1") as file:
        return file.read().replace("\r", ""), status


def reports(console):
    """{image: what it said}: Xen puts `(dN) ` before each line from the debug port, dom0's init `(guest) ` before each from the console."""
    result = {}
    image = None
    for line in console.splitlines():
        begin = re.match(r"dom0: begin (\S+)$", line)
        said = re.match(r"\((?:d\d+|guest)\) (.*)$", line)
        if begin:
            image = begin.group(1)
            result[image] = []
        elif said and image:
            result[image].append(said.group(1))
    return {name: "\n".join(lines) + "\n" for name, lines in result.items()}


def write_values(path, said, images):
    """What was answered, row by row."""
    values = {}
    for image in images:
        for name, _, _, value in report.parse(said.get(image, "")):
            values.setdefault(name, {})[image] = value
    with open(path, "w", encoding="utf-8") as file:
        for name, answers in values.items():
            file.write(f"{name}: " + ", ".join(f"{image} {value}" for image, value in answers.items()) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build", "out"))
    parser.add_argument("--image", action="append", choices=IMAGES, help="only this image, or this one beside its peer (can be repeated)")
    parser.add_argument("--values", help="write what Xen answered to this file")
    parser.add_argument("--timeout", type=int, default=1800)
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    dependencies = os.environ.get("BULKHEAD_DEPS", os.path.join(REPOSITORY, "build", "deps"))
    images = options.image or IMAGES
    started = time.monotonic()
    directory, kernel, ramdisk = prepare(build, dependencies, images)
    console, status = boot(directory, os.path.join(dependencies, "xen", "xen.elf"), kernel, ramdisk, options.timeout)
    said = reports(console)
    if options.values:
        write_values(options.values, said, images)
    failures = 0
    for image in images:
        names = report.table(os.path.join(build, "tests", "conformance_table"), image)
        passed, _, problems = report.judge(said.get(image, ""), names, {})
        print(f"{'FAIL' if problems else 'pass'}  {image} on Xen: {passed} rows of {len(names)} passed")
        print("".join(f"      {problem}\n" for problem in problems), end="")
        failures += bool(problems)
    if status != ENDED_WELL:
        print(f"FAIL  dom0 did not come to its end: QEMU's status is {status}; see {os.path.join(directory, 'console.txt')}")
        failures += 1
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{max(0, len(images) - failures)} passed, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
