# SPDX-License-Identifier: Apache-2.0
"""The serial line's multiplexing: byte 0x1e and a stream id switch the current stream; '0' is the system's log, domain d is chr(0x30 + d).

It must not know: QEMU, or what any stream says.
"""

SWITCH = 0x1E
LOG = "log"


def stream_id(number):
    """The id byte of the log (0) or of domain `number`."""
    return 0x30 + number


class Demultiplexer:
    """Takes raw bytes, keeps the text of each stream, and the order in which it came."""

    def __init__(self, names):
        """`names`: of domain 1, 2, ..."""
        self._name_of = {stream_id(0): LOG}
        for number, name in enumerate(names, start=1):
            self._name_of[stream_id(number)] = name
        self.text = {name: "" for name in self._name_of.values()}
        self.unknown_ids = []
        self._current = LOG
        self._switching = False

    def feed(self, data):
        """Returns a list of (stream, text) for the text that was new."""
        news = []
        run = bytearray()

        def flush():
            if run:
                # Latin-1: each byte is one character, whatever a guest writes.
                text = run.decode("latin-1").replace("\r", "")
                self.text[self._current] = self.text.get(self._current, "") + text
                news.append((self._current, text))
                run.clear()

        for byte in data:
            if self._switching:
                self._switching = False
                name = self._name_of.get(byte)
                if name is None:
                    self.unknown_ids.append(byte)
                    name = f"unknown-{byte:#x}"
                self._current = name
            elif byte == SWITCH:
                flush()
                self._switching = True
            else:
                run.append(byte)
        flush()
        return news


def encode(number, text):
    """Keystrokes for domain `number`."""
    return bytes([SWITCH, stream_id(number)]) + text.encode("latin-1")
