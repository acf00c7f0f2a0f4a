# SPDX-License-Identifier: Apache-2.0
"""The benchmark's rows, and which boot of which domains measures them. Nothing here runs anything."""

import os
from dataclasses import dataclass

from case import BootCase, Domain, Machine

WIDTHS = ("64", "32")
KERNEL = "kernel"
KINDS = (*WIDTHS, KERNEL)  # of rows: by the width of the guest that measures, or the kernel's own operations
GUEST_MEMORY_MIB = 16


@dataclass(frozen=True)
class Row:
    """`name` is what the guest calls it; `operations`: how many one sample has."""

    name: str
    what: str
    operations: int = 1
    only_64: bool = False
    once: bool = False  # it cannot be repeated without end, so it cannot be profiled


@dataclass(frozen=True)
class Guest:
    name: str
    extra: str
    vcpus: int = 1
    cpus: str = "0"
    memory: int = GUEST_MEMORY_MIB
    max_event_channels: int = 0  # 0: not said
    priority: int = 0  # 0: not said


@dataclass(frozen=True)
class Boot:
    """One machine with benchmark guests in it, and what they measure. A guest that has a peer is told which domain it is: the first is 1. `until`: guests
    that never end, and which one's end is the machine's; `active`: so many of them must have said that they work before that one measures."""

    name: str
    guests: tuple
    rows: tuple
    smp: int = 1
    memory: int = 256
    until: str = ""
    active: int = 0
    components: tuple = ()
    in_gate: bool = True  # False: it takes long, or what it finds may change by more than the gate lets pass
    kinds = WIDTHS

    def case(self, width, words=""):
        domains = tuple(Domain(guest.name, f"bench{width}", f"{guest.extra} {words}".strip(), guest.memory, vcpus=guest.vcpus, cpus=guest.cpus,
                               max_event_channels=guest.max_event_channels, priority=guest.priority)
                        for guest in self.guests)
        return BootCase(f"bench-{self.name}-{width}", (), domains, machine=Machine(smp=self.smp, memory=self.memory, components=self.components), timeout=120)

    def rows_of(self, width):
        return tuple(row for row in self.rows if width == "64" or not row.only_64)

    def program(self, width):
        """What measures, below the build directory."""
        return os.path.join("guests", f"bench{width}.elf")


LINUX_KERNELS = {"64": "cloud", "32": "686"}


@dataclass(frozen=True)
class LinuxBoot:
    """Debian's kernel of that width, whose /init says when it began and powers off (guests/bench/init). What it finds depends on that kernel's version."""

    name: str
    rows: tuple
    until = ""
    active = 0
    in_gate = True
    kinds = WIDTHS

    def case(self, width, _=""):
        linux = Domain("linux", f"{LINUX_KERNELS[width]}/vmlinuz", "console=hvc0 quiet", 128, ramdisk=f"bench-init{width}.cpio")
        return BootCase(f"bench-{self.name}-{width}", (), (linux,), machine=Machine(memory=512), timeout=240)

    def rows_of(self, _):
        return self.rows


@dataclass(frozen=True)
class KernelBoot:
    """The kernel, and in root's place what measures its operations (test/bench/operations). Nothing else runs."""

    name: str
    rows: tuple
    until = ""
    active = 0
    in_gate = True
    kinds = (KERNEL,)

    def case(self, _, words=""):
        return BootCase(f"bench-{self.name}", (), (), machine=Machine(first_task="operations", words=words), timeout=60)

    def rows_of(self, _):
        return self.rows

    def program(self, _):
        return os.path.join("components", "operations.elf")


SERVE = Guest("serve", "run=serve peer=2")



def beside_active(active):
    """The domain that measures is one of them."""
    others = tuple(Guest(f"active{i}", "run=active", memory=8) for i in range(1, active))
    return Boot(f"{active}-active", (SERVE, Guest("bench", f"run=scaled active={active} peer=1"), *others), (
        Row(f"grant_map_1_{active}_active", f"map and unmap another domain's page, with {active} domains active on the CPU", once=True),
        Row(f"event_upcall_{active}_active", "event sent to a port of one's own, to the end of the upcall, with as many", once=True),
    ), memory=512, until="bench", active=active - 1)


