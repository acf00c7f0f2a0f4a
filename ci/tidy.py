#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-GATE-003): clang-tidy (.clang-tidy). Files changed since a commit come first and are always checked; the others, in an order that moves on from
commit to commit, as far as the time allows.

    tidy.py BUILD [--all] [--since COMMIT] [--seconds N] [FILE...]"""

import argparse
import concurrent.futures
import hashlib
import os
import subprocess
import sys
import tempfile
import time

import compile_database
import sources


ON_TARGET = ("kernel/", "lib/", "services/", "guests/")
# What g++ takes and clang does not: with -mgeneral-regs-only it refuses the library's own functions on floating-point numbers.
ONLY_GCC = ("-Wno-register", "-mgeneral-regs-only", "-fno-tree-loop-distribute-patterns")


def changed_since(commit):
    result = subprocess.run(["git", "diff", "--name-only", commit, "--"], capture_output=True, text=True, cwd=sources.REPOSITORY, check=False)
    return set(result.stdout.split()) if result.returncode == 0 else set()


def order(paths, changed, salt):
    """Changed ones first; then by a hash that differs from commit to commit."""
    return sorted(paths, key=lambda p: (p not in changed, hashlib.sha256((salt + p).encode()).hexdigest()))


def check(path, database, root=sources.REPOSITORY, config=None):
    directory, flags = database[path]
    arguments = [flag for flag in flags[1:] if flag not in ONLY_GCC]
    command = ["clang-tidy", "--quiet", "--warnings-as-errors=*"]
    if config:
        command.append(f"--config-file={config}")
    result = subprocess.run([*command, os.path.join(root, path), "--", *arguments, "-Wno-unknown-warning-option"], capture_output=True,
                            text=True, cwd=directory, check=False)
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    return "\n".join(lines) if result.returncode != 0 else ""


def check_text(text, config):
    """What clang-tidy, as configured, says about a file with this text."""
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "a.cpp"), "w", encoding="utf-8") as file:
            file.write(text)
        return check("a.cpp", {"a.cpp": (directory, ["c++", "-std=c++20"])}, directory, config)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--since", default="HEAD~1")
    parser.add_argument("--seconds", type=float, default=900)
    options = parser.parse_args()
    database = compile_database.load(options.build)
    # What runs on the target: always the same files, so that the gate's verdict does not depend on chance. `--all`: the host's programs too, which
    # take minutes for their libraries. Tests have the compiler's warnings and the sanitizers.
    ours = {p for p in sources.tracked(endings=(".cpp",)) if p.startswith(ON_TARGET) or (options.all and not p.startswith("test/"))}
    paths = options.files or [p for p in database if p in ours]
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=sources.REPOSITORY, check=False).stdout
    changed = changed_since(options.since) | set(options.files)
    deadline = time.monotonic() + options.seconds
    found = []
    checked = 0

    def one(path):
        if path not in changed and time.monotonic() > deadline:
            return None
        return check(path, database)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for problem in pool.map(one, order(paths, changed, head)):
            checked += problem is not None
            if problem:
                found.append(problem)
    print("\n".join(found))
    print(f"clang-tidy: {checked} of {len(paths)} sources checked, {len(found)} with problems")
    return 1 if found or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
