# SPDX-License-Identifier: Apache-2.0
"""32-bit guests: our own in each paging mode, Debian's beside 64-bit ones. What they print: guests/tiny/hello.cpp, guests/debian/init."""

from case import BootCase, Domain, Expect, Send

def ended(name, reason):
    return Expect("log", f"'{name}' ended: {reason}... -> destroy")


def hello(name, kernel, *words):
    """All that the 64-bit one does: console, debug port, timer events by the domain's own layout, both clocks."""
    first = (Expect("hello", "hello: hypercall page"),) if "page" in words else ()
    return BootCase(
        name, ("REQ-WIDTH-001", "REQ-WIDTH-002", "REQ-WIDTH-003"), (Domain("hello", kernel, " ".join(("echo", *words))),),
        (*first, Expect("hello", "hello: console ring"), Expect("log", "[hello log] hello: debug port"), Expect("log", "[hello log] hello: console_io"),
         Expect("hello", "hello: timer 0 on time, wall clock set"), Expect("hello", "say something: "), Send("hello", "thirty-two\n"),
         Expect("hello", "heard [thirty-two]"), Expect("hello", "hello: ram ends at 0x800000"), Expect("hello", "hello: done"), ended("hello", "poweroff")),
        forbid={"hello": ("refused", "debug port", "exception")})


G32_CASES = (
    hello("hello-64-page", "hello", "page"),
)
