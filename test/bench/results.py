# SPDX-License-Identifier: Apache-2.0
"""What a benchmark run found: read from what guests say, compared with a baseline, written as JSON, table and chart. Nothing here runs anything."""

import re

TOLERANCE = 0.03  # a row may grow by that
STARTED = re.compile(r"'\w+' started \(d\d+, (?P<mib>\d+) MiB, 1 vcpu\): (?P<beside>\d+) KiB beside its RAM, built in (?P<us>\d+) us from TSC (?P<tsc>\d+)")
TICKS_PER_US = 1000  # where one tick is one instruction, and one instruction a nanosecond
MEMORY = re.compile(r"\[root\] memory: (\d+) KiB kernel and root, (\d+) KiB boot image, (\d+) KiB components, (\d+) KiB unused")
LINE = re.compile(r"bench: (\w+) (\d+) (\d+) (\d+) (\d+)\s*$", re.MULTILINE)


MEMORY_ROWS = (
    ("kernel_and_root", "kernel and root, what the kernel made at start-up, and what it does not hand out"),
    ("components", "the other components: programs, capability spaces, page tables, memory of their own"),
    ("unused", "left over before, between and behind: guests' memory begins and ends at multiples of 2 MiB; in none of the other rows"),
    ("all_with_no_domain", "both"),
    ("all_with_1_domain", "the same, and what a domain of 16 MiB has beside its RAM"),
    ("all_with_16_domains", "the same with 16 such domains"),
)


def parse(text):
    """{row: {min, median, max, samples}}"""
    return {m.group(1): {"min": int(m.group(2)), "median": int(m.group(3)), "max": int(m.group(4)), "samples": int(m.group(5))}
            for m in LINE.finditer(text)}


def exactly(value):
    """Figures of what was measured once."""
    return {"min": value, "median": value, "max": value, "samples": 1}


def creation(text):
    """The row create_MIB: from when the log says that a domain's building began to what its guest says was its first instruction."""
    started, first = STARTED.search(text), parse(text).get("first_instruction")
    return {f"create_{started['mib']}": exactly(first["min"] - int(started["tsc"]))} if started and first else {}


def boot(text):
    """The rows of a boot of Linux: of what its /init says was its first instruction, and the log of when its domain was built."""
    started, init = STARTED.search(text), parse(text).get("init")
    if not started or not init:
        return {}
    begun, at = int(started["tsc"]), init["min"]
    building = int(started["us"]) * TICKS_PER_US
    return {"boot_to_domain": exactly(begun), "linux_built": exactly(building), "linux_started_to_init": exactly(at - begun - building),
            "linux_built_to_init": exactly(at - begun), "boot_to_init": exactly(at)}


def memory(text):
    """{row: figures} in KiB, of a machine's log: what is used when 0, 1 and all of its domains have started, without their RAM and the boot image."""
    used = MEMORY.search(text)
    domains = [int(m["beside"]) for m in STARTED.finditer(text)]
    if not used or not domains:
        return {}
    kernel, components = int(used[1]), int(used[3])
    return {"kernel_and_root": exactly(kernel), "components": exactly(components), "unused": exactly(int(used[4])),
            "all_with_no_domain": exactly(kernel + components),
            "all_with_1_domain": exactly(kernel + components + domains[0]), f"all_with_{len(domains)}_domains": exactly(kernel + components + sum(domains))}


def place(kind):
    """Of a row in messages: {width: rows}, but memory and the kernel are kinds of their own."""
    return f"({kind}-bit)" if kind.isdigit() else f"({kind})"


def compare(found, baseline):
    """What is wrong: rows that grew, rows that are missing on either side. `found`, `baseline`: {width: {row: figures}}."""
    problems = []
    for width in sorted(set(found) | set(baseline)):
        now, before = found.get(width, {}), baseline.get(width, {})
        for row in sorted(set(now) | set(before)):
            if row not in now:
                problems.append(f"{row} {place(width)} was not measured")
            elif row not in before:
                problems.append(f"{row} {place(width)} is not in the baseline")
            elif now[row]["median"] > before[row]["median"] * (1 + TOLERANCE):
                growth = 100 * (now[row]["median"] / before[row]["median"] - 1)
                unit = "KiB" if width == "memory" else "instructions"
                problems.append(f"{row} {place(width)} grew by {growth:.1f} %: {before[row]['median']} -> {now[row]['median']} {unit}")
    return problems


def improved(found, baseline):
    """Rows that shrank by more than the tolerance: the baseline is to be renewed, or they may grow back unseen."""
    return [f"{row} {place(width)}: {baseline[width][row]['median']} -> {figures['median']}"
            for width, rows in sorted(found.items()) for row, figures in sorted(rows.items())
            if row in baseline.get(width, {}) and figures["median"] < baseline[width][row]["median"] * (1 - TOLERANCE)]


def cell(figures, operations):
    if figures is None:
        return "", ""
    def one(value):
        return f"{value / operations:,.0f}"
    return one(figures["min"]), one(figures["median"])


def named(row):
    return row.what + (f" (per operation, {row.operations:,} in a call)" if row.operations > 1 else "")


