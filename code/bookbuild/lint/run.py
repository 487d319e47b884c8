"""Runs the rules over the book and prints what they find, one line for each fault."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bookbuild.lint.book import Book
from bookbuild.lint.faults import Fault
from bookbuild.lint.registry import RULES, name_of, summary


def check(root: Path, rules: Iterable[str] = ()) -> list[Fault]:
    """Every fault of the book under ``root``, sorted by file and line.

    Parameters
    ----------
    root
        The folder that holds ``book/``, ``code/`` and ``_toc.yml``.
    rules
        Names of the rules to run; all of them when empty.
    """
    wanted = set(rules)
    unknown = wanted - {name_of(rule) for rule in RULES}
    if unknown:
        raise ValueError(f"unknown rule {', '.join(sorted(unknown))}; see 'python -m bookbuild check --rules'")
    book = Book(root)
    return sorted(
        replace(fault, rule=name_of(rule))
        for rule in RULES
        if not wanted or name_of(rule) in wanted
        for fault in rule(book)
    )


def main(root: Path, files: Sequence[str | Path] = (), list_rules: bool = False) -> int:
    """Print the faults of the book, or of some of its files, and return the exit code: 1 when there are any."""
    if list_rules:
        sys.stdout.writelines(f"{name_of(rule):22} {summary(rule)}\n" for rule in RULES)
        return 0
    faults = check(root)
    if files:
        missing = [str(name) for name in files if not Path(name).exists() and not (root / name).exists()]
        if missing:
            sys.stderr.write(f"check: there is no file '{missing[0]}'\n")
            return 2
        kept = {_relative(root, name) for name in files}
        faults = [fault for fault in faults if fault.path in kept]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    places = len({fault.path for fault in faults})
    closing = f"{len(faults)} faults in {places} files" if faults else "no faults"
    sys.stdout.write(f"check: {len(RULES)} rules, {closing}\n")
    return 1 if faults else 0


def _relative(root: Path, name: str | Path) -> str:
    path = Path(name) if Path(name).exists() else root / name
    resolved, base = path.resolve(), root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else resolved.as_posix()
