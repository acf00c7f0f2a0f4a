#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the system tests of cases.py: boots the built system under QEMU, deterministically (-icount), and looks at what it says and how it ends.

    run.py --build DIR [--guests DIR] [--jobs N] [--case NAME]... [--trace] [--gdb] [--list] [--fast] [--junit FILE]

One case leaves its files in DIR/system-tests/NAME: what each stream said (log.txt, NAME.txt), serial.raw, QEMU's command line, and with
--trace what the processor did (qemu-trace.log).
"""

import argparse
import concurrent.futures
import dataclasses
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from xml.sax.saxutils import escape, quoteattr

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPOSITORY, "test", "conformance"))

import capabilities
import cases
import report
import system_files
from case import ALWAYS_FORBIDDEN, HALTED, BootCase, Expect, Send, SendNmis, ToolCase
from machine import Failure, Machine

DEBUG_EXIT_PORT = "0xf4"
# A start of the clock that is the same in every run.
POWER_ON = "2026-01-01T00:00:00"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


@dataclasses.dataclass
class Outcome:
    case: object
    seconds: float
    failure: str = ""
    report: str = ""


class Runner:
    def __init__(self, options):
        self._options = options
        self._print_lock = threading.Lock()

    # --- files
    def _built(self, *parts):
        path = os.path.join(self._options.build, *parts)
        if not os.path.exists(path):
            raise Failure(f"{path} is not built")
        return path

    def _find_guest(self, name):
        """Ours are built; Debian's kernels and the ramdisk are where the entry script has put them."""
        for path in (os.path.join(self._options.build, "guests", f"{name}.elf"), os.path.join(self._options.build, "guests", "debian", name),
                     os.path.join(self._options.guests, name)):
            if os.path.exists(path):
                return os.path.abspath(path)
        raise Failure(f"there is no guest {name} in {self._options.build}/guests nor in {self._options.guests}")

    def _directory(self, case):
        path = os.path.join(self._options.build, "system-tests", case.name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def _tool(self, *arguments, timeout=120):
        return subprocess.run([self._built("tools", "bulkhead-tool"), *arguments], capture_output=True, text=True, check=False,
                              timeout=timeout, env={**os.environ, "NO_COLOR": "1"})

    # --- QEMU
    def _prepare(self, case, directory):
        """Packs the case's domains; returns QEMU's options for booting them."""
        words = f"exit={DEBUG_EXIT_PORT} {case.machine.words}".strip() if case.machine.exit_port else case.machine.words
        kernel = ["-kernel", self._built("kernel", f"{case.machine.kernel}.elf"), "-append", words]
        if case.machine.first_task:
            task = self._built("components", f"{case.machine.first_task}.elf")
            return [*kernel, "-initrd", f"{task},{task}"]
        iso = case.machine.boot != "kernel"
        system = system_files.write(directory, case, self._find_guest, f"exit={DEBUG_EXIT_PORT}" if iso else "")
        # Without SVM or NPT there is nothing to test about domains, but the modules are what a user would have.
        options = ["--components", os.path.join(self._options.build, "components")]
        if case.crash:
            options += ["--crash-domain", case.crash[0], "--crash-after-exits", str(case.crash[1])]
        if case.print_capabilities:
            options += ["--print-capabilities"]
        if iso:
            image = os.path.join(directory, "boot.iso")
            result = self._tool("image", "--kernel", self._built("kernel", f"{case.machine.kernel}.elf"), *options, image, system)
        else:
            image = os.path.join(directory, "boot.image")
            result = self._tool("pack", *options, "--output", image, system)
        if result.returncode != 0:
            raise Failure(f"packing failed:\n{result.stdout}{result.stderr}")
        if iso:
            return self._iso_options(case, directory, image)
        root = self._built("components", "root.elf")
        return [*kernel, "-initrd", f"{root},{image}"]

    def _iso_options(self, case, directory, image):
        options = ["-cdrom", image]
        if case.machine.boot == "iso-uefi":
            variables = os.path.join(directory, "uefi-variables.fd")
            shutil.copy(OVMF_VARS, variables)
            options += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}", "-drive", f"if=pflash,format=raw,file={variables}"]
        return options

    def _command(self, case, directory):
        machine = case.machine
        command = ["qemu-system-x86_64", "-machine", "q35", "-cpu", machine.cpu, "-smp", str(machine.smp), "-m", str(machine.memory),
                   "-icount", f"shift={machine.icount_shift},sleep=off", "-rtc", f"base={POWER_ON},clock=vm", "-seed", "1", "-nodefaults", "-display", "none",
                   "-serial", "stdio", "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT},iosize=4", "-no-reboot"]
        command += self._prepare(case, directory)
        if machine.debug_console:
            command += ["-debugcon", f"file:{os.path.join(directory, machine.debug_console)}"]
        if self._options.trace:
            command += ["-d", "int,cpu_reset,guest_errors", "-D", os.path.join(directory, "qemu-trace.log")]
        if self._options.gdb:
            command += ["-s", "-S"]
        return command

    # --- one case
    def _show(self, case):
        if not self._options.trace:
            return None

        def show(stream, text):
            with self._print_lock:
                for line in text.splitlines():
                    print(f"  {case.name} {stream:>10} | {line}", flush=True)

        return show

    def boot(self, case, play=None):
        """Plays the case to its end (or has `play` do so, with the machine); returns what each stream said."""
        directory = self._directory(case)
        command = self._command(case, directory)
        allowed = 24 * 3600 if self._options.gdb else case.timeout * self._options.patience
        deadline = time.monotonic() + allowed
        with Machine(command, [domain.name for domain in case.domains], directory, deadline, self._show(case)) as machine:
            try:
                (play or self._play)(case, machine)
            except Failure as failure:
                raise Failure(f"{failure}\n{self._tails(machine)}") from failure
            return machine.streams()

    def _play(self, case, machine):
        for step in case.steps:
            if isinstance(step, Expect):
                machine.expect(step.stream, step.text)
            elif isinstance(step, Send):
                machine.send(step.stream, step.text)
            elif isinstance(step, SendNmis):
                for _ in range(step.count):
                    machine.monitor_command("nmi")
        if case.status == HALTED:
            machine.expect_halted()
        else:
            status = machine.wait_for_exit()
            if status != case.status:
                raise Failure(f"exit status {status}, not {case.status}")
        self._check_streams(case, machine)

    def _check_streams(self, case, machine):
        for stream, text in machine.streams().items():
            for word in (*ALWAYS_FORBIDDEN, *case.forbid.get(stream, ()), *case.forbid.get("*", ())):
                if word in text:
                    raise Failure(f"{stream} said {word!r}")
        if machine.unknown_ids():
            raise Failure(f"the line switched to streams that do not exist: {machine.unknown_ids()}")
        if case.compare_log_with:
            with open(os.path.join(REPOSITORY, case.compare_log_with), encoding="utf-8") as file:
                found = capabilities.problems(file.read(), machine.text("log"))
            if found:
                raise Failure(f"the running system and {case.compare_log_with} differ:\n" + "\n".join(found))

        if case.conformance:
            self._check_conformance(case.conformance, machine.text(case.conformance), machine.text("log"))

    def _check_conformance(self, image, console, log):
        """The report is on the console, its end (after the reset of all event channels) in the log."""
        names = report.table(self._built("tests", "conformance_table"), image)
        text = console + re.sub(rf"^\[{image} log\] ", "", log, flags=re.MULTILINE)
        with open(os.path.join(REPOSITORY, "test", "conformance", "pending.txt"), encoding="utf-8") as file:
            known = report.pending(file.read(), image)
        passed, skipped, problems = report.judge(text, names, known)
        with self._print_lock:
            print(f"      {image}: {passed} rows passed, {skipped} pending", flush=True)
            for name, reason in known.items():
                if name in names:
                    print(f"      pending: {name}: {reason}", flush=True)
        if problems:
            raise Failure(f"{len(problems)} rows of the conformance table:\n" + "\n".join(problems))

    @staticmethod
    def _tails(machine):
        lines = []
        for stream, text in machine.streams().items():
            tail = text.splitlines()[-12:]
            lines += [f"--- {stream}, last {len(tail)} lines"] + tail
        return "\n".join(lines)

    def _run_tool(self, case):
        directory = self._directory(case)
        for name, content in case.files.items():
            mode = "wb" if isinstance(content, bytes) else "w"
            with open(os.path.join(directory, name), mode) as file:
                file.write(content if isinstance(content, bytes) else content.replace("@GUESTS@", os.path.join(self._options.build, "guests")))
        result = subprocess.run([self._built("tools", "bulkhead-tool"), *case.arguments], capture_output=True, text=True, check=False,
                                timeout=case.timeout, cwd=directory, env={**os.environ, "NO_COLOR": "1"})
        said = result.stdout + result.stderr
        if result.returncode != case.status:
            raise Failure(f"exit status {result.returncode}, not {case.status}; it said:\n{said}")
        lines = iter(said.splitlines())
        for expected in case.output:
            if not any(line == expected for line in lines):
                raise Failure(f"no line (here or later) is\n{expected}\nin:\n{said}")

    def run(self, case):
        started = time.monotonic()
        failure = ""
        try:
            if isinstance(case, BootCase):
                self.boot(case)
            elif isinstance(case, ToolCase):
                self._run_tool(case)
        except Failure as problem:
            failure = str(problem)
        except Exception as problem:  # one case must not stop the others
            failure = f"{type(problem).__name__}: {problem}"
        outcome = Outcome(case, time.monotonic() - started, failure)
        with self._print_lock:
            print(f"{'FAIL' if failure else 'pass'}  {case.name} ({outcome.seconds:.1f} s)", flush=True)
            if failure:
                print("      " + failure.replace("\n", "\n      "), flush=True)
        return outcome


