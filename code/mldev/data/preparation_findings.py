"""What the data doctor says: findings, and the table that it looks at while it examines.

Chapter: data/preparation.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import check_array
from sklearn.utils.multiclass import type_of_target

from mldev.data.preparation_fixes import Fix

KINDS = {
    "disguised_missing": "a value that means no value: -999, n/a, an empty text",
    "number_text": "numbers stored as text",
    "mixed_dates": "dates written in several formats",
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


def as_table(X: object) -> pd.DataFrame:
    """A table as a frame that may be changed; one clear error for what is not a table."""
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(check_array(X, dtype=None, ensure_all_finite=False))
    for name, size in (("sample(s)", X.shape[0]), ("feature(s)", X.shape[1])):
        if not size:
            raise ValueError(
                f"X has 0 {name} (shape={X.shape}) while a minimum of 1 is required."
            )
    if not X.columns.is_unique:
        twice = sorted({str(name) for name in X.columns[X.columns.duplicated()]})
        raise ValueError(f"X has columns of the same name: {', '.join(twice)}")
    columns = {name: _known(column, name) for name, column in X.items()}
    return pd.DataFrame(columns, index=X.index, columns=X.columns)


def _known(column: pd.Series, name: object) -> pd.Series:
    """A column in one of four types: float, truth, date or object of texts and numbers."""
    if types.is_complex_dtype(column.dtype):
        raise ValueError(f"Complex data not supported: column {name!r} of X")
    if types.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if types.is_numeric_dtype(column.dtype):
        return column.astype(float)
    if types.is_datetime64_any_dtype(column.dtype):
        return (
            pd.to_datetime(column, utc=True)
            .dt.tz_localize(None)
            .astype("datetime64[ns]")
        )
    values = column.astype(object).where(column.notna(), np.nan)
    for value in values:
        if not isinstance(value, str | numbers.Real | np.bool_):
            raise TypeError(
                f"column {name!r} of X: an argument must be a string, a truth value or a "
                f"number, got {type(value).__name__}"
            )
    if not values.map(lambda value: isinstance(value, str)).any():
        return values.astype(float)
    return values


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
