# SPDX-License-Identifier: Apache-2.0
"""32-bit guests: our own in each paging mode, Debian's beside 64-bit ones. What they print: guests/tiny/hello.cpp, guests/debian/init."""

from case import BootCase, Domain, Expect, Machine, Send

SHELL = "This is BusyBox"


def linux_686(name, **more):
    return Domain(name, "686/vmlinuz", f"console=hvc0 quiet bh.name={name}", 192, ramdisk="initramfs-i386.cpio", **more)


def linux_cloud(name, **more):
    return Domain(name, "cloud/vmlinuz", f"console=hvc0 quiet bh.name={name}", 192, ramdisk="initramfs.cpio", **more)


def ended(name, reason):
    return Expect("log", f"'{name}' ended: {reason}... -> destroy")


def hello(name, kernel, *words):
    """All that the 64-bit one does: console, debug port, timer events by the domain's own layout, both clocks."""
    first = (Expect("hello", "hello: hypercall page"),) if "page" in words else ()
    return BootCase(
        name, ("REQ-WIDTH-001", "REQ-WIDTH-002", "REQ-WIDTH-003"), (Domain("hello", kernel, " ".join(("echo", *words))),),
        (*first, Expect("hello", "hello: console ring"), Expect("log", "[hello log] hello: debug port"), Expect("log", "[hello log] hello: console_io"),
         Expect("hello", "hello: timer 0 on time, wall clock set"), Expect("hello", "say something: "), Send("hello", "thirty-two\n"),
         Expect("hello", "heard [thirty-two]"), Expect("hello", "hello: ram ends at 0x800000"), Expect("hello", "hello: done"), ended("hello", "poweroff")),
        forbid={"hello": ("refused", "debug port", "exception")})


def apic(name, kernel):
    return BootCase(name, ("REQ-WIDTH-005", "REQ-GUEST-011"), (Domain("apic", kernel),),
                    (Expect("apic", "apic: 5 interrupts, PASS"), ended("apic", "poweroff")), forbid={"apic": ("FAIL", "exception")})


def system_calls(name, first, second):
    """Two guests on one CPU whose system-call MSRs differ, each with a ring 3 that enters its kernel while the other runs in between."""
    return BootCase(
        name, ("REQ-WIDTH-006", "REQ-GUEST-012"),
        (Domain("a", first, f"role=a {SYSENTER}", budget_us=1000, period_us=2000), Domain("b", second, f"role=b {SYSENTER}", budget_us=1000, period_us=2000)),
        (*(Expect(domain, f"syscalls: {way}, 8 rounds") for domain, kernel in (("a", first), ("b", second)) for way in WAYS_IN[kernel[:10]]),
         Expect("a", "syscalls: PASS"), Expect("b", "syscalls: PASS"), ended("a", "poweroff"), ended("b", "poweroff")),
        forbid={"a": ("FAIL", "exception"), "b": ("FAIL", "exception")}, timeout=90)


# QEMU 7.2 takes SYSENTER in compatibility mode, which AMD's CPUs refuse: SYSENTER says so to the guest.
SYSENTER = "sysenter=taken"
WAYS_IN = {"syscalls": ("SYSCALL", "SYSCALL in compatibility mode", "SYSENTER is #UD", "SYSENTER in compatibility mode is taken"), "syscalls32": ("SYSENTER", "SYSCALL")}

G32_CASES = (
    hello("hello-32", "hello32"),
    hello("hello-32-paged", "hello32_paged"),
    hello("hello-32-pae", "hello32_pae", "page"),
    hello("hello-32-page", "hello32", "page"),
    hello("hello-64-page", "hello", "page"),
    apic("apic-64", "apic"),
    apic("apic-32", "apic32"),
    apic("apic-32-pae", "apic32_pae"),
    system_calls("system-calls", "syscalls", "syscalls"),
    system_calls("system-calls-32", "syscalls32", "syscalls32_pae"),
    system_calls("system-calls-both-widths", "syscalls32_pae", "syscalls"),
    BootCase(
        "linux-686", ("REQ-WIDTH-004",), (linux_686("linux"),),
        (Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "busybox uname -m\n"), Expect("linux", "i686"),
         Send("linux", "echo $((6 * 7)) is the answer\n"), Expect("linux", "42 is the answer"), Send("linux", "poweroff\n"), ended("linux", "poweroff")),
        machine=Machine(memory=512), timeout=420, slow=True,
    ),
    BootCase(
        "linux-686-beside-cloud", ("REQ-WIDTH-004",), (linux_686("narrow", cpus="0"), linux_cloud("wide", cpus="1")),
        (Expect("narrow", "narrow:/# "), Expect("wide", "wide:/# "), Send("narrow", "busybox uname -m\n"), Expect("narrow", "i686"),
         Send("wide", "busybox uname -m\n"), Expect("wide", "x86_64"), Send("narrow", "sleep 1; echo slept $((2 - 1)) s\n"), Expect("narrow", "slept 1 s"),
         Send("narrow", "poweroff\n"), ended("narrow", "poweroff"), Send("wide", "echo $((6 * 7)) left\n"), Expect("wide", "42 left"),
         Send("wide", "poweroff\n"), ended("wide", "poweroff")),
        machine=Machine(smp=2, memory=768), timeout=600, slow=True,
    ),
)
