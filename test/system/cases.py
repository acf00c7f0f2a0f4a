# SPDX-License-Identifier: Apache-2.0
"""The system tests. Every one names the requirements that it shows (docs/requirements). What a guest prints: guests/tiny, guests/debian/init."""

from dataclasses import replace

from case import ENDED_WELL, ENDED_WITH_FAILURES, HALTED, REFUSED, BootCase, Domain, Expect, Machine, Send, SendNmis
from event_cases import EVENT_CASES
from g32_cases import G32_CASES
from grant_cases import GRANT_CASES
from memory_cases import MEMORY_CASES
from conformance_cases import CONFORMANCE_CASES
from smp_cases import SMP_CASES
from tool_cases import TOOL_CASES

SHELL = "This is BusyBox"
CLOUD = "cloud/vmlinuz"
AMD64 = "amd64/vmlinuz"
INITRAMFS = "initramfs.cpio"


def linux(name, kernel=CLOUD, run="", memory=192, **more):
    words = f"console=hvc0 quiet bh.name={name}" + (f" bh.run={run}" if run else "")
    return Domain(name, kernel, words, memory, ramdisk=INITRAMFS, **more)


def ended(name, reason, action="destroy"):
    return Expect("log", f"'{name}' ended: {reason}... -> {action}")


HELLO_STEPS = (
    Expect("hello", "hello: console ring"),
    Expect("hello", "hello: timer 0 on time, wall clock set"),
    Expect("hello", "hello: done"),
)

