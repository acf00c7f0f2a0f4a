# SPDX-License-Identifier: Apache-2.0
"""Writes the files that users would write: a domain file (xl.cfg) for each domain, and the system file (TOML)."""

import os


def domain_file(domain, kernel, ramdisk):
    lines = [
        f'name = "{domain.name}"',
        'type = "pvh"',
        f'kernel = "{kernel}"',
        f"memory = {domain.memory}",
        f'on_poweroff = "{domain.on_poweroff}"',
        f'on_reboot = "{domain.on_reboot}"',
        f'on_crash = "{domain.on_crash}"',
    ]
    if domain.max_event_channels:
        lines.append(f"max_event_channels = {domain.max_event_channels}")
    if domain.max_grant_version:
        lines.append(f"max_grant_version = {domain.max_grant_version}")
    if domain.vcpus != 1:
        lines.append(f"vcpus = {domain.vcpus}")
    if ramdisk:
        lines.append(f'ramdisk = "{ramdisk}"')
    if domain.extra:
        lines.append(f'extra = "{domain.extra}"')
    return "\n".join(lines) + "\n"


def system_file(domains, machine, command_line):
    names = ", ".join(f'"{domain.name}.cfg"' for domain in domains)
    lines = [f"domains = [{names}]", "exit_when_done = true"]
    if command_line:
        lines.append(f'command_line = "{command_line}"')
    lines += ["", "[machine]", f'memory = "{machine.memory}M"', f"cpus = {machine.smp}"]
    for domain in domains:
        lines += ["", f"[domain.{domain.name}]", f'cpus = "{domain.cpus}"']
        if domain.budget_us:
            lines += [f"budget_us = {domain.budget_us}", f"period_us = {domain.period_us}"]
        if domain.priority:
            lines.append(f"priority = {domain.priority}")
    for component, setting in machine.components:
        lines += ["", f"[component.{component}]", setting]
    return "\n".join(lines) + "\n"


def write(directory, case, find_guest, command_line=""):
    """Returns the path of the system file. `find_guest(name)` tells the path of a kernel or ramdisk."""
    for domain in case.domains:
        ramdisk = find_guest(domain.ramdisk) if domain.ramdisk else None
        with open(os.path.join(directory, f"{domain.name}.cfg"), "w", encoding="utf-8") as file:
            file.write(domain_file(domain, find_guest(domain.kernel), ramdisk))
    path = os.path.join(directory, "system.toml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(system_file(case.domains, case.machine, command_line))
    return path
