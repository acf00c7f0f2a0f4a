#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-GATE-003): sources look as .clang-format says, begin with the licence, and end with a newline. `--fix` rewrites them."""

import os
import subprocess
import sys

import sources

FORMATTED = (".cpp", ".hpp")
LICENSED = sources.CODE + (".py", ".sh", ".cmake", ".proto", "CMakeLists.txt")
LICENCE = "SPDX-License-Identifier: Apache-2.0"


def text_problems(path, text):
    found = []
    if LICENCE not in "\n".join(text.splitlines()[:3]):
        found.append(f"{path}:1: the licence line is missing")
    if text and not text.endswith("\n"):
        found.append(f"{path}: no newline at the end")
    for number, line in enumerate(text.splitlines(), start=1):
        if line != line.rstrip():
            found.append(f"{path}:{number}: space at the end of the line")
        if "\t" in line and path.endswith(FORMATTED):
            found.append(f"{path}:{number}: a tab")
    return found


def format_problems(paths, root=sources.REPOSITORY):
    if not paths:
        return []
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *paths], capture_output=True, text=True, cwd=root, check=False)
    return [line for line in result.stderr.splitlines() if "error:" in line]


def main(fix):
    formatted = sources.tracked(endings=FORMATTED)
    if fix:
        subprocess.run(["clang-format", "-i", *formatted], cwd=sources.REPOSITORY, check=True)
    found = format_problems(formatted)
    paths = sources.tracked(endings=LICENSED)
    for path in paths:
        found += text_problems(path, sources.read(path))
    print("\n".join(found))
    print(f"formatting: {len(paths)} files, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    os.chdir(sources.REPOSITORY)
    sys.exit(main("--fix" in sys.argv[1:]))