SMALL = (
    BootCase(
        "hello",
        ("REQ-KERNEL-001", "REQ-GUEST-005", "REQ-GUEST-008", "REQ-GUEST-009", "REQ-GUEST-010", "REQ-DOMAIN-001", "REQ-DOMAIN-004", "REQ-COMP-001",
         "REQ-CONSOLE-001"),
        (Domain("hello", "hello"),),
        (*HELLO_STEPS, Expect("log", "[hello log] hello: debug port"), Expect("log", "[hello log] hello: console_io"),
         ended("hello", "poweroff")),
        forbid={"hello": ("refused", "debug port")},
    ),
    BootCase(
        "hello-elf32",
        ("REQ-GUEST-006",),
        (Domain("hello", "hello_elf32"),),
        (*HELLO_STEPS, ended("hello", "poweroff")),
    ),
    BootCase(
        "hello-two-cpus",
        ("REQ-KERNEL-005",),
        (Domain("hello", "hello", cpus="1"), Domain("other", "hello", cpus="0")),
        (*HELLO_STEPS, Expect("other", "hello: done")),
        machine=Machine(smp=2),
    ),
    BootCase(
        "typing",
        ("REQ-GUEST-007", "REQ-CONSOLE-001"),
        (Domain("left", "hello", "echo"), Domain("right", "hello", "echo")),
        (Expect("left", "say something: "), Expect("right", "say something: "), Send("right", "over here\n"),
         Expect("right", "heard [over here]"), Send("left", "and here\n"), Expect("left", "heard [and here]")),
        forbid={"left": ("over",), "right": ("and here",)},
    ),
    BootCase(
        "poweroff-by-halting",
        ("REQ-DOMAIN-001",),
        (Domain("hello", "hello", "halt"),),
        (*HELLO_STEPS, ended("hello", "poweroff")),
    ),
    BootCase(
        "reboot",
        ("REQ-DOMAIN-002", "REQ-GUEST-007"),
        (Domain("again", "shutdown", "reason=ask"),),
        (Expect("again", "which reason?"), Send("again", "reboot\n"), Expect("again", "shutdown: reboot"), ended("again", "reboot", "restart"),
         Expect("again", "which reason?"), Send("again", "poweroff\n"), ended("again", "poweroff")),
    ),
    BootCase(
        "reboot-destroy",
        ("REQ-DOMAIN-002",),
        (Domain("once", "shutdown", "reason=reboot", on_reboot="destroy"),),
        (ended("once", "reboot"),),
    ),
    BootCase(
        "poweroff-restart",
        ("REQ-DOMAIN-001",),
        (Domain("again", "shutdown", "reason=ask", on_poweroff="restart"),),
        (Expect("again", "which reason?"), Send("again", "poweroff\n"), ended("again", "poweroff", "restart"), Expect("again", "which reason?"),
         Send("again", "crash\n"), ended("again", "crash")),
        status=ENDED_WITH_FAILURES,
    ),
    BootCase(
        "crash-reported",
        ("REQ-DOMAIN-003",),
        (Domain("bad", "shutdown", "reason=crash"), Domain("hello", "hello")),
        (Expect("hello", "hello: done"), ended("bad", "crash")),
        status=ENDED_WITH_FAILURES,
    ),
    BootCase(
        "crash-loop-ends",
        ("REQ-DOMAIN-003", "REQ-DOMAIN-004"),
        (Domain("bad", "shutdown", "reason=crash", on_crash="restart"),),
        (ended("bad", "crash", "restart"), ended("bad", "crash", "restart"), Expect("log", "not started again")),
        status=ENDED_WITH_FAILURES,
    ),
    BootCase(
        "sixteen",
        ("REQ-GUEST-004", "REQ-CONSOLE-001"),
        tuple(Domain(f"g{i:02}", "hello", "echo") for i in range(16)),
        (*(Expect(f"g{i:02}", "say something: ") for i in range(16)), *(Send(f"g{i:02}", f"I am g{i:02}\n") for i in range(16)),
         *(Expect(f"g{i:02}", f"heard [I am g{i:02}]") for i in range(16)), Expect("log", "all domains ended")),
        timeout=90,
    ),
    BootCase(
        "spinning-neighbour",
        ("REQ-GUEST-013", "REQ-GUEST-014", "REQ-SCHED-001", "REQ-SCHED-002"),
        (Domain("spin", "spin", "ms=800", budget_us=5000, period_us=10000),
         Domain("calm", "neighbour", "ms=200 timers=20 min_share=45 max_late=11000", budget_us=5000, period_us=10000)),
        (Expect("spin", "spin: spinning"), Expect("calm", "neighbour: PASS"), ended("spin", "poweroff")),
        forbid={"calm": ("FAIL",)},
        timeout=90,
    ),
    BootCase(
        "interrupts-off",
        ("REQ-SVM-003",),
        (Domain("masked", "masked", "rounds=50"),),
        (Expect("masked", "masked: PASS"), ended("masked", "poweroff")),
    ),
    BootCase(
        "secrets",
        ("REQ-GUEST-012",),
        (Domain("writer", "secrets", "role=writer ms=150", budget_us=1000, period_us=2000),
         Domain("reader", "secrets", "role=reader ms=120", budget_us=1000, period_us=2000)),
        (Expect("writer", "secrets writer: writing"), Expect("reader", "secrets reader: PASS"), Expect("writer", "secrets writer: done")),
        forbid={"reader": ("LEAK", "LOST", "NOT CLEAN", "FAIL")},
        timeout=90,
    ),
    BootCase(
        "monitor-crash",
        ("REQ-COMP-003", "REQ-DOMAIN-003"),
        (Domain("victim", "hello", "echo"), Domain("hello", "hello", "echo")),
        (Expect("log", "'victim' crashed: monitor fault"), Expect("hello", "say something: "), Send("hello", "alive\n"),
         Expect("hello", "heard [alive]")),
        crash=("victim", 20),
    ),
    BootCase(
        "monitor-crash-restart",
        ("REQ-COMP-003", "REQ-DOMAIN-003"),
        (Domain("victim", "hello", "echo", on_crash="restart"), Domain("hello", "hello", "echo")),
        (Expect("log", "'victim' crashed: monitor fault"), Expect("victim", "say something: "), Send("victim", "back\n"),
         Expect("victim", "heard [back]"), Send("hello", "alive\n"), Expect("hello", "heard [alive]")),
        crash=("victim", 20),
    ),
)


