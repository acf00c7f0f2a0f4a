#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gate and generator: docs/requirements/trace.md, which requirement is shown by which test. Requirements are headings `### REQ-AREA-NNN: ...` in
docs/requirements/; a test names the requirements that it shows anywhere in its source, a system test in its `requirements`. Nothing may be orphaned,
either way: a requirement without a test, a test without a requirement. `--write` renews the table."""

import dataclasses
import os
import re
import sys

import sources

TABLE = "docs/requirements/trace.md"
ID = re.compile(r"REQ-[A-Z]+-\d{3}")
HEADING = re.compile(r"^### (REQ-[A-Z]+-\d{3}): (.+)$", re.MULTILINE)
# Tests whose sources name requirements. REQ-EXAMPLE-... stand in the self-test of this script.
TESTS = ("test/", "ci/", "abi/generator/test")
NOT_TESTS = ("ci/trace.py",)
CASES = "test/system/cases.py"
HAS_TESTS = re.compile(r"^\s*(TEST_CASE|TEMPLATE_TEST_CASE|SCENARIO)\b", re.MULTILINE)
CASES_LINK = f"../../{CASES}"
SELF_TEST = "ci/selftest.py"


@dataclasses.dataclass
class Table:
    text: str
    problems: list


def system_cases():
    """{requirement: names of system tests}"""
    sys.path.insert(0, os.path.join(sources.REPOSITORY, "test", "system"))
    import cases  # the declarations themselves: parsing them would be guessing
    result = {}
    for case in cases.ALL:
        for name in case.requirements:
            result.setdefault(name, []).append(case.name)
    return result


def table(requirement_files, test_files, cases=None):
    problems = []
    titles = {}
    for path, text in sorted(requirement_files.items()):
        for name, title in HEADING.findall(text):
            if name in titles:
                problems.append(f"{path}: {name} is there twice")
            titles[name] = (title, path)
    shown = {name: [] for name in titles}
    for path, text in sorted(test_files.items()):
        for name in sorted(set(ID.findall(text))):
            if name in shown:
                shown[name].append(f"[{path}](../../{path})")
            else:
                problems.append(f"{path}: shows {name}, which is no requirement")
        if HAS_TESTS.search(text) and not ID.search(text):
            problems.append(f"{path}: its tests show no requirement")
    for name, tests in sorted((cases or {}).items()):
        if name in shown:
            shown[name].append(f"[system]({CASES_LINK}): {', '.join(tests)}")
        else:
            problems.append(f"{CASES}: {', '.join(tests)} show {name}, which is no requirement")
    problems += [f"{titles[name][1]}: no test shows {name}" for name, paths in shown.items() if not paths]
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->", "<!-- Written by ci/trace.py --write: do not edit. -->", "", "# Which test shows what", "",
             "| Requirement | What | Shown by |", "|---|---|---|"]
    for name in sorted(titles):
        title, path = titles[name]
        tests = "<br>".join(shown[name])
        lines.append(f"| [{name}]({os.path.basename(path)}) | {title} | {tests} |")
    return Table("\n".join(lines) + "\n", problems)


def main(write):
    requirement_files = {p: sources.read(p) for p in sources.tracked(endings=(".md",), under=("docs/requirements/",)) if p != TABLE}
    test_files = {p: sources.read(p) for p in sources.tracked(endings=sources.CODE + (".py", ".sh"), under=TESTS) if p not in NOT_TESTS
                  and not p.startswith("test/system/")}
    test_files[SELF_TEST] = re.sub(r"REQ-EXAMPLE-\d{3}", "", test_files[SELF_TEST])
    result = table(requirement_files, test_files, system_cases())
    path = os.path.join(sources.REPOSITORY, TABLE)
    if write:
        with open(path, "w", encoding="utf-8") as file:
            file.write(result.text)
    elif not os.path.exists(path) or sources.read(TABLE) != result.text:
        result.problems.append(f"{TABLE} is not up to date: run ci/trace.py --write")
    print("\n".join(result.problems))
    print(f"requirements: {result.text.count('| [REQ-')} traced, {len(result.problems)} problems")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
