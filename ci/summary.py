# SPDX-License-Identifier: Apache-2.0
"""How many tests passed and failed, read out of what each kind of test prints. What cannot be read counts as one failure."""

import re
import xml.etree.ElementTree


def catch_counts(output):
    """Catch2's console reporter."""
    match = re.search(r"All tests passed \(\d+ assertions? in (\d+) test cases?\)", output)
    if match:
        return int(match.group(1)), 0
    match = re.search(r"test cases: (\d+) \|(.*)", output)
    if match:
        failed = re.search(r"(\d+) failed", match.group(2))
        as_expected = re.search(r"(\d+) failed as expected", match.group(2))
        failures = int(failed.group(1)) if failed and not as_expected else 0
        return int(match.group(1)) - failures, failures
    return 0, 1


def ctest_counts(junit_path):
    """ctest --output-junit: one testcase per program, with what Catch2 printed if its name begins with test_. A list of (program, passed, failed)."""
    result = []
    for case in xml.etree.ElementTree.parse(junit_path).getroot().iter("testcase"):
        if case.get("name").startswith("test_"):
            passed, failed = catch_counts(case.findtext("system-out") or "")
        else:  # no Catch2 program: one test
            passed, failed = int(case.get("status") == "run"), int(case.get("status") != "run")
        if case.get("status") != "run" and failed == 0:
            failed = 1  # it ended badly after its last test: a sanitizer, a time limit
        result.append((case.get("name"), passed, failed))
    return result


def unittest_counts(output):
    """Python's unittest."""
    ran = re.search(r"Ran (\d+) tests? in", output)
    if not ran:
        return 0, 1
    failed = re.search(r"FAILED \((.*)\)", output)
    failures = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", failed.group(1))) if failed else 0
    return int(ran.group(1)) - failures, failures


def line_counts(output):
    """A closing line 'N passed, N failed'."""
    match = re.findall(r"(\d+) passed, (\d+) failed", output)
    return (int(match[-1][0]), int(match[-1][1])) if match else (0, 1)
