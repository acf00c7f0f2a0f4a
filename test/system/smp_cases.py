# SPDX-License-Identifier: Apache-2.0
"""Domains with several vCPUs: guests/tiny/smp, and Linux with 2 and 4 of them."""

from case import BootCase, Domain, Expect, Machine, Send

SHELL = "This is BusyBox"
LINUX_REQUIREMENTS = ("REQ-SMP-005", "REQ-SMP-007")


def linux(vcpus, kernel, memory, cpus):
    ramdisk = "initramfs-i386.cpio" if kernel == "686" else "initramfs.cpio"
    return Domain("linux", f"{kernel}/vmlinuz", "console=hvc0 quiet bh.name=linux bh.run=smp", memory, ramdisk=ramdisk, vcpus=vcpus, cpus=cpus)


def linux_steps(vcpus):
    """Each CPU but the first goes and comes back while all compute; then somebody types."""
    return (
        Expect("linux", f", {vcpus} CPU,...{SHELL}"),
        *(Expect("linux", "smp: online 0") for _ in range(1, vcpus)),
        Expect("linux", f"smp: online 0-{vcpus - 1}"),
        Expect("linux", f"smp: {vcpus} CPUs, {3 * vcpus} of {3 * vcpus} sums are right"),
        Expect("linux", "# "), Send("linux", "nproc\n"), Expect("linux", f"{vcpus}"), Send("linux", "poweroff\n"),
        Expect("log", "'linux' ended: poweroff"),
    )


SMP_STEPS = (
    Expect("smp", "smp: vcpu 1 started 1 times"),
    Expect("smp", "smp: vcpu 4 started 1 times"),
    Expect("smp", "smp: sums 15000 15000"),
    Expect("smp", "smp: 20 events for each"),
    Expect("smp", "smp: interrupts and NMIs arrive"),
    Expect("smp", "smp: down and up again"),
    Expect("smp", "smp: timers"),
    Expect("smp", "smp: PASS"),
)
SMP_REQUIREMENTS = ("REQ-SMP-001", "REQ-SMP-002", "REQ-SMP-003", "REQ-SMP-004")

RACES = (
    "extents given back", "extents got again", "pointer to a long list", "order of extents", "number of extents", "pages copied from",
    "offsets of copies", "lengths of copies", "places of mappings", "references mapped", "flags of mappings", "arguments of an entry",
    "addresses in an entry", "vCPU of a port", "vCPU of a port, or none", "port of a send", "port of a close", "where a vCPU starts",
    "CR0 of a vCPU")


def races(name, kernel="races", machine=Machine(), cpus="0"):
    """Short turns: the first vCPU is stopped again and again in the middle of its hypercalls, and the second one changes their arguments."""
    return BootCase(
        name, ("REQ-INPUT-010",), (Domain("races", kernel, memory=16, vcpus=32, cpus=cpus, budget_us=3, period_us=120),),
        (*(Expect("races", f"races: {race}: ") for race in RACES), Expect("races", "races: PASS"), Expect("log", "'races' ended: poweroff")),
        forbid={"races": ("FAIL",)}, machine=machine, timeout=240)


SMP_CASES = (
    BootCase(
        "smp",
        SMP_REQUIREMENTS,
        (Domain("smp", "smp", vcpus=5),),
        (*SMP_STEPS, Expect("log", "'smp' ended: poweroff")),
        forbid={"smp": ("FAIL",)},
        timeout=90,
    ),
    BootCase(
        "smp-two-cpus",
        SMP_REQUIREMENTS,
        (Domain("smp", "smp", "halt", vcpus=5, cpus="0-1"),),
        (*SMP_STEPS, Expect("log", "'smp' ended: poweroff (halted with interrupts off)")),
        forbid={"smp": ("FAIL",)},
        machine=Machine(smp=2),
        timeout=90,
    ),
    *(BootCase(
        f"linux-{kernel}-{vcpus}-vcpus{'-one-cpu' if smp == 1 else ''}", LINUX_REQUIREMENTS, (linux(vcpus, kernel, memory, cpus),), linux_steps(vcpus),
        machine=Machine(smp=smp, memory=512), timeout=480, slow=True,
    ) for kernel, vcpus, memory, cpus, smp in (
        ("cloud", 2, 192, "0-1", 2), ("amd64", 2, 256, "0-1", 2), ("cloud", 4, 192, "0-1", 2), ("cloud", 4, 192, "0", 1),
        ("686", 2, 192, "0-1", 2), ("686", 4, 192, "0-1", 2))),
    races("races"),
    races("races-two-cpus", machine=Machine(smp=2), cpus="0-1"),
    races("races-32-pae", "races32_pae"),
    BootCase(
        "smp-monitor-crash",
        ("REQ-SMP-007", "REQ-COMP-003"),
        (Domain("victim", "smp", vcpus=5, cpus="0-1"), Domain("hello", "hello", "echo")),
        (Expect("log", "'victim' crashed: monitor fault"), Expect("hello", "say something: "), Send("hello", "alive\n"),
         Expect("hello", "heard [alive]")),
        crash=("victim", 200), machine=Machine(smp=2), timeout=90,
    ),
)
