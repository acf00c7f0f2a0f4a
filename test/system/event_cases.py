# SPDX-License-Identifier: Apache-2.0
"""Event channels between domains, by both ABIs. What the guests do: guests/tiny/channel.cpp."""

from case import BootCase, Domain, Expect, Machine, Send

CLOUD = "cloud/vmlinuz"
INITRAMFS = "initramfs.cpio"
SHELL = "This is BusyBox"


def ended(name, reason="poweroff"):
    return Expect("log", f"'{name}' ended: {reason}... -> destroy")


def channel(name, requirements, offer_kernel, connect_kernel, words, smp=1):
    return BootCase(
        f"channel-{name}", requirements,
        (Domain("offer", offer_kernel, f"role=offer peer=2 {words}".strip(), cpus=str(smp - 1)),
         Domain("connect", connect_kernel, f"role=connect peer=1 {words}".strip())),
        (Expect("connect", "100 rounds, "), Expect("connect", "100 rounds, "), Expect("connect", "1 rounds, "), Expect("connect", "channel: PASS"), ended("connect"),
         Expect("offer", "channel: PASS"), ended("offer")),
        forbid={"log": ("FAIL",)}, machine=Machine(smp=smp), timeout=120)


def linux(name, words="", memory=192):
    return Domain(name, CLOUD, f"console=hvc0 bh.name={name} {words}".strip(), memory, ramdisk=INITRAMFS)


def linux_abi(name, words, abi_steps, forbid):
    return BootCase(
        f"linux-events-{name}", ("REQ-EVENT-003", "REQ-GUEST-010"),
        (linux("linux", words),),
        (*abi_steps, Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "sleep 1; echo $((6 * 7)) is the answer\n"),
         Expect("linux", "42 is the answer"), Send("linux", "poweroff\n"), ended("linux")),
        forbid={"linux": forbid}, machine=Machine(memory=512), timeout=300, slow=True)


def limits(name, kernel, words, channels, quota=0):
    """What a guest can have: by its ABI, its width and its file."""
    return BootCase(
        f"channel-limit-{name}", ("REQ-EVENT-005",),
        (Domain("limits", kernel, f"role=limits channels={channels} {words}".strip(), max_event_channels=quota),),
        (Expect("limits", f"channel: ports up to {channels}"), Expect("log", "channel: PASS"), ended("limits")),
        forbid={"log": ("FAIL",)}, timeout=120)


EVENT_CASES = (
    channel("2-level", ("REQ-EVENT-004",), "channel", "channel", ""),
    channel("fifo", ("REQ-EVENT-003", "REQ-EVENT-004"), "channel", "channel", "fifo"),
    channel("2-level-vector", ("REQ-EVENT-004", "REQ-EVENT-006"), "channel", "channel", "vector"),
    channel("fifo-vector", ("REQ-EVENT-003", "REQ-EVENT-006"), "channel", "channel", "fifo vector"),
    channel("fifo-two-cpus", ("REQ-EVENT-003", "REQ-EVENT-004"), "channel", "channel", "fifo", smp=2),
    channel("32-64", ("REQ-EVENT-004", "REQ-WIDTH-002"), "channel32", "channel", ""),
    channel("32-64-fifo", ("REQ-EVENT-003", "REQ-EVENT-004"), "channel", "channel32", "fifo"),
    BootCase(
        "hostile-fifo", ("REQ-EVENT-003",),
        (Domain("corrupt", "channel", "role=corrupt peer=2 fifo ms=100"), Domain("send", "channel", "role=send peer=1"),
         Domain("healthy", "hello", "echo")),
        (Expect("corrupt", "channel: wrote nonsense"), Expect("log", "channel: PASS"), ended("corrupt"), Expect("send", "channel: PASS"), ended("send"),
         Expect("healthy", "say something: "), Send("healthy", "alive\n"), Expect("healthy", "heard [alive]")),
        forbid={"log": ("component ", "FAIL")}, timeout=120),
    # A monitor that faults takes its domain with it, and the domain's ends of all channels; the peer's end awaits another.
    BootCase(
        "channel-peer-crash", ("REQ-EVENT-004", "REQ-COMP-003"),
        (Domain("send", "channel", "role=send peer=2 fifo pause"), Domain("victim", "channel", "role=connect peer=1 rounds=1000000")),
        (Expect("log", "'victim' crashed: monitor fault"), Expect("send", "channel: PASS"), ended("send")),
        forbid={"log": ("FAIL",)}, crash=("victim", 400), timeout=120),
    limits("default", "channel", "", 1023),
    limits("2-level", "channel", "", 4095, quota=4095),
    limits("2-level-32", "channel32", "", 1023, quota=4095),
    limits("fifo", "channel", "fifo after=4095", 16383, quota=16383),
    limits("fifo-32", "channel32", "fifo after=1023", 2000, quota=2000),
    limits("file", "channel", "fifo", 100, quota=100),
    linux_abi("fifo", "", (Expect("linux", "Using FIFO-based ABI"),), ("Using 2-level ABI",)),
    linux_abi("2-level", "xen.fifo_events=0", (Expect("linux", "Using 2-level ABI"),), ("Using FIFO-based ABI",)),
)
