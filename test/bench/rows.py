# SPDX-License-Identifier: Apache-2.0
"""The benchmark's rows, and which boot of which domains measures them. Nothing here runs anything."""

from dataclasses import dataclass

from case import BootCase, Domain, Machine


@dataclass(frozen=True)
class Boot:
    """One machine with the benchmark guest in it. `domains`: (name, command line, vCPUs, CPUs) each."""

    name: str
    domains: tuple
    rows: tuple
    smp: int = 1

    def case(self, width, words=""):
        domains = tuple(Domain(name, f"bench{width}", f"{extra} {words}".strip(), 16, vcpus=vcpus, cpus=cpus) for name, extra, vcpus, cpus in self.domains)
        return BootCase(f"bench-{self.name}-{width}", (), domains, machine=Machine(smp=self.smp), timeout=120)


BOOTS = (
    Boot("alone", (("bench", "run=alone", 1, "0"),),
         ("cpuid", "rdmsr", "port_in", "apic_read", "null_hypercall", "unknown_hypercall", "yield", "set_timer", "timer_wake", "populate_1", "populate_512",
          "event_polled", "event_upcall")),
    Boot("peer", (("serve", "run=serve peer=2", 1, "0"), ("bench", "run=peer peer=1", 1, "0")),
         ("ping_pong", "grant_copy_64", "grant_copy_4096", "grant_copy_64_x32", "grant_copy_4096_x32", "grant_map_1", "grant_map_16", "grant_map_256")),
    Boot("peer-2-cpus", (("serve", "run=serve peer=2", 1, "0"), ("bench", "run=peer two-cpus peer=1", 1, "1")), ("ping_pong_2_cpus",), 2),
    Boot("vcpus", (("bench", "run=vcpus", 14, "0"),), ("start_16", "start_32", "start_64", "vcpu_ipi")),
    Boot("vcpus-2-cpus", (("bench", "run=vcpus two-cpus", 2, "0-1"),), ("vcpu_ipi_2_cpus",), 2),
)


def boot_of(row, width):
    for boot in BOOTS:
        if row in boot.rows and (row != "start_64" or width == "64"):
            return boot
    raise KeyError(row)
