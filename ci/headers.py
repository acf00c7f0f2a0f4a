#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate (REQ-GATE-002): every header compiles alone, with the flags of the sources beside it.

    headers.py BUILD"""

import concurrent.futures
import os
import subprocess
import sys

import compile_database
import sources

# Headers of a library that is not on the include path of its neighbours: who includes them.
BESIDE = {"kernel/include/": "kernel/cap/x", "lib/include/": "lib/src/x", "abi/include/": "lib/src/x", "lib/freestanding/": "lib/src/x",
          "test/first_task/": "test/system/ring3/x"}


def check(path, database, root=sources.REPOSITORY):
    """'' or the compiler's complaint."""
    where = next((target for prefix, target in BESIDE.items() if path.startswith(prefix)), path)
    entry = compile_database.nearest(where, database)
    if entry is None:
        return f"{path}: no source is compiled near it"
    directory, flags = entry
    source = f'#include "{os.path.join(root, path)}"\n'
    result = subprocess.run([*flags, "-fsyntax-only", "-x", "c++", "-"], input=source, capture_output=True, text=True, cwd=directory, check=False)
    return "" if result.returncode == 0 else f"{path} does not compile alone:\n{result.stderr}"


def main(build):
    database = compile_database.load(build)
    paths = [p for p in sources.tracked(endings=(".hpp",)) if not p.startswith("abi/generator/templates/")]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = [problem for problem in pool.map(lambda p: check(p, database), paths) if problem]
    print("\n".join(found))
    print(f"headers: {len(paths)} compiled alone, {len(found)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "build"))
