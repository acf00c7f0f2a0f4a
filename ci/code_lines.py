#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-KERNEL-009): the privileged code, in lines that are neither blank nor comment, against its budget. Prints the figure."""

import sys

import sources

BUDGET = 8000
# What is linked into the kernel, and the headers that it shares with its callers.
PRIVILEGED = ("kernel/",)


def count(text, assembly=False):
    lines = sources.without_comments(text).splitlines()
    if assembly:
        lines = [line.split("#", 1)[0] if not line.lstrip().startswith("#") else line for line in lines]
    return sum(1 for line in lines if line.strip())


def figures(files):
    """{directory: lines} of `files`: {path: text}."""
    result = {}
    for path, text in files.items():
        parts = path.split("/")
        directory = "/".join(parts[:4] if parts[1:2] == ["arch"] and len(parts) > 4 else parts[:3] if parts[1:2] == ["arch"] and len(parts) > 3 else parts[:2])
        result[directory] = result.get(directory, 0) + count(text, path.endswith(".S"))
    return result


def main():
    files = {path: sources.read(path) for path in sources.tracked(endings=sources.CODE + (".ld",), under=PRIVILEGED)}
    by_directory = figures(files)
    total = sum(by_directory.values())
    for directory, lines in sorted(by_directory.items()):
        print(f"  {lines:6} {directory}")
    print(f"privileged code: {total} lines of {BUDGET}")
    return 1 if total > BUDGET or not files else 0


if __name__ == "__main__":
    sys.exit(main())
