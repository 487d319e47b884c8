"""The bibliography, read with line numbers: entries and their fields."""

from __future__ import annotations

import re
from dataclasses import dataclass

ENTRY = re.compile(r"^@(?P<kind>\w+)\s*\{\s*(?P<key>[^,\s]+)\s*,", re.MULTILINE)
FIELD = re.compile(r"^\s*(?P<name>[\w-]+)\s*=\s*[{\"]?\s*(?P<start>\S?)", re.MULTILINE)
NOT_ENTRIES = frozenset({"comment", "string", "preamble"})


@dataclass(frozen=True)
class Entry:
    """One entry: its line, its key and the fields that are not empty."""

    line: int
    key: str
    kind: str
    fields: frozenset[str]


def entries(text: str) -> list[Entry]:
    """The entries of a BibTeX file, in order, duplicates and all."""
    starts = list(ENTRY.finditer(text))
    ends = [*(start.start() for start in starts), len(text)][1:]
    found = []
    for start, end in zip(starts, ends, strict=True):
        filled = (field for field in FIELD.finditer(text[start.end() : end]) if field["start"] not in ("", "}", '"'))
        names = frozenset(field["name"].lower() for field in filled)
        if start["kind"].lower() not in NOT_ENTRIES:
            line = text.count("\n", 0, start.start()) + 1
            found.append(Entry(line, start["key"], start["kind"].lower(), names))
    return found
