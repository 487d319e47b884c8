"""What a rule finds: one fault, with its place and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One fault in one file of the book.

    Parameters
    ----------
    path
        The file, relative to the book's root, with forward slashes.
    line
        The line in that file, counted from 1.
    problem
        What is wrong.
    remedy
        What to do about it.
    rule
        The name of the rule; filled in by the run.
    """

    path: str
    line: int
    problem: str
    remedy: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.problem}; {self.remedy}"