def hostile(name, requirements, parts, steps, status=ENDED_WELL, timeout=90, memory=8):
    """A hostile guest beside a healthy one, which says afterwards that it still lives."""
    return BootCase(
        f"hostile-{name}", requirements,
        (Domain("hostile", "hostile", parts, memory=memory), Domain("healthy", "hello", "echo")),
        (Expect("healthy", "say something: "), *steps, Send("healthy", "alive\n"), Expect("healthy", "heard [alive]")),
        forbid={"hostile": ("FAIL", "still here"), "log": ("component ",)}, status=status, timeout=timeout)


def survives(part):
    return (Expect("hostile", f"hostile: {part} PASS"),)


HOSTILE = (
    hostile("errors", ("REQ-INPUT-006",), "errors", survives("errors")),
    hostile("ports", ("REQ-INPUT-003",), "ports", survives("ports"), timeout=180),
    hostile("msrs", ("REQ-INPUT-004",), "msrs", survives("msrs"), timeout=180),
    hostile("instructions", ("REQ-INPUT-002",), "ud2", survives("ud2")),
    hostile("hypercalls", ("REQ-INPUT-007", "REQ-COMP-004"), "hypercalls seed=2 rounds=20000", survives("hypercalls"), timeout=120),
    # What a guest writes into a ring that it has just made nonsense of may be lost: it says so by the debug port.
    hostile("console-ring", ("REQ-INPUT-008",), "ring", (Expect("log", "hostile: ring PASS"),)),
    hostile("memory", ("REQ-INPUT-005",), "memory", survives("memory")),
    hostile("page-tables", ("REQ-INPUT-005",), "tables", (Expect("log", "'hostile' ended: crash"),), ENDED_WITH_FAILURES),
    hostile("garbage", ("REQ-INPUT-002",), "garbage seed=7", survives("garbage")),
    hostile("triple-fault", ("REQ-INPUT-001",), "triple", (Expect("log", "'hostile' ended: crash"),), ENDED_WITH_FAILURES),
)

LINUX = (
    BootCase(
        "linux-cloud",
        ("REQ-GUEST-001", "REQ-GUEST-007", "REQ-GUEST-011"),
        (linux("linux"),),
        (Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "echo $((6 * 7)) is the answer\n"), Expect("linux", "42 is the answer"),
         Send("linux", "sleep 1; busybox dmesg | busybox grep -c Xen\n"), Send("linux", "poweroff\n"), ended("linux", "poweroff")),
        machine=Machine(memory=512), timeout=240, slow=True,
    ),
    BootCase(
        "linux-amd64",
        ("REQ-GUEST-002",),
        (linux("linux", AMD64, memory=256),),
        (Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "echo $((6 * 7)) is the answer\n"), Expect("linux", "42 is the answer"),
         Send("linux", "poweroff\n"), ended("linux", "poweroff")),
        machine=Machine(memory=512), timeout=300, slow=True,
    ),
    BootCase(
        "linux-two",
        ("REQ-GUEST-003",),
        (linux("first", cpus="0"), linux("second", AMD64, memory=256, cpus="1")),
        (Expect("first", SHELL), Expect("second", SHELL), Expect("first", "first:/# "), Expect("second", "second:/# "),
         Send("first", "hostname\n"), Expect("first", "first"), Send("second", "poweroff\n"), ended("second", "poweroff"),
         Send("first", "poweroff\n"), ended("first", "poweroff")),
        machine=Machine(smp=2, memory=768), timeout=420, slow=True,
    ),
    BootCase(
        "linux-reboot",
        ("REQ-DOMAIN-002",),
        (linux("linux"),),
        (Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "reboot\n"), ended("linux", "reboot", "restart"),
         Expect("linux", SHELL), Expect("linux", "# "), Send("linux", "poweroff\n"), ended("linux", "poweroff")),
        machine=Machine(memory=512), timeout=420, slow=True,
    ),
    BootCase(
        "linux-panic",
        ("REQ-DOMAIN-003",),
        (linux("linux", run="panic"),),
        (Expect("linux", "sysrq triggered crash"), Expect("log", "'linux' ended: crash")),
        status=ENDED_WITH_FAILURES, machine=Machine(memory=512), timeout=240, slow=True,
    ),
)

