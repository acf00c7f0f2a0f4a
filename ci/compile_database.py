# SPDX-License-Identifier: Apache-2.0
"""How each source is compiled (compile_commands.json), and how a header next to it would be."""

import json
import os
import shlex

import sources


def load(build):
    """{path relative to the repository: (directory, arguments without output and input)}"""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    result = {}
    for entry in entries:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), sources.REPOSITORY)
        if path.startswith("..") or path in result:
            continue
        result[path] = (entry["directory"], _flags(shlex.split(entry["command"]), entry["file"]))
    return result


def _flags(words, source):
    flags = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MT", "-MF"):
            skip = True
        elif word not in ("-c", "-MD", source):
            flags.append(word)
    return flags


def nearest(path, database):
    """The entry of the C++ source that shares the longest directory prefix with `path`."""
    def shared(other):
        a, b = path.split("/")[:-1], other.split("/")[:-1]
        n = 0
        while n < min(len(a), len(b)) and a[n] == b[n]:
            n += 1
        return n, -len(b), other
    candidates = [other for other in database if other.endswith(".cpp")]
    return database[max(candidates, key=shared)] if candidates else None
