# SPDX-License-Identifier: Apache-2.0
"""Guests that share pages by grants. What they print: guests/tiny/grant.cpp."""

from case import BootCase, Domain, Expect, Machine


def share(name, machine=Machine(), user_cpu="0", owner="grant", user="grant", version=0):
    return BootCase(
        name, ("REQ-GRANT-002", "REQ-GRANT-003", "REQ-GRANT-004", "REQ-GRANT-006") + (("REQ-GRANT-007",) if version == 2 else ()),
        (Domain("owner", owner, f"role=owner peer=2 version={version or 1}", max_grant_version=version), Domain("user", user, "role=user peer=1", cpus=user_cpu)),
        (Expect("owner", "grant owner: PASS"), Expect("log", "'owner' ended: poweroff"), Expect("user", "grant user: PASS"),
         Expect("log", "'user' ended: poweroff")),
        forbid={"owner": ("FAIL",), "user": ("FAIL",), "log": ("component ", "refused")}, machine=machine)


VANISH = BootCase(
    "grant-vanish", ("REQ-GRANT-003", "REQ-GRANT-008"),
    (Domain("owner", "vanish", "role=owner peer=2"), Domain("user", "vanish", "role=user peer=1")),
    (Expect("user", "vanish user: PASS"), Expect("log", "'owner' ended: poweroff")),
    forbid={"owner": ("FAIL",), "user": ("FAIL",), "log": ("component ", "refused", "crashed")})

GRANT_CASES = (
    VANISH,
    share("grant"),
    share("grant-two-cpus", Machine(smp=2), "1"),
    share("grant-32-from-64", user="grant32"),
    share("grant-64-from-32", owner="grant32"),
    share("grant-version-2", version=2),
    share("grant-version-2-from-32", owner="grant32", version=2),
    share("grant-version-2-two-cpus", Machine(smp=2), "1", version=2),
)
