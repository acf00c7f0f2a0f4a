# SPDX-License-Identifier: Apache-2.0
"""Files with mistakes, and what the checker must say about them, to the letter: place, what is wrong, what was expected."""

import struct

from case import ToolCase

GOOD = 'name = "web"\ntype = "pvh"\nkernel = "@GUESTS@/hello.elf"\nmemory = 8\n'
CHECK = ("check", "web.cfg")


def with_kernel(name):
    return GOOD.replace("@GUESTS@/hello.elf", name)


def bzimage(payload_size, size=0x4000):
    """A setup header (Linux's boot protocol 2.15) without a kernel behind it."""
    image = bytearray(size)
    image[0x1F1] = 4
    image[0x1FE:0x208] = b"\x55\xaa\x00\x00HdrS\x0f\x02"
    struct.pack_into("<II", image, 0x248, 0x100, payload_size)
    return bytes(image)


def refused(name, files, *output, arguments=CHECK, requirements=("REQ-TOOL-003",)):
    return ToolCase(f"check-{name}", requirements, files, arguments, output)


def bad_kernel(name, content, complaint):
    return refused(name, {"web.cfg": with_kernel("image"), "image": content}, f"web.cfg:3:10: error: cannot use the kernel image: {complaint}", "1 error")


KEYS = ("REQ-TOOL-001", "REQ-TOOL-002")

TOOL_CASES = (
    ToolCase("check-good", ("REQ-TOOL-001",), {"web.cfg": GOOD}, CHECK, ("good for a machine with 1536 MiB and 2 CPUs",), status=0),
    ToolCase("check-policy", ("REQ-ABI-009",), {"web.cfg": GOOD}, ("check", "--policy", "web.cfg"),
             ("  0000000d.1  eax 00000005 ebx 00000000 ecx 00000000 edx 00000000  XSAVE variants", "MSRs that every domain has; all others are #GP",
              "  c0000103          rw TSC_AUX", "good for a machine with 1536 MiB and 2 CPUs"), status=0),
    refused("unknown-key", {"web.cfg": GOOD + "memroy = 5\n"},
            "web.cfg:5:1: error: 'memroy' is no key of a domain file: did you mean 'memory'?", "    memroy = 5", "    ^", "1 error", requirements=KEYS),
    refused("unsupported-key", {"web.cfg": GOOD + 'disk = [ "phy:/dev/x,xvda,w" ]\n'},
            "web.cfg:5:1: error: 'disk' is known to xl, but not supported by this version: there are no virtual disks in this version: put what the "
            "guest needs into its ramdisk", "1 error", requirements=KEYS),
    refused("syntax", {"web.cfg": GOOD + 'extra = "a\nvcpus = [1\n'},
            'web.cfg:5:9: error: this string does not end: expected " before the end of the line',
            "web.cfg:6:9: error: this list does not end: expected ']'", "2 errors", requirements=KEYS),
    refused("no-name", {"web.cfg": GOOD.replace('name = "web"\n', "")},
            "web.cfg:1:1: error: 'name' is missing: expected for example name = \"web\"", "1 error", requirements=KEYS),
    refused("missing-kernel", {"web.cfg": with_kernel("gone")}, "web.cfg:3:10: error: cannot use the kernel gone: no such file", "1 error"),
    bad_kernel("not-a-kernel", "just text\n", "it is neither a bzImage nor an ELF file"),
    bad_kernel("cut-elf", b"\x7fELF\x02\x01\x01" + bytes(40), "it is cut short within its ELF header"),
    bad_kernel("cut-bzimage", bzimage(0x100000), "its payload (1048576 bytes at 2816) does not lie within the file (16384 bytes)"),
    bad_kernel("empty-bzimage", bzimage(0x1000), "its payload claims to unpack to 0 bytes, which no kernel does"),
    refused("no-pvh-entry", {"web.cfg": with_kernel("/bin/true")},
            'web.cfg:3:10: error: cannot use the kernel /bin/true: it has no PVH entry (an ELF note "Xen" of type 18, PHYS32_ENTRY): for Linux, '
            "CONFIG_PVH and CONFIG_XEN_PVH make one", "1 error"),
    refused("too-much-memory", {"web.cfg": GOOD, "system.toml": 'domains = ["web.cfg"]\n[machine]\nmemory = "16M"\n'},
            "system.toml:3:10: error: the machine has 16 MiB, and 45 MiB are needed: 8 MiB for the 1 domains, 36 MiB for the system, 1 MiB for the boot "
            "image", "1 error", arguments=("check", "system.toml")),
    refused("same-name", {"web.cfg": GOOD, "system.toml": 'domains = ["web.cfg", "web.cfg"]\n'},
            'web.cfg:1:8: error: another domain has the name "web" already (web.cfg:1:8): expected a name of its own', "1 error",
            arguments=("check", "system.toml")),
    refused("missing-file", {"web.cfg": GOOD, "system.toml": 'domains = ["web.cfg", "gone.cfg"]\n'},
            "system.toml:1:23: error: cannot read the domain file gone.cfg: no such file", "1 error", arguments=("check", "system.toml")),
    refused("system-file",
            {"web.cfg": GOOD, "system.toml": 'domains = ["web.cfg"]\n[domain.web]\nbudget_us = 900\nperiod_us = 500\n[domain.wbe]\ncpus = "0"\n'
                                             "[machine]\nmemroy = 3\n"},
            "system.toml:3:13: error: a budget of 900 us does not fit into a period of 500 us: expected at most 500",
            'system.toml:5:1: error: there is no domain "wbe"', "system.toml:8:1: error: 'memroy' is no key of [machine]: did you mean 'memory'?",
            "3 errors", arguments=("check", "system.toml"), requirements=KEYS),
    refused("exclusive-cpu",
            {"web.cfg": GOOD, "mail.cfg": GOOD.replace("web", "mail"),
             "system.toml": 'domains = ["web.cfg", "mail.cfg"]\n[domain.web]\ncpus = "1"\nexclusive = true\n[domain.mail]\ncpus = "1"\n'},
            'system.toml:6:8: error: domain "mail" is put on CPUs 1, of which "web" has 1 to itself (exclusive)', "1 error",
            arguments=("check", "system.toml")),
    ToolCase("pack-refuses-what-check-refuses", ("REQ-TOOL-003",), {"web.cfg": with_kernel("gone")}, ("pack", "-o", "image", "web.cfg"),
             ("web.cfg:3:10: error: cannot use the kernel gone: no such file", "1 error")),
)
