# SPDX-License-Identifier: Apache-2.0
"""What the conformance guest reports (guests/conformance/main.cpp), held against the table that its rows come from.

It must not know: on which hypervisor the guest ran.
"""

import re
import subprocess

LINE = re.compile(r"^(ok|not ok) ([^:=\n]+?)(?:: (.*?))?(?: = (-?\d+))?$", re.MULTILINE)
CLOSING = re.compile(r"^conformance: (\d+) passed, (\d+) failed$", re.MULTILINE)


def table(program, image):
    """The names of the rows that run in that image, as the host program prints them."""
    result = subprocess.run([program, "rows", image], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def parse(text):
    """[(name, passed, what was wrong, value or None)]"""
    return [(m.group(2), m.group(1) == "ok", m.group(3) or "", m.group(4)) for m in LINE.finditer(text)]


def pending(text, image):
    """{name: reason} of the rows that are known to fail in that image: lines `NAME | IMAGE... | REASON`, '#' begins a comment."""
    result = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, images, reason = (part.strip() for part in line.split("|"))
            if images == "*" or image in images.split():
                result[name] = reason
    return result


def judge(text, names, expected_failures):
    """(passed, skipped, problems): how many rows passed, how many failed as is known, and everything else that is wrong."""
    problems = []
    reported = parse(text)
    seen = {name: passed for name, passed, _, _ in reported}
    if not names:
        problems.append("the table has no rows")
    if len(seen) != len(reported):
        problems.append(f"{len(reported) - len(seen)} rows were reported twice")
    problems += [f"not run: {name}" for name in names if name not in seen]
    problems += [f"not in the table: {name}" for name in seen if name not in set(names)]
    for name, passed, wrong, _ in reported:
        if not passed and name not in expected_failures:
            problems.append(f"{name}: {wrong}")
    problems += [f"passes, but is listed as pending: {name}" for name in expected_failures if seen.get(name)]
    passed = sum(seen.values())
    closing = CLOSING.search(text)
    if closing is None:
        problems.append("no closing line: the guest did not come to its end")
    elif (int(closing.group(1)), int(closing.group(2))) != (passed, len(seen) - passed):
        problems.append(f"the guest counted otherwise: {closing.group(0)}")
    skipped = sum(1 for name, ok in seen.items() if not ok and name in expected_failures)
    return passed, skipped, problems
