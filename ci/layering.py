#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-GATE-001): who may include what (docs/architecture.md). Every #include of the project's sources is resolved to a part of the tree, and each part
has a list of parts that it may use."""

import os
import re
import sys

import sources

SERVICES = ("root", "memory", "grant", "event", "vcpu", "domain", "console", "store")
# Headers that a freestanding C++ implementation has (C++20 [compliance]), or that need no code. What they declare and nobody defines does not link.
FREESTANDING = {"algorithm", "array", "atomic", "bit", "climits", "compare", "concepts", "cstdarg", "cstddef", "cstdint", "cstring", "iterator",
                "initializer_list", "limits", "new", "numeric", "optional", "span", "string_view", "tuple", "type_traits", "utility",
                "stddef.h", "stdint.h", "limits.h", "cpuid.h", "cstdlib"}

# part -> parts that it may include. "std": the freestanding headers; "host": any other header of the system.
ALLOWED = {
    "kernel-abi": {"kernel-abi", "std"},
    "kernel-cap": {"kernel-cap", "kernel-base", "kernel-abi", "std"},
    "kernel-base": {"kernel-base", "kernel-abi", "std"},
    "kernel": {"kernel", "kernel-arch", "kernel-cap", "kernel-base", "kernel-abi", "std"},
    # The interface of the architecture, and one architecture.
    "kernel-arch": {"kernel", "kernel-arch", "kernel-base", "kernel-abi", "kernel-cap", "std"},
    "kernel-x86": {"kernel", "kernel-arch", "kernel-x86", "kernel-base", "kernel-abi", "kernel-cap", "std"},
    "abi": {"abi", "xen", "std"},
    "lib": {"lib", "abi", "messages", "kernel-abi", "xen", "std"},
    "guests": {"guests", "abi", "xen", "std"},
}
for service in SERVICES:
    ALLOWED[f"service-{service}"] = {f"service-{service}", "lib", "abi", "xen", "messages", "kernel-abi", "std"}

# The architecture's share of the interface: same name and meaning in each kernel/arch/<arch>/, chosen by the include path.
ARCH_INTERFACE = {"kernel/arch/x86_64/cpu_local.hpp", "kernel/arch/x86_64/arch_inline.hpp"}

# tools/, test/ and the code generator are hosted programs and may use everything but each other's privates: tools no tests, nobody tools.
HOSTED = {"tools", "test", "generator"}
FORBIDDEN_TO_HOSTED = {"tools": {"test"}, "generator": {"test", "tools"}, "test": set()}

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def part_of(path):
    """The part of the tree that a file of ours belongs to."""
    rules = (("kernel/include/", "kernel-abi"), ("kernel/cap/", "kernel-cap"), ("kernel/base/", "kernel-base"),
             ("kernel/arch/x86_64/", "kernel-x86"), ("kernel/arch/", "kernel-arch"), ("kernel/", "kernel"), ("abi/generator/", "generator"), ("docs/generator/", "generator"),
             ("abi/", "abi"), ("lib/", "lib"), ("tools/", "tools"), ("test/", "test"), ("guests/", "guests"))
    for prefix, part in rules:
        if path.startswith(prefix):
            return part
    match = re.match(r"services/([^/]+)/", path)
    return f"service-{match.group(1)}" if match else "unknown"


def roots_of(path):
    """Where the compiler would look for an include of `path`, nearest first."""
    part = part_of(path)
    here = os.path.dirname(path)
    roots = [here]
    if part.startswith("kernel"):
        roots += ["kernel", "kernel/arch/x86_64", ""]
    match = re.match(r"(services/[^/]+)/", path)
    if match:
        roots += [match.group(1), "services", ""]
    if part in ("tools", "test", "generator"):
        roots += ["tools", "test", "test/sim", "kernel", "kernel/arch/x86_64", "services", ""]
    if part == "guests":
        roots += ["guests/tiny/common", "guests/tiny/common/x86_64", "guests/tiny"]
    roots += ["lib/include", "lib/src", "abi/include", "kernel/include", "lib/freestanding"]
    return roots


def resolve(path, name, known):
    """The part that an include names."""
    for root in roots_of(path):
        candidate = os.path.normpath(os.path.join(root, name))
        if candidate in known:
            return "kernel-arch" if candidate in ARCH_INTERFACE else part_of(candidate)
    if name.startswith("xen/"):
        return "xen"
    if name.endswith(".pb.h") or re.fullmatch(r"pb(_common|_encode|_decode)?\.h", name) or name.endswith(".layout.hpp"):
        return "messages"
    if name in FREESTANDING:
        return "std"
    return "host"


def problems(files):
    """`files`: {path: text}. A list of 'path:line: ...'."""
    known = set(files)
    found = []
    for path, text in sorted(files.items()):
        part = part_of(path)
        for match in _INCLUDE.finditer(sources.without_comments(text)):
            line = text.count("\n", 0, match.start(2)) + 1
            target = resolve(path, match.group(2), known)
            if part in HOSTED:
                allowed = target not in FORBIDDEN_TO_HOSTED[part]
            else:
                allowed = target in ALLOWED.get(part, set())
            if not allowed:
                found.append(f"{path}:{line}: {part} may not include {match.group(2)} ({target})")
    return found


def main():
    files = {path: sources.read(path) for path in sources.tracked()}
    found = problems(files)
    print("\n".join(found))
    print(f"layering: {len(files)} files, {len(found)} forbidden includes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
