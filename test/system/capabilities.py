# SPDX-License-Identifier: Apache-2.0
"""Holds the capabilities that a running system prints against docs/authority.txt (the format is described there): nothing more than the file allows,
and nothing in the file that nobody needs."""

import dataclasses
import fnmatch
import re

BEGIN = "capabilities begin"
END = "capabilities end"


@dataclasses.dataclass(frozen=True)
class Held:
    holder: str
    slot: int
    type: str
    rights: str
    badge: str

    def __str__(self):
        return f"cap {self.holder} {self.slot} {self.type} {self.rights} {self.badge}"


@dataclasses.dataclass(frozen=True)
class Allowed:
    line: int
    text: str
    holder: str
    slots: tuple
    type: str
    rights: str
    badge: str
    optional: bool

    def allows(self, held):
        return (fnmatch.fnmatchcase(held.holder, self.holder) and self.slots[0] <= held.slot <= self.slots[1] and held.type == self.type
                and set(held.rights) <= set(self.rights) | {"-"} and self._allows_badge(held.badge))

    def _allows_badge(self, badge):
        if self.badge == "*":
            return True
        if self.badge == "-" or badge == "-":
            return self.badge == badge
        first, last = _range(self.badge, 16)
        return first <= int(badge, 16) <= last


def _range(text, base):
    first, _, last = text.partition("-")
    return int(first, base), int(last or first, base)


def allowed(text):
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        words = line.split()
        if len(words) not in (6, 7) or words[0] != "cap" or words[6:] not in ([], ["?"]):
            raise ValueError(f"line {number} is no line of authority: {line}")
        rows.append(Allowed(number, line, words[1], _range(words[2], 10), words[3], words[4], words[5], len(words) == 7))
    return rows


def held(log):
    """What was printed between the markers; None if they are not there."""
    match = re.search(rf"{BEGIN}$(.*?){END}$", log, re.MULTILINE | re.DOTALL)
    if match is None:
        return None
    result = []
    for line in match.group(1).splitlines():
        words = line.split("] ", 1)[-1].split()
        if len(words) == 6 and words[0] == "cap":
            result.append(Held(words[1], int(words[2]), *words[3:]))
    return result


def problems(authority, log):
    """A list of what does not agree."""
    rows = allowed(authority)
    capabilities = held(log)
    if not capabilities:
        return ["no capabilities were printed"]
    found = [f"not allowed: {capability}" for capability in capabilities if not any(row.allows(capability) for row in rows)]
    found += [f"nobody needs line {row.line}: {row.text}" for row in rows
              if not row.optional and not any(row.allows(capability) for capability in capabilities)]
    return found
