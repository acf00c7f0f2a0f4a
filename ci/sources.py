# SPDX-License-Identifier: Apache-2.0
"""Which files are the project's own, and their text without comments. Shared by the gates."""

import os
import re
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CODE = (".cpp", ".hpp", ".h", ".c", ".S")
HEADERS = (".hpp", ".h")


def tracked(root=REPOSITORY, endings=CODE, under=()):
    """Paths relative to `root` of files that are committed or about to be."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True,
                            text=True, check=True).stdout.splitlines()
    return sorted(path for path in set(listed)
                  if path.endswith(endings) and (not under or path.startswith(tuple(under))) and os.path.exists(os.path.join(root, path)))


def read(path, root=REPOSITORY):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""", re.DOTALL)


def without_comments(text):
    """The text with comments blanked out; line numbers stay. String literals are left alone."""
    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token
    return _TOKEN.sub(blank, text)
