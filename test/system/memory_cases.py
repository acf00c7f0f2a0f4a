# SPDX-License-Identifier: Apache-2.0
"""Memory given back and got again, by guests/tiny/memory.cpp and by Linux's balloon driver; long hypercalls that let interrupts in."""

from case import BootCase, Domain, Expect, Machine, Send

BALLOON_KIB = 65536

# Typed in pieces that are not what is expected, because the console echoes them.
BALLOON = (
    Send("linux", "cd /sys/devices/system/xen_memory/xen_memory0; full=$(cat info/current_kb); g=good\n"),
    Send("linux", "total() { awk '/MemTotal/ { print $2 }' /proc/meminfo; }; was=$(total)\n"),
    Send("linux", f"echo $((full - {BALLOON_KIB})) > target_kb; sleep 3; [ $((was - $(total))) = {BALLOON_KIB} ] && echo down $g\n"),
    Expect("linux", "down good"),
    Send("linux", f"[ $((full - $(cat info/current_kb))) = {BALLOON_KIB} ] && echo current $g\n"),
    Expect("linux", "current good"),
    Send("linux", "echo $full > target_kb; sleep 3; [ $was = $(total) ] && echo up $g\n"),
    Expect("linux", "up good"),
    # Much of the memory is used once: what came back is memory.
    Send("linux", "dd if=/dev/zero of=/file bs=1M count=70 && cat /file > /dev/null && echo used $g\n"),
    Expect("linux", "used good"),
    Send("linux", "poweroff\n"), Expect("log", "'linux' ended: poweroff... -> destroy"),
)


def operations(name, kernel, *requirements):
    return BootCase(
        name, ("REQ-MEMORY-003", "REQ-MEMORY-004", "REQ-CONTINUE-001", *requirements), (Domain("memory", kernel, "max_late=250", memory=64),),
        (Expect("memory", "memory: every order"), Expect("memory", "memory: elsewhere"), Expect("memory", "memory: giving back took"),
         Expect("memory", "memory: PASS")),
        forbid={"memory": ("FAIL",)}, timeout=180)


MEMORY_CASES = (
    operations("memory-operations", "memory"),
    operations("memory-operations-32", "memory32", "REQ-WIDTH-003"),
    operations("memory-operations-32-pae", "memory32_pae", "REQ-WIDTH-003"),
    BootCase(
        "linux-balloon",
        ("REQ-MEMORY-003",),
        (Domain("linux", "cloud/vmlinuz", "console=hvc0 quiet bh.name=linux", 192, ramdisk="initramfs.cpio"),),
        (Expect("linux", "This is BusyBox"), Expect("linux", "# "), *BALLOON),
        machine=Machine(memory=512), timeout=300, slow=True,
    ),
)