def table(rows, width, bulkhead, peer, fair, costs):
    """Markdown. `rows`: of rows.py; `bulkhead`, `peer`, `fair`: {row: figures}; `costs`: {row: {crossings, switches}}. Per operation."""
    head = ["operation", "Bulkhead min", "median", "Xen min", "median", "fair Xen min", "median", "Xen / Bulkhead", "crossings", "address-space switches"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        ours = bulkhead.get(row.name)
        theirs = peer.get(row.name)
        estimate = fair.get(row.name) if width == "64" else None
        best = estimate or theirs
        ratio = f"{best['min'] / ours['min']:.1f}" if ours and best and ours["min"] else ""
        cost = costs.get(row.name)
        crossings, switches = (f"{cost['crossings'] / row.operations:.1f}", f"{cost['switches'] / row.operations:.1f}") if cost else ("", "")
        lines.append("| " + " | ".join([named(row), *cell(ours, row.operations), *cell(theirs, row.operations), *cell(estimate, 1), ratio, crossings, switches]) + " |")
    return "\n".join(lines) + "\n"


def kernel_table(rows, figures):
    """Markdown, per operation."""
    lines = ["| operation | min | median | max |", "|---|---|---|---|"]
    for row in rows:
        found = figures.get(row.name)
        cells = [f"{found[key] / row.operations:,.0f}" if found else "" for key in ("min", "median", "max")]
        lines.append(f"| {named(row)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def memory_table(figures):
    """Markdown."""
    lines = ["| what | KiB |", "|---|---|"]
    lines += [f"| {what} | {figures[name]['median']:,} |" for name, what in MEMORY_ROWS if name in figures]
    return "\n".join(lines) + "\n"


def sizes_table(sizes):
    """Markdown: what of each program is loaded."""
    lines = ["| program | code and constants | data | zeroed |", "|---|---|---|---|"]
    lines += [f"| {name} | {part['text']:,} | {part['data']:,} | {part['bss']:,} |" for name, part in sorted(sizes.items(), key=lambda item: (item[0] != "kernel", item[0]))]
    return "\n".join(lines) + "\n"


def sections_table(sections):
    lines = ["| entered for | longest | until | in the test |", "|---|---|---|---|"]
    lines += [f"| {s['cause']} | {s['ticks']:,} | {s['place']} | {s['case']} |" for s in sections]
    return "\n".join(lines) + "\n"


def document(widths, rows_of, results):
    """docs/performance-results.md. `rows_of`: by width, or of the kernel."""
    parts = ["<!-- SPDX-License-Identifier: Apache-2.0 -->\n# Results of the benchmark\n\nWritten by `./bulkhead bench` from `bench/results.json`; do not edit. "
             "[performance.md](performance.md) says what the columns are.\n"]
    for width in widths:
        parts.append(f"\n## {width}-bit guest\n\nInstructions per operation.\n\n" +
                     table(rows_of(width), width, results["bulkhead"].get(width, {}), results["xen"].get(width, {}), results["fair xen"],
                           results["costs"].get(width, {})))
    parts.append("\n## The kernel's own operations\n\nInstructions per operation, on the shipped kernel, by system calls from ring 3.\n\n" +
                 kernel_table(rows_of("kernel"), results["bulkhead"].get("kernel", {})))
    parts.append("\n## Mitigations\n\nInstructions of every exit of a guest; the rows above have them in them.\n\n" +
                 "".join(["| what | instructions |\n|---|---|\n", *(f"| {what} | {count} |\n" for what, count in results.get("mitigations", {}).items())]))
    if sections := results.get("sections"):
        parts.append(f"\n## Longest times with interrupts off\n\nIn instructions, by what the kernel was entered for, over {sections['cases']} system tests with one CPU; and where such a section "
                     "ended.\n\n" + sections_table(sections["longest"]))
    parts.append("\n## Memory in use\n\n" + memory_table(results["bulkhead"].get("memory", {})))
    parts.append("\n## Sizes in bytes\n\n" + sizes_table(results["image bytes"]))
    return "".join(parts)


def chart(rows, bulkhead, peer, title, peer_name):
    """An SVG: a pair of bars for each row that both have, as long as the logarithm of their instructions."""
    import math
    shown = [row for row in rows if row.name in bulkhead and row.name in peer]
    left, unit, height = 380, 90, 34
    def length(value):
        return unit * max(0.0, math.log10(max(value, 1)) - 1)
    width = left + unit * 6
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{60 + height * len(shown)}" font-family="sans-serif" font-size="12">',
             f'<text x="10" y="20" font-size="14">{title}</text>',
             f'<text x="10" y="38"><tspan fill="#2563eb">■ Bulkhead</tspan>  <tspan fill="#9ca3af">■ {peer_name}</tspan>  instructions, logarithmic</text>']
    for i, row in enumerate(shown):
        y = 50 + height * i
        ours, theirs = bulkhead[row.name]["min"] / row.operations, peer[row.name]["min"] / row.operations
        parts.append(f'<text x="{left - 8}" y="{y + 17}" text-anchor="end">{row.what}</text>')
        for value, colour, offset in ((ours, "#2563eb", 2), (theirs, "#9ca3af", 15)):
            parts.append(f'<rect x="{left}" y="{y + offset}" width="{length(value):.1f}" height="12" fill="{colour}"/>')
            parts.append(f'<text x="{left + length(value) + 4:.1f}" y="{y + offset + 10}" font-size="10">{value:,.0f}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
