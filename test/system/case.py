# SPDX-License-Identifier: Apache-2.0
"""What a system test is made of. Nothing here runs anything."""

from dataclasses import dataclass, field
from typing import Optional

# isa-debug-exit: (value << 1) | 1. Root writes 0x10 when every domain ended well, 0x11 when one crashed that should not have.
ENDED_WELL = 33
ENDED_WITH_FAILURES = 35
# The kernel refused the machine, or panicked, and was told of the port: 0xf.
REFUSED = 31
# The machine stops without a word to QEMU: all its CPUs are halted with interrupts off.
HALTED = "halted"


@dataclass(frozen=True)
class Domain:
    """One domain, as its xl.cfg and its section of the system file will say. `kernel`: a name of ours ("hello"), or one of Debian's."""

    name: str
    kernel: str
    extra: str = ""
    memory: int = 8
    ramdisk: Optional[str] = None
    on_poweroff: str = "destroy"
    on_reboot: str = "restart"
    on_crash: str = "destroy"
    cpus: str = "0"
    max_event_channels: int = 0  # 0: not said
    max_grant_version: int = 0  # 0: not said
    vcpus: int = 1
    budget_us: int = 0
    period_us: int = 0
    priority: int = 0  # 0: not said


@dataclass(frozen=True)
class Expect:
    """Waits until the stream says `text` (after what an earlier step has matched there). `...` in the text stands for anything within the line."""

    stream: str
    text: str


@dataclass(frozen=True)
class Send:
    stream: str
    text: str


@dataclass(frozen=True)
class SendNmis:
    """So many non-maskable interrupts to every CPU, at whatever moments they come."""

    count: int


@dataclass(frozen=True)
class Machine:
    smp: int = 1
    memory: int = 256
    cpu: str = "max"
    kernel: str = "bulkhead-kernel"  # or "bulkhead-kernel-checked": undefined behaviour traps, VMCB clean bits are checked
    boot: str = "kernel"  # or "iso", "iso-uefi"
    icount_shift: int = 0  # an instruction takes 2^shift ns: firmware, which waits by the clock, takes less of them
    components: tuple = ()  # of the system file: (component, "key = value")
    exit_port: bool = True  # the kernel is told of the port that ends QEMU
    first_task: str = ""  # a component that the kernel starts in root's place, with that component's file as the other module: nothing is packed
    words: str = ""  # more of the kernel's command line
    debug_console: str = ""  # a file in the case's directory that gets what is written to port 0xe9


@dataclass(frozen=True)
class BootCase:
    """Boots the built system under QEMU."""

    name: str
    requirements: tuple
    domains: tuple
    steps: tuple = ()
    # Text that must never appear in a stream, whatever else happens. Of every case: ALWAYS_FORBIDDEN.
    forbid: dict = field(default_factory=dict)
    status: object = ENDED_WELL
    machine: Machine = Machine()
    timeout: int = 60
    crash: Optional[tuple] = None  # (domain, exits): that domain's monitor faults after so many exits
    print_capabilities: bool = False
    compare_log_with: Optional[str] = None  # a file of the repository, with the block between CAPABILITIES markers
    conformance: Optional[str] = None  # the image of the conformance guest whose report is held against the table (test/conformance)
    slow: bool = False


@dataclass(frozen=True)
class ToolCase:
    """Runs the host tool on files that are written for it."""

    name: str
    requirements: tuple
    files: dict
    arguments: tuple
    output: tuple  # lines that the output must have, in this order
    status: int = 1
    timeout: int = 20
    slow: bool = False


# A component that stops is a failure wherever it happens.
ALWAYS_FORBIDDEN = ("KERNEL PANIC", "kernel panic:", "kernel fault")
