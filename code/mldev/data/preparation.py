"""The data doctor: what is wrong with a table, what to do about it, and doing it.

Chapter: data/preparation. `diagnose` lists findings. `Doctor` is a scikit-learn
transformer that applies the proposed fixes; it learns them from the training table and
keeps every row where it is. What takes rows away is apart: `treat_training_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
)

from mldev.data.preparation_checks import COLUMN_CHECKS, guards
from mldev.data.preparation_findings import (
    KINDS,
    ROW_KINDS,
    Case,
    Finding,
    as_target,
    report,
)
from mldev.data.preparation_fixes import Drop, Fill, Fix, Flag, ReadDates, fill_value
from mldev.data.preparation_imputation import ChainedRegressions
from mldev.data.preparation_missing import MISSING_CHECKS
from mldev.data.preparation_rows import ROW_CHECKS
from mldev.data.preparation_typing import Typed, as_table, changes, is_word

__all__ = [
    "Doctor",
    "Finding",
    "diagnose",
    "drop_rows",
    "report",
    "treat_training_rows",
]

FILLS = ("median", "mean", "most_frequent", "model")


def diagnose(
    X: object,
    y: object = None,
    *,
    bounds: Mapping | None = None,
    kinds: Collection[str] | None = None,
    seed: int = 0,
) -> list[Finding]:
    """Everything that seems wrong with a table.

    Parameters
    ----------
    X
        The table: a data frame, or a two-dimensional array.
    y
        The target, if there is one; without it nobody can see label errors and leaks.
    bounds
        For some columns, the lowest and the highest possible value.
    kinds
        Keys of `KINDS` to keep, by default all. All checks run either way, since later
        ones look at the table as mended by earlier ones.
    seed
        Of the folds on which labels and leaks are judged.

    Returns
    -------
    findings
        In the order of the checks.
    """
    kept = _kinds(KINDS if kinds is None else kinds, "kinds")
    frame = as_table(X).reset_index(drop=True)
    case = Case(
        frame, as_target(y, len(frame)), frame.isna(), _bounds(bounds, frame), seed
    )
    findings: list[Finding] = []
    for check in (*COLUMN_CHECKS, *MISSING_CHECKS, *ROW_CHECKS):
        found = list(check(case))
        findings += found
        case = _mended(case, [one.fix for one in found if one.fix is not None])
    return [finding for finding in findings if finding.kind in kept]


def _mended(case: Case, fixes: Sequence[Fix]) -> Case:
    """The case as the next check sees it."""
    frame = case.frame.copy()
    for fix in fixes:
        if isinstance(fix, Drop):
            frame = frame.drop(columns=fix.column)
        elif not isinstance(fix, Fill):
            frame[fix.column] = fix.apply(frame[fix.column])
    return Case(frame, case.y, case.empty, case.bounds, case.seed)


def treat_training_rows(
    X: object, y: object = None, kinds: Collection[str] = ROW_KINDS, **options: object
) -> tuple[object, object, list[Finding]]:
    """Drop repeated and wrongly labelled rows from a *training* table.

    A transformer may not do that: the rows of a table to predict have to stay, all of
    them. Options are those of `diagnose`.

    Returns
    -------
    X, y, findings
        What is left, of the types that came, and why the others went.
    """
    allowed = _kinds(kinds, "kinds", ROW_KINDS)
    findings = diagnose(X, y, kinds=allowed, **options)
    return *drop_rows(X, y, findings), findings


def drop_rows(
    X: object, y: object, findings: Sequence[Finding]
) -> tuple[object, object]:
    """The table and the target without the rows that findings about rows point at."""
    keep = np.ones(len(X), dtype=bool)
    for finding in findings:
        if finding.kind in ROW_KINDS:
            keep[list(finding.rows)] = False
    left = X[keep] if isinstance(X, pd.DataFrame) else np.asarray(X)[keep]
    if y is None:
        return left, None
    return left, y[keep] if isinstance(y, pd.Series) else np.asarray(y)[keep]


class Doctor(TransformerMixin, BaseEstimator):
    """Apply the fixes that `diagnose` proposes for the training table.

    Parameters
    ----------
    fixes
        "proposed" for all but leakage, or the kinds to fix (keys of `KINDS` but for
        the kinds that concern whole rows). A column that predicts the target nearly
        alone may be a leak or the best column there is: dropping it is asked for.
    fill
        What empty cells of numbers are filled with: "median", "mean", "most_frequent",
        or "model", a regression on the other columns of numbers. Other columns are
        filled with their most frequent value, dates with the middle one.
    bounds
        For some columns, the lowest and the highest possible value.
    absent
        What to do where a column of the training table is absent from a new one:
        "fill" it as if every cell were empty, or raise an "error".
    """

    def __init__(
        self,
        fixes: str | Collection[str] = "proposed",
        fill: str = "median",
        bounds: Mapping | None = None,
        absent: str = "fill",
    ) -> None:
        self.fixes = fixes
        self.fill = fill
        self.bounds = bounds
        self.absent = absent

    def fit(self, X: object, y: object = None) -> Doctor:
        """Diagnose the training table, and learn the fixes and what to fill gaps with."""
        chosen = self._chosen()
        frame = self._seen(X)
        self.findings_ = diagnose(frame, y, bounds=self.bounds)
        fixes = [one.fix for one in self.findings_ if one.fix and one.kind in chosen]
        self.dropped_ = [fix.column for fix in fixes if isinstance(fix, Drop)]
        self.flagged_ = [fix.column for fix in fixes if isinstance(fix, Flag)]
        self.fixes_ = [f for f in fixes if not isinstance(f, Drop | Flag | Fill)]
        for fix in self.fixes_:
            if type(fix).__name__ in WORDY or not is_word(frame[fix.column]):
                frame[fix.column] = fix.apply(frame[fix.column])
        self._learn_types(frame)
        self.fixes_ = [f for f in self.fixes_ if self._fits(f)]
        frame = self._all_typed(frame)
        self._learn_guards(frame, chosen)
        self._learn_fills(frame, chosen)
        return self

    def _learn_types(self, frame: pd.DataFrame) -> None:
        order = {f.column: f.day_first for f in self.fixes_ if isinstance(f, ReadDates)}
        self.typed_ = {n: Typed.learn(c, order.get(n, False)) for n, c in frame.items()}
        self.types_ = {name: typed.kind for name, typed in self.typed_.items()}

    def _learn_guards(self, frame: pd.DataFrame, chosen: Collection[str]) -> None:
        """Also mend at prediction what training did not meet; a fix that was found goes first."""
        fixed = {(type(f), f.column) for f in self.fixes_ if type(f).__name__ in WORDY}
        bounds = _bounds(self.bounds, frame)
        for name, column in frame.items():
            ready = guards(name, column, self.types_[name], bounds)
            for kind in (kind for kind in ready if kind in chosen):
                self.fixes_ += [f for f in ready[kind] if (type(f), name) not in fixed]

    def _learn_fills(self, frame: pd.DataFrame, chosen: Collection[str]) -> None:
        fills = [Fill(n, fill_value(c, self.fill)) for n, c in frame.items()]
        self.fills_ = fills if "missing" in chosen else []
        self.model_, numbers = None, self._numbers()
        if self.fills_ and self.fill == "model" and len(numbers) > 1:
            self.model_ = ChainedRegressions().fit(frame[numbers].to_numpy())

    def transform(self, X: object) -> object:
        """The table, mended: same rows, same order, same index; an array for an array."""
        frame, _ = self._run(X, explain=False)
        if isinstance(X, pd.DataFrame):
            return frame
        plain = all(types.is_numeric_dtype(column.dtype) for _, column in frame.items())
        return frame.to_numpy(dtype=float if plain else object)

    def explain(self, X: object) -> pd.DataFrame:
        """Every cell that `transform` changes, adds or leaves out: row, column, before, after, why."""
        return self._run(X, explain=True)[1]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """The columns that `transform` returns."""
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        name_of = dict(zip(self.columns_, names, strict=True))
        kept = [name for place, name in name_of.items() if place not in self.dropped_]
        flags = [f"{name_of[place]} was empty" for place in self._flags()]
        return np.array([*kept, *flags], dtype=object)

    def __sklearn_tags__(self) -> object:
        """Text and gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def _chosen(self) -> tuple[str, ...]:
        if self.fill not in FILLS:
            raise ValueError(f"fill: got {self.fill!r}, allowed: {', '.join(FILLS)}")
        if self.absent not in ("fill", "error"):
            raise ValueError(f"absent: got {self.absent!r}, allowed: fill, error")
        able = tuple(kind for kind in KINDS if kind not in ROW_KINDS)
        if isinstance(self.fixes, str) and self.fixes == "proposed":
            return tuple(kind for kind in able if kind != "leakage")
        return _kinds(self.fixes, "fixes", able)

    def _seen(self, X: object) -> pd.DataFrame:
        """Remember the columns of the training table."""
        frame = as_table(X).reset_index(drop=True)
        self.columns_ = list(frame.columns)
        self.n_features_in_ = frame.shape[1]
        named = isinstance(X, pd.DataFrame) and all(
            isinstance(c, str) for c in self.columns_
        )
        if named:
            self.feature_names_in_ = np.array(self.columns_, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return frame

    def _aligned(self, X: object) -> tuple[pd.DataFrame, list]:
        """The columns of the training table in their order, and those that were absent."""
        frame = as_table(X)
        by_name = isinstance(X, pd.DataFrame) and (
            hasattr(self, "feature_names_in_") or set(frame) & set(self.columns_)
        )
        if not by_name:
            if frame.shape[1] != self.n_features_in_:
                raise ValueError(
                    f"X has {frame.shape[1]} features, but {type(self).__name__} is "
                    f"expecting {self.n_features_in_} features as input"
                )
            return frame.set_axis(self.columns_, axis=1), []
        strange = [name for name in frame.columns if name not in self.columns_]
        absent = [name for name in self.columns_ if name not in frame.columns]
        if strange or (absent and self.absent == "error"):
            which = f"unknown columns {strange}" if strange else f"no columns {absent}"
            raise ValueError(f"X has {which}; in training it had {self.columns_}")
        return frame.reindex(columns=self.columns_), absent

    def _run(self, X: object, explain: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        check_is_fitted(self)
        before, absent = self._aligned(X)
        index, before = before.index, before.reset_index(drop=True)
        log = _absent(len(before), absent)
        if explain and isinstance(X, pd.DataFrame):
            came = X.reset_index(drop=True).set_axis(_names(X, before), axis=1)
            log += changes(came, before, "not a type that tables are kept in")
        for stage, why in self._stages():
            frame = stage(before)
            log += changes(before, frame, why) if explain else []
            before = frame
        frame = self._filled(before) if self.fills_ else before.copy()
        log += changes(before, frame, "filled") if explain else []
        for name in self._flags():
            frame[f"{name} was empty"] = before[name].isna().astype(float)
        log += self._columns_changed(frame) if explain else []
        names = ("row", "column", "before", "after", "why")
        cells = zip(names, zip(*log, strict=True) if log else [()] * 5, strict=True)
        told = pd.DataFrame({n: pd.Series(c, dtype=object) for n, c in cells})
        told["row"] = index[told["row"].astype(int)]
        return frame.drop(columns=self.dropped_).set_index(index), told

    def _columns_changed(self, frame: pd.DataFrame) -> list[tuple]:
        """The cells of columns that come or go."""
        flags = [f"{name} was empty" for name in self._flags()]
        added = [(n, "no column", v) for n in flags for v in frame[n]]
        gone = [(n, v, "no column") for n in self.dropped_ for v in frame[n]]
        why = ["column added"] * len(added) + ["column dropped"] * len(gone)
        every = zip([*added, *gone], why, strict=True)
        return [(i % len(frame), *cell, w) for i, (cell, w) in enumerate(every)]

    def _stages(self) -> list:
        """Text first, then one type for each column, then numbers."""
        wordy = [fix for fix in self.fixes_ if type(fix).__name__ in WORDY]
        others = [fix for fix in self.fixes_ if fix not in wordy]
        return [
            *[(_applied(fix), fix.text) for fix in wordy],
            (self._all_typed, "not of the column's type"),
            *[(_applied(fix), fix.text) for fix in others],
        ]

    def _all_typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        typed = {name: self.typed_[name].apply(c) for name, c in frame.items()}
        return pd.DataFrame(typed, index=frame.index)

    def _filled(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        if self.model_ is not None:
            numbers = self._numbers()
            frame[numbers] = self.model_.transform(frame[numbers].to_numpy())
        for fix in self.fills_:
            frame[fix.column] = fix.apply(frame[fix.column])
        return frame

    def _numbers(self) -> list:
        return [name for name, kind in self.types_.items() if kind == "number"]

    def _flags(self) -> list:
        return [name for name in self.flagged_ if name not in self.dropped_]

    def _fits(self, fix: Fix) -> bool:
        """Whether a fix for numbers still has numbers to work on, given the fixes chosen."""
        return type(fix).__name__ in WORDY or self.types_[fix.column] == "number"


WORDY = ("BlankWords", "ReadNumbers", "ReadDates", "Spell")


def _applied(fix: Fix) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A fix of one column as a function of the table."""

    def stage(frame: pd.DataFrame) -> pd.DataFrame:
        mended = frame.copy()
        mended[fix.column] = fix.apply(frame[fix.column])
        return mended

    return stage


def _absent(num_rows: int, names: Sequence) -> list[tuple]:
    why = "no such column came"
    return [(r, name, "absent", np.nan, why) for name in names for r in range(num_rows)]


def _names(X: pd.DataFrame, aligned: pd.DataFrame) -> list:
    """The columns of a table that came, under the names of training."""
    return list(X) if set(X) <= set(aligned) else list(aligned)


def _kinds(
    kinds: Collection[str], argument: str, allowed: Collection[str] = tuple(KINDS)
) -> tuple:
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    wrong = [kind for kind in kinds if kind not in allowed]
    if wrong:
        raise ValueError(f"{argument}: got {wrong[0]!r}, allowed: {', '.join(allowed)}")
    return kinds


def _bounds(bounds: Mapping | None, frame: pd.DataFrame) -> dict:
    bounds = dict(bounds or {})
    for name, limits in bounds.items():
        if name not in frame.columns:
            raise ValueError(
                f"bounds: X has no column {name!r}, only {list(frame.columns)}"
            )
        if len(tuple(limits)) != 2 or not limits[0] < limits[1]:
            raise ValueError(
                f"bounds: {name!r} needs a lower and a higher number, got {limits!r}"
            )
    return bounds