def revoked(mappers, mapped_by_each, memory, in_gate):
    """Domain 1 is destroyed while each of so many others has mapped so many of its pages; domain 2 looks how long it has to wait for the CPU."""
    count = mappers * mapped_by_each
    words = f"mappers={mappers} count={mapped_by_each}"
    def boot(kind, word, rows, components, gated):
        guests = (Guest("revoked", f"run=revoked peer=2 first=3 {words}", memory=8),
                  Guest("latency", f"run=latency peer=1 {words} {word}", memory=8, priority=20))
        guests += tuple(Guest(f"mapper{i}", f"run=mapper peer=1 mapper={i} {words}", memory=8) for i in range(mappers))
        return Boot(f"{kind}-{count}", guests, rows, memory=memory, until="latency", components=components, in_gate=gated)
    return (boot("revoke", "", (
        Row(f"restart_{count}_mapped", f"a domain's reboot, to the first instruction, with {count:,} mappings of its pages by others", once=True),
        Row(f"latency_{count}_mapped", "the longest that a guest on the same CPU waits meanwhile", once=True),
    ), (), in_gate), boot("revoke-below", "below", (
        Row(f"latency_below_{count}_mapped", "the same, if services/domain has less priority than that guest", once=True),
    ), (("domain", "priority = 10"),), False))


def created(memory):
    return Boot(f"create-{memory}", (Guest("created", "run=created", memory=memory),), (
        Row(f"create_{memory}", f"building a domain of {memory} MiB, to its first instruction (image: 21 KiB, and 4.3 MiB of zeros)", once=True),
    ), until="created")


# Not of rows: what it is for is what its log says about memory.
MEMORY_DOMAINS = 16
MEMORY_BOOT = Boot("memory", tuple(Guest(f"d{i}", "run=active") for i in range(MEMORY_DOMAINS)), (), memory=512)

GUEST_BOOTS = (
    Boot("alone", (Guest("bench", "run=alone"),), (
        Row("cpuid", "CPUID leaf 0"),
        Row("rdmsr", "RDMSR of APIC_BASE"),
        Row("port_in", "IN from a port that nobody has"),
        Row("apic_read", "local APIC register, by its page"),
        Row("null_hypercall", "xen_version: the null hypercall"),
        Row("unknown_hypercall", "hypercall 62: there is none"),
        Row("yield", "SCHEDOP_yield, nobody else there"),
        Row("set_timer", "VCPUOP_set_singleshot_timer"),
        Row("timer_wake", "from a timer's deadline to the end of its upcall"),
        Row("populate_1", "decrease_reservation and populate_physmap, one page"),
        Row("populate_512", "the same, 512 pages in a call", 512),
        Row("event_polled", "event sent to a port of one's own, until it is pending"),
        Row("event_upcall", "the same, to the end of the upcall"),
    )),
    Boot("peer", (SERVE, Guest("bench", "run=peer peer=1")), (
        Row("ping_pong", "event to another domain and back, both on one CPU"),
        Row("grant_copy_64", "grant copy of 64 bytes"),
        Row("grant_copy_4096", "grant copy of a page"),
        Row("grant_copy_64_x32", "32 grant copies of 64 bytes in a call", 32),
        Row("grant_copy_4096_x32", "32 grant copies of a page in a call", 32),
        Row("grant_map_1", "map and unmap another domain's page"),
        Row("grant_map_16", "the same, 16 in a call", 16),
        Row("grant_map_256", "the same, 256 in a call", 256),
    )),
    Boot("peer-2-cpus", (SERVE, Guest("bench", "run=peer two-cpus peer=1", cpus="1")), (
        Row("ping_pong_2_cpus", "event to another domain and back, on two CPUs"),
    ), 2),
    Boot("vcpus", (Guest("bench", "run=vcpus", 14),), (
        Row("start_16", "VCPUOP_initialise and up, to the first instruction: real mode", once=True),
        Row("start_32", "the same: 32-bit mode", once=True),
        Row("start_64", "the same: 64-bit mode", only_64=True, once=True),
        Row("vcpu_ipi", "event to another vCPU on the same CPU, until it runs"),
    )),
    Boot("vcpus-2-cpus", (Guest("bench", "run=vcpus two-cpus", 2, "0-1"),), (
        Row("vcpu_ipi_2_cpus", "the same, on another CPU"),
    ), 2),
    created(16),
    created(128),
    beside_active(4),
    beside_active(16),
    Boot("ports", (SERVE, Guest("bench", "run=scaled ports peer=1", max_event_channels=8191)), (
        Row("grant_map_1_all_ports", "map and unmap another domain's page, with all ports of the 2-level ABI open", once=True),
        Row("event_upcall_all_ports", "event sent to a port of one's own, to the end of the upcall, with as many", once=True),
    ), until="bench"),
    *revoked(1, 1, 256, True),
    *revoked(1, 1000, 256, True),
    *revoked(60, 1000, 2048, False),
)