def write_junit(path, outcomes):
    failed = sum(1 for o in outcomes if o.failure)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="system" tests="{len(outcomes)}" failures="{failed}">\n')
        for o in outcomes:
            file.write(f'  <testcase classname="system" name={quoteattr(o.case.name)} time="{o.seconds:.2f}">')
            if o.failure:
                printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in o.failure)
                file.write(f"<failure>{escape(printable)}</failure>")
            file.write("</testcase>\n")
        file.write("</testsuite>\n")


def choose(options):
    chosen = [c for c in cases.ALL if not options.case or c.name in options.case]
    unknown = set(options.case or ()) - {c.name for c in cases.ALL}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    if options.fast:
        chosen = [c for c in chosen if not c.slow]
    return sorted(chosen, key=lambda c: (c.slow, c.timeout))


def main():
    parser = argparse.ArgumentParser(description="system tests")
    parser.add_argument("--build", default="build", help="the build directory")
    parser.add_argument("--guests", help="directory of Debian's kernels and the ramdisk (default: build/deps/guests of the repository)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--case", action="append", help="run this case only (can be repeated)")
    parser.add_argument("--fast", action="store_true", help="leave the slow cases out")
    parser.add_argument("--trace", action="store_true", help="show all streams as they come; log interrupts and guest entries")
    parser.add_argument("--gdb", action="store_true", help="wait for gdb on port 1234 before the first instruction")
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies every time limit")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--junit", help="write a JUnit file")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.guests = os.path.abspath(options.guests or os.path.join(REPOSITORY, "build", "deps", "guests"))
    chosen = choose(options)
    if options.list:
        for case in chosen:
            print(f"{case.name:32} {' '.join(case.requirements)}")
        return 0
    runner = Runner(options)
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        outcomes = list(pool.map(runner.run, chosen))
    if options.junit:
        write_junit(options.junit, outcomes)
    failed = sum(1 for o in outcomes if o.failure)
    print(f"system: {len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
