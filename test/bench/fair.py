# SPDX-License-Identifier: Apache-2.0
"""Figures for Xen 4.17 that were not measured by this program: upstream's RELEASE-4.17.7 built with Debian's configuration and a stand-in for the
hardware's next-RIP (NRIP save), which the emulator does not report and without which Xen decodes each instruction, for about 5,000 instructions. Measured
2026-11-21 under the same emulator and options, one 64-bit PVH guest of the same kind, 10,000 operations, three repetitions; the two-domain rows with a
second such guest."""

SOURCE = "peer reference of 2026-11-21"

FIGURES = {name: {"min": least, "median": median} for name, least, median in (
    ("cpuid", 744.1, 747.3),
    ("rdmsr", 661.0, 661.5),
    ("port_in", 1119.3, 1119.3),
    ("apic_read", 14729.1, 14729.4),
    ("null_hypercall", 718.3, 721.3),
    ("unknown_hypercall", 681.0, 684.3),
    ("yield", 2889.5, 2988.9),
    ("populate_1", 25875.5, 25877.0),
    ("event_polled", 5204.6, 5204.8),
    ("event_upcall", 5829.6, 5829.8),
    ("ping_pong", 38022.8, 38058.9),
    ("grant_map_1", 25193.2, 25194.0),
    ("grant_copy_4096", 12003.5, 12009.0),
)}