LINUX_BOOT = LinuxBoot("linux", (
    Row("boot_to_domain", "from power-on until services/domain begins with Debian's kernel and its ramdisk (64-bit: cloud; 32-bit: 686-pae)", once=True),
    Row("linux_built", "building that domain of 128 MiB", once=True),
    Row("linux_started_to_init", "from its start to the first instruction of /init", once=True),
    Row("linux_built_to_init", "both: from when its building begins", once=True),
    Row("boot_to_init", "from power-on to the first instruction of /init", once=True),
))

BOOTS = (*GUEST_BOOTS, LINUX_BOOT, KernelBoot("kernel", (
    Row("invoke_info", "info of a capability: an invocation that does nothing"),
    Row("call_reply", "portal call and reply between two address spaces, empty messages"),
    Row("call_reply_full", "the same, 3,968 bytes each way"),
    Row("call_reply_near", "portal call and reply within an address space, empty messages"),
    Row("signal", "signal that nobody waits for"),
    Row("signal_wake", "signal to a thread of more priority that waits in another address space, until it runs"),
    Row("mint", "capability mint"),
    Row("delete", "capability delete"),
    Row("revoke_1000", "revoke of a capability with 1,000 descendants", 1000),
    Row("revoke_512_mapped", "the same, 512 descendants, each a page mapped in a stage 2", 512),
    Row("stage2_map", "stage-2 map of one page"),
    Row("stage2_unmap", "its unmap"),
    Row("stage2_map_512", "stage-2 map of 512 pages that cannot be a large one", 512),
    Row("stage2_unmap_512", "their unmap", 512),
    Row("stage2_map_large", "stage-2 map of 2 MiB as one large page"),
    Row("stage2_unmap_large", "its unmap"),
)))


def boot_of(name, kind):
    for boot in BOOTS:
        if kind in boot.kinds and any(row.name == name for row in boot.rows_of(kind)):
            return boot
    raise KeyError(name)


def all_rows(kind):
    return tuple(row for boot in BOOTS if kind in boot.kinds for row in boot.rows_of(kind))


def gated(found):
    """What of {kind: {row: figures}} the gate looks at."""
    return {kind: {name: figures for name, figures in rows.items() if kind not in KINDS or boot_of(name, kind).in_gate} for kind, rows in found.items()}


PACKAGES = "debian kernels"  # of a baseline: {width: package} that it was measured with


def comparable(found, baseline, packages):
    """Both without the boot of Debian's kernel where the baseline's was another package; and in which widths that is so."""
    before = baseline.get(PACKAGES, {})
    others = [width for width in WIDTHS if before.get(width) != packages[width]]
    left_out = {row.name for row in LINUX_BOOT.rows}

    def reduced(figures):
        return {kind: {name: row for name, row in each.items() if kind not in others or name not in left_out}
                for kind, each in figures.items() if kind != PACKAGES}

    return reduced(found), reduced(baseline), others
