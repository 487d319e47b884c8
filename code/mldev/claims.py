"""Checked claims: sentences of the book that fail its build when they stop being true.

`claim` stands at the end of the cell that holds the evidence. It shows the reader a small mark with the statement and
the evidence behind it, and raises when the statement does not hold on this run. Every chapter uses it.
"""

from __future__ import annotations

import html
import numbers
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

import numpy as np
from IPython import get_ipython
from IPython.display import publish_display_data

MIME = "application/vnd.mldev.claim+json"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

_statements: dict[str, str] = {}  # the claims this kernel has made: name -> statement
_collected: ContextVar[list[Claim] | None] = ContextVar(
    "collected claims", default=None
)


@dataclass(frozen=True)
class Claim:
    """A claim as it was found: `holds` is None where it could not be evaluated."""

    name: str
    statement: str
    holds: bool | None
    evidence: str


class ClaimFailed(AssertionError):
    """A claim of the book does not hold on this run."""

    def __init__(self, failed: Claim) -> None:
        self.claim = failed
        super().__init__(
            f"the claim {failed.name!r} does not hold\n  statement: {failed.statement}\n  evidence:  {failed.evidence}"
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.claim,)


class ClaimNotEvaluated(RuntimeError):
    """A claim could not be evaluated where every claim has to be."""


def claim(name: str, statement: str, holds: bool, evidence: object) -> None:
    """Check a claim: show it to the reader if it holds, stop the page if it does not.

    Parameters
    ----------
    name
        Its name in the claims ledger, unique in the book: lower-case words joined by hyphens.
    statement
        A sentence that a reader could doubt.
    holds
        Whether the evidence bears it out.
    evidence
        What was seen: an interval, a number, a line of text, or a mapping of labels to any of these.
    """
    if not isinstance(holds, bool | np.bool_):
        raise TypeError(
            f"claim {name!r}: holds must be True or False, got {holds!r} ({type(holds).__name__})"
        )
    _report(
        Claim(
            _checked_name(name),
            _line("statement", name, statement),
            bool(holds),
            evidence_line(name, evidence),
        )
    )


def not_evaluated(name: str, statement: str, needs: str) -> None:
    """List a claim whose part cannot run on this machine.

    Parameters
    ----------
    name, statement
        As for `claim`.
    needs
        What the machine would need, such as "a Java runtime". With `MLDEV_STRICT=1` its absence is an error.
    """
    needs = _line("needs", name, needs)
    if os.environ.get("MLDEV_STRICT") == "1" and _collected.get() is None:
        raise ClaimNotEvaluated(
            f"the claim {name!r} was not evaluated: it needs {needs}, and MLDEV_STRICT=1 is set"
        )
    _report(
        Claim(
            _checked_name(name),
            _line("statement", name, statement),
            None,
            f"needs {needs}",
        )
    )


@contextmanager
def collecting() -> Iterator[list[Claim]]:
    """Collect the claims made inside, whether they hold or not, instead of showing or raising them."""
    found: list[Claim] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def evidence_line(name: str, evidence: object) -> str:
    """One line of text for a piece of evidence."""
    return _line("evidence", name, _text(name, evidence))


def _text(name: str, evidence: object) -> str:
    if isinstance(evidence, str):
        return evidence
    if isinstance(evidence, bool | np.bool_ | numbers.Integral):
        return str(evidence)
    if isinstance(evidence, numbers.Real):
        return f"{float(evidence):.4g}"
    if isinstance(evidence, Mapping):
        return "; ".join(
            f"{label}: {_text(name, value)}" for label, value in evidence.items()
        )
    if isinstance(evidence, list | tuple):
        return ", ".join(_text(name, value) for value in evidence)
    if type(evidence).__str__ is object.__str__:
        raise TypeError(
            f"claim {name!r}: evidence must be an interval, a number, text, or a mapping or list of these, "
            f"got {type(evidence).__name__}"
        )
    return str(evidence)


def _line(argument: str, name: str, text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(
            f"claim {name!r}: {argument} must be text, got {type(text).__name__}"
        )
    line = " ".join(text.split())
    if not line:
        raise ValueError(f"claim {name!r}: {argument} is empty")
    return line


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f"claim name {name!r}: expected lower-case words joined by hyphens, such as 'grid-is-slower'"
        )
    return name


def _report(found: Claim) -> None:
    collected = _collected.get()
    if collected is not None:
        collected.append(found)
        return
    earlier = _statements.setdefault(found.name, found.statement)
    if earlier != found.statement:
        raise ValueError(
            f"two claims are named {found.name!r}: {earlier!r} and {found.statement!r}"
        )
    if found.holds is False:
        raise ClaimFailed(found)
    if get_ipython() is not None:
        publish_display_data(
            {
                MIME: asdict(found),
                "text/html": _html(found),
                "text/plain": _plain(found),
            }
        )


def _words(found: Claim) -> tuple[str, str, str]:
    return (
        ("✓", "Claim checked", "#1a7f37")
        if found.holds
        else ("○", "Claim not evaluated here", "#8a6100")
    )


def _plain(found: Claim) -> str:
    sign, words, _ = _words(found)
    return f"{sign} {words}: {found.statement} ({found.evidence})"


def _html(found: Claim) -> str:
    sign, words, color = _words(found)
    return (
        f'<div role="note" style="border-left: 4px solid {color}; padding: 2px 12px; margin: 8px 0">'
        f'<span aria-hidden="true">{sign}</span> <strong>{words}:</strong> {html.escape(found.statement)}'
        f"<br><small>{html.escape(found.evidence)}</small></div>"
    )
