"""What the data doctor says: findings, and the table that it looks at while it examines.

Chapter: data/preparation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils.multiclass import type_of_target

from mldev.data.preparation_fixes import Fix

KINDS = {
    "disguised_missing": "a value that means no value: -999, n/a, an empty text",
    "number_text": "numbers stored as text",
    "mixed_dates": "dates stored as text, often in several formats",
    "misspelling": "a category written in several ways",
    "unit_mixup": "some values in another unit",
    "impossible": "a value that cannot be, such as an age of 180",
    "outlier": "a value far from all others",
    "missing": "empty cells",
    "missing_pattern": "empty cells that go with other values of their row",
    "duplicate": "rows that repeat others exactly",
    "near_duplicate": "rows that repeat others but for small changes",
    "label_error": "targets that the rest of the table contradicts",
    "leakage": "a column that knows the target",
}
ROW_KINDS = ("duplicate", "near_duplicate", "label_error")
SEVERITIES = ("low", "medium", "high")
FEWEST = 20  # values below which a column gives no evidence


@dataclass(frozen=True)
class Finding:
    """One fault, with where it is, why it is thought to be one, and what to do.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    column
        Its column; None for faults of whole rows.
    rows
        Positions of the rows concerned, from 0.
    evidence
        What was seen, in words and numbers.
    severity
        "low", "medium" or "high".
    fix
        The proposed change to the column; None where rows have to go, which is done
        by `treat_training_rows` and never by a transformer.
    """

    kind: str
    column: object
    rows: tuple[int, ...]
    evidence: str
    severity: str
    fix: Fix | None = None

    @property
    def proposal(self) -> str:
        """The proposed fix, in words."""
        if self.kind == "leakage":
            return "ask when it is written; drop it if that is after the target"
        if self.fix is not None:
            return self.fix.text
        if self.kind in ROW_KINDS:
            return "drop the rows from the training table"
        return "look at it"


@dataclass(frozen=True)
class Case:
    """A table under examination: what earlier checks mended is mended here."""

    frame: pd.DataFrame
    y: np.ndarray | None = None
    empty: pd.DataFrame | None = None  # the cells that came empty
    bounds: Mapping = field(default_factory=dict)
    seed: int = 0

    @property
    def classification(self) -> bool:
        """Whether the target is a class."""
        return is_classes(self.y)

    def numeric(self) -> list:
        """Columns of numbers, truth values not among them."""
        return [
            name
            for name, column in self.frame.items()
            if types.is_numeric_dtype(column.dtype)
            and not types.is_bool_dtype(column.dtype)
        ]

    def words(self) -> list:
        """Columns of text."""
        return [
            name
            for name, column in self.frame.items()
            if column.map(lambda value: isinstance(value, str)).any()
        ]


def report(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as a table, one row each."""
    rows = [
        {
            "kind": one.kind,
            "column": "" if one.column is None else one.column,
            "rows": len(one.rows),
            "severity": one.severity,
            "evidence": one.evidence,
            "proposal": one.proposal,
        }
        for one in findings
    ]
    names = ["kind", "column", "rows", "severity", "evidence", "proposal"]
    return pd.DataFrame(rows, columns=names)


def is_classes(y: np.ndarray) -> bool:
    """Words and few whole numbers are classes; everything else is a quantity."""
    if type_of_target(y) in ("continuous", "continuous-multioutput"):
        return False
    return not (types.is_numeric_dtype(y.dtype) and len(np.unique(y)) > 20)


def as_target(y: object, num_rows: int) -> np.ndarray | None:
    """The target as an array without gaps, as long as the table."""
    if y is None:
        return None
    values = np.asarray(y)
    values = values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values
    if values.ndim != 1 or len(values) != num_rows:
        raise ValueError(
            f"y: expected {num_rows} values, one for each row of X, got shape {values.shape}"
        )
    if pd.isna(values).any():
        raise ValueError(
            f"y: {int(pd.isna(values).sum())} of {num_rows} targets are missing"
        )
    if types.is_float_dtype(values.dtype) and not np.isfinite(values).all():
        raise ValueError(
            f"y: {int((~np.isfinite(values)).sum())} of {num_rows} targets are infinite"
        )
    type_of_target(values, raise_unknown=True)
    return values.astype(str) if values.dtype == object else values
