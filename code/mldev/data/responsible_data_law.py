"""Licences and people (chapter "Responsible data management"): what may be done with each data set of the book.

The licence is read from the registry; what a licence allows stands in `FAMILIES`. Whether a data set is about people
is one of the questions that only people can answer: the answers stand in `ABOUT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from mldev.datasets import REGISTRY, Dataset


@dataclass(frozen=True)
class Family:
    """A kind of licence: the words that give it away in the registry, whether it lets you use, share and change."""

    name: str
    words: str
    allows: str
    asks: str


FAMILIES = (  # in the order in which they are looked for
    Family("unclear", "unclear", "?", "find out before you share"),
    Family("none stated", "none stated", "?", "ask, or rely on the law"),
    Family("its owner's terms", "terms of use", "?", "read the owner's terms"),
    Family("CC0", "CC0", "yes", "nothing"),
    Family("public domain", "public domain (", "yes", "nothing"),
    Family("CC BY", "Attribution 4.0", "yes", "name the authors"),
    Family("font", "font:", "yes", "keep the font's notice"),
    Family("BSD", "BSD 3-Clause", "yes", "keep the notice"),
    Family("MIT", "the book's own", "yes", "keep the notice"),
)

ABOUT = {
    "digits": "handwriting",
    "mnist": "handwriting",
    "iris": "no",
    "wine": "no",
    "breast_cancer": "patients",
    "diabetes": "patients",
    "penguins": "no",
    "arrests": "people under arrest",
    "rossi": "people out of prison",
    "actg175": "patients",
    "randhie": "insured people",
    "engel": "households of 1857",
    "rulers": "heads of governments",
    "sunspots": "no",
    "co2": "no",
    "elnino": "no",
    "nile": "no",
    "macrodata": "no",
    "fertility": "no",
    "glyphs": "no",
    "docstrings": "no (texts by authors)",
    "churn": "nobody: invented",
    "credit": "nobody: invented",
    "housing": "no",
    "drift": "no",
}


def family(entry: Dataset) -> Family:
    """The licence of a data set itself, not of the package that brings it."""
    for candidate in FAMILIES:
        if candidate.words in entry.licence:
            return candidate
    known = ", ".join(repr(candidate.words) for candidate in FAMILIES)
    raise ValueError(
        f"{entry.name}: the licence {entry.licence!r} has none of the known words: {known}"
    )


def licences(names: Iterable[str] = tuple(REGISTRY)) -> pd.DataFrame:
    """One row per data set: about whom it is, under which licence, what that allows, and what it asks for."""
    rows = []
    for name in names:
        found = family(REGISTRY[name])
        rows.append(
            {
                "data set": name,
                "about people": ABOUT[name],
                "licence": found.name,
                "free": found.allows,
                "asks": found.asks,
            }
        )
    return pd.DataFrame(rows).set_index("data set")


def about_people(name: str) -> bool:
    """Whether a data set holds real people or traces of them."""
    return not ABOUT[name].startswith(("no", "nobody"))
