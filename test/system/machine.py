# SPDX-License-Identifier: Apache-2.0
"""One QEMU process: starts it, follows its serial line stream by stream, types into it, and sees how it ends."""

import json
import os
import re
import selectors
import socket
import subprocess
import time

from streams import Demultiplexer, encode

INTERRUPT_FLAG = 0x200


class Failure(Exception):
    """A test did not see what it should."""


class Machine:
    """A running machine. Use as a context manager: nothing of it outlives the block."""

    def __init__(self, command, domain_names, directory, deadline, show=None):
        self._names = list(domain_names)
        self._streams = Demultiplexer(self._names)
        self._seen = {}
        self._deadline = deadline
        self._show = show
        self._raw = open(os.path.join(directory, "serial.raw"), "wb")
        self._qmp_path = os.path.join(directory, "qmp")
        if os.path.exists(self._qmp_path):
            os.unlink(self._qmp_path)
        command = command + ["-qmp", f"unix:{os.path.relpath(self._qmp_path)},server=on,wait=off"]
        with open(os.path.join(directory, "command"), "w", encoding="utf-8") as file:
            file.write(" ".join(f"'{word}'" if " " in word else word for word in command) + "\n")
        self._stderr = open(os.path.join(directory, "qemu.stderr"), "w+", encoding="utf-8")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr)
        self._selector = selectors.DefaultSelector()
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._directory = directory
        self._qmp = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._qmp is not None:
            self._qmp_file.close()
            self._qmp.close()
        self._selector.close()
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._raw.close()
        self._stderr.close()
        for name, text in self._streams.text.items():
            with open(os.path.join(self._directory, f"{name}.txt"), "w", encoding="utf-8") as file:
                file.write(text)

    def text(self, stream):
        return self._streams.text.get(stream, "")

    def streams(self):
        return self._streams.text

    def unknown_ids(self):
        return self._streams.unknown_ids

    def _pump(self):
        """Waits for output (a short while at most). False when there will be no more."""
        if not self._selector.select(timeout=0.2):
            return True
        data = self._process.stdout.read(65536)
        if data == b"":
            return False
        if data:
            self._raw.write(data)
            for stream, text in self._streams.feed(data):
                if self._show:
                    self._show(stream, text)
        return True

    def expect(self, stream, text):
        """Until `text` appears in `stream` behind what was expected there before; `...` is anything within a line."""
        pattern = re.compile(".*?".join(re.escape(part) for part in text.split("...")))
        while True:
            found = pattern.search(self.text(stream), self._seen.get(stream, 0))
            if found:
                self._seen[stream] = found.end()
                return
            if time.monotonic() > self._deadline:
                raise Failure(f"time is up: {stream} never said {text!r}")
            if not self._pump():
                raise Failure(f"the machine ended (status {self._process.wait()}) before {stream} said {text!r}")

    def send(self, stream, text):
        number = self._names.index(stream) + 1
        try:
            self._process.stdin.write(encode(number, text))
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise Failure(f"the machine ended before it could be told {text!r}") from error

    def wait_for_exit(self):
        """The exit status, when the machine has ended by itself."""
        while self._pump():
            if time.monotonic() > self._deadline:
                raise Failure("time is up: the machine did not end")
        return self._process.wait(timeout=10)

    def _ask(self, command):
        """One QMP command, its result."""
        self._qmp_file.write((json.dumps(command) + "\n").encode())
        self._qmp_file.flush()
        while True:
            answer = json.loads(self._qmp_file.readline())
            if "return" in answer:
                return answer["return"]

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._pump():
            pass

    def monitor_command(self, line):
        """One command of QEMU's own monitor; its answer."""
        if self._qmp is None:
            self._qmp = socket.socket(socket.AF_UNIX)
            self._qmp.settimeout(10)
            self._qmp.connect(os.path.relpath(self._qmp_path))
            self._qmp_file = self._qmp.makefile("rwb")
            self._qmp_file.readline()
            self._ask({"execute": "qmp_capabilities"})
        return self._ask({"execute": "human-monitor-command", "arguments": {"command-line": line}})

    def expect_halted(self):
        """Until every CPU is halted with interrupts off."""
        while True:
            if self._process.poll() is not None:
                raise Failure(f"the machine ended (status {self._process.returncode}) instead of halting")
            registers = self.monitor_command("info registers -a")
            flags = [int(value, 16) for value in re.findall(r"\b[ER]FL=([0-9a-f]+)", registers)]
            # Processors that were never started are halted as well; the one that was must not take interrupts.
            if flags and registers.count("HLT=1") == len(flags) and not flags[0] & INTERRUPT_FLAG:
                return
            if time.monotonic() > self._deadline:
                raise Failure("time is up: the machine never halted")
            self._pump()
