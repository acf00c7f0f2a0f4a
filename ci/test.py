#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test there is, on a build that exists: host tests, gates, fuzzing, system tests, the benchmark's gate. Ends with `N passed, N failed`.

    test.py --build DIR [--only host,gates,fuzz,system,bench] [--fast]"""

import argparse
import os
import subprocess
import sys
import time

import summary

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Total:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.failures = []

    def add(self, name, passed, failed):
        self.passed += passed
        self.failed += failed
        if failed:
            self.failures.append(f"{name}: {failed} failed")


def run(command, timeout=1800):
    """Prints the output as it comes; returns (status, output)."""
    started = time.monotonic()
    print(f"== {' '.join(command)}", flush=True)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=REPOSITORY)
    lines = []
    for line in process.stdout:
        lines.append(line)
        print(line, end="", flush=True)
    status = process.wait(timeout=timeout)
    print(f"   ({time.monotonic() - started:.0f} s)", flush=True)
    return status, "".join(lines)


def counted(total, name, command, count):
    status, output = run(command)
    passed, failed = count(output)
    if status != 0 and failed == 0:
        failed = 1
    total.add(name, passed, failed)


def host_tests(total, build):
    junit = os.path.join(build, "host-tests.xml")
    if os.path.exists(junit):
        os.unlink(junit)
    run(["ctest", "--test-dir", build, "-j2", "--timeout", "300", "--output-on-failure", "--output-junit", junit])
    programs = summary.ctest_counts(junit) if os.path.exists(junit) else []
    if not programs:
        total.add("host tests", 0, 1)
    for name, passed, failed in programs:
        total.add(name, passed, failed)


def gates(total, build):
    python = sys.executable
    counted(total, "ci/selftest.py", [python, "ci/selftest.py"], summary.unittest_counts)
    counted(total, "test/system/selftest.py", [python, "test/system/selftest.py"], summary.unittest_counts)
    counted(total, "test/conformance/selftest.py", [python, "test/conformance/selftest.py"], summary.unittest_counts)
    counted(total, "test/bench/selftest.py", [python, "test/bench/selftest.py"], summary.unittest_counts)
    for name, arguments in (("layering", []), ("code_lines", []), ("binaries", [build]), ("headers", [build]), ("formatting", []), ("trace", []),
                            ("tidy", [build])):
        status, _ = run([python, f"ci/{name}.py", *arguments])
        total.add(f"ci/{name}.py", int(status == 0), int(status != 0))


def fuzzing(total, build):
    counted(total, "fuzzing", [sys.executable, "ci/fuzz.py", "--build", os.path.join(os.path.dirname(build), "fuzz")], summary.line_counts)


def system_tests(total, build, fast, patience):
    command = [sys.executable, "test/system/run.py", "--build", build, "--junit", os.path.join(build, "system-tests.xml"), "--patience", str(patience)]
    counted(total, "system tests", command + (["--fast"] if fast else []), summary.line_counts)


def benchmark(total, build, patience):
    """Rows that grew by more than 3 % since bench/baseline.json."""
    counted(total, "benchmark", [sys.executable, "test/bench/run.py", "--build", build, "--gate", "--patience", str(3 * patience)], summary.line_counts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(REPOSITORY, "build", "out"))
    parser.add_argument("--only", default="host,gates,fuzz,system,bench")
    parser.add_argument("--fast", action="store_true", help="leave the slow system tests out")
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies the system tests' time limits")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    kinds = options.only.split(",")
    started = time.monotonic()
    total = Total()
    if "host" in kinds:
        host_tests(total, build)
    if "gates" in kinds:
        gates(total, build)
    if "fuzz" in kinds:
        fuzzing(total, build)
    if "system" in kinds:
        system_tests(total, build, options.fast, options.patience)
    if "bench" in kinds:
        benchmark(total, build, options.patience)
    for failure in total.failures:
        print(failure)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