MACHINES = (
    BootCase(
        "no-svm", ("REQ-KERNEL-004",), (Domain("hello", "hello"),), (Expect("log", "this CPU has no SVM (AMD-V): halted"),),
        status=HALTED, machine=Machine(cpu="qemu64,-svm", exit_port=False), timeout=30,
    ),
    BootCase(
        "no-npt", ("REQ-KERNEL-004",), (Domain("hello", "hello"),), (Expect("log", "this CPU has SVM without nested paging: halted"),),
        status=HALTED, machine=Machine(cpu="qemu64,+svm,-npt", exit_port=False), timeout=30,
    ),
    BootCase(
        "no-xsave", ("REQ-KERNEL-004",), (Domain("hello", "hello"),), (Expect("log", "this CPU has no XSAVE: halted"),),
        status=HALTED, machine=Machine(cpu="qemu64,+svm,+npt,-xsave", exit_port=False), timeout=30,
    ),
    BootCase(
        "no-long-mode", ("REQ-KERNEL-004",), (Domain("hello", "hello"),), (Expect("log", "halted"),),
        status=HALTED, machine=Machine(cpu="qemu32", exit_port=False), timeout=30,
    ),
    BootCase(
        "refusal-has-a-status", ("REQ-KERNEL-004",), (Domain("hello", "hello"),), (Expect("log", "halted"),),
        status=REFUSED, machine=Machine(cpu="qemu64,-svm"), timeout=30,
    ),
    BootCase(
        "ring3-segments", ("REQ-COMP-007",), (), (Expect("log", "ring3: PASS"),), machine=Machine(first_task="ring3"), timeout=30,
    ),
    BootCase(
        "ring3-segments-no-smap", ("REQ-COMP-007",), (), (Expect("log", "ring3: PASS"),), machine=Machine(first_task="ring3", cpu="max,-smap,-smep"), timeout=30,
    ),
    BootCase(
        "unexpected-nmis", ("REQ-KERNEL-013",), (Domain("spin", "spin", "ms=2000"), Domain("hello", "hello", "echo", budget_us=5000, period_us=10000)),
        (Expect("hello", "say something: "), SendNmis(500), Send("hello", "still here\n"), Expect("hello", "heard [still here]"), ended("spin", "poweroff")),
        machine=Machine(smp=2), timeout=60,
    ),
    BootCase(
        "iso-bios", ("REQ-KERNEL-002",), (Domain("hello", "hello"),), HELLO_STEPS,
        machine=Machine(boot="iso", icount_shift=6), timeout=120, slow=True,
    ),
    BootCase(
        "iso-uefi", ("REQ-KERNEL-003",), (Domain("hello", "hello"),), HELLO_STEPS,
        machine=Machine(boot="iso-uefi", memory=512, icount_shift=6), timeout=240, slow=True,
    ),
)

AUTHORITY = (
    BootCase(
        "capabilities", ("REQ-COMP-001", "REQ-COMP-002"), (Domain("web", "hello"), Domain("mail", "hello", vcpus=2)), (),
        print_capabilities=True, compare_log_with="docs/authority.txt",
    ),
)



def checked(name):
    """A case once more, on two CPUs, with the kernel that traps undefined behaviour and checks its VMCBs."""
    case = next(c for c in (*SMALL, *HOSTILE) if c.name == name)
    return replace(case, name=f"checked-{name}", requirements=("REQ-KERNEL-011",), timeout=2 * case.timeout,
                   machine=replace(case.machine, kernel="bulkhead-kernel-checked", smp=2))


CHECKED = tuple(checked(name) for name in ("sixteen", "reboot", "monitor-crash-restart", "hostile-instructions"))

ALL = (*TOOL_CASES, *CONFORMANCE_CASES, *SMALL, *HOSTILE, *MACHINES, *AUTHORITY, *CHECKED, *LINUX, *SMP_CASES, *G32_CASES, *EVENT_CASES, *MEMORY_CASES, *GRANT_CASES)
