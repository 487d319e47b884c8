"""Data contracts (chapter "Responsible data management"): what a table has to be before anybody trains on it.

`learn` writes a contract from a table, `Contract.completed` corrects it by hand, `Contract.check` holds another table
against it, and `to_pandera` hands the same contract to the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

FINDING = ("column", "rule", "rows")


@dataclass(frozen=True)
class Rule:
    """What one column has to be: its type, and the range or the values allowed."""

    column: str
    dtype: str
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] | None = None

    def check(self, values: pd.Series) -> dict[str, int]:
        """Rule -> number of rows that break it; a type is wrong in all."""
        found = {"missing": int(values.isna().sum())}
        if str(values.dtype) != self.dtype:
            found["type"] = len(values)
        known = values.dropna()
        if self.low is not None and pd.api.types.is_numeric_dtype(values):
            found["range"] = int((~known.between(self.low, self.high)).sum())
        if self.allowed is not None:
            found["values"] = int((~known.isin(self.allowed)).sum())
        return {rule: rows for rule, rows in found.items() if rows}


@dataclass(frozen=True)
class Contract:
    """One rule for each column; a column too few or too many breaks the contract, too."""

    rules: tuple[Rule, ...]

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What breaks the contract: column, rule, number of rows. An empty table is a pass."""
        found = []
        for rule in self.rules:
            if rule.column not in frame:
                found.append((rule.column, "absent", len(frame)))
                continue
            kinds = rule.check(frame[rule.column])
            found += [(rule.column, kind, rows) for kind, rows in kinds.items()]
        known = {rule.column for rule in self.rules}
        found += [(name, "unknown", len(frame)) for name in frame if name not in known]
        return pd.DataFrame(found, columns=FINDING)

    def completed(self, **changes: Mapping[str, object]) -> Contract:
        """A contract corrected by people: column -> the fields of its rule that they know better."""
        unknown = sorted(set(changes) - {rule.column for rule in self.rules})
        if unknown:
            names = ", ".join(rule.column for rule in self.rules)
            raise ValueError(f"no rule for {', '.join(unknown)}; there are {names}")
        rules = [replace(rule, **changes.get(rule.column, {})) for rule in self.rules]
        return Contract(tuple(rules))


def learn(frame: pd.DataFrame) -> Contract:
    """The contract that a table keeps: its types, its ranges, its words."""
    rules = []
    for name in frame:
        values = frame[name].dropna()
        if pd.api.types.is_numeric_dtype(values):
            limits = {"low": float(values.min()), "high": float(values.max())}
        else:
            limits = {"allowed": tuple(sorted(map(str, values.unique())))}
        rules.append(Rule(name, str(frame[name].dtype), **limits))
    return Contract(tuple(rules))


def to_pandera(contract: Contract) -> object:
    """The same contract as a pandera `DataFrameSchema`."""
    import pandera.pandas as pa

    columns = {}
    for rule in contract.rules:
        checks = []
        if rule.low is not None:
            checks.append(pa.Check.in_range(rule.low, rule.high))
        if rule.allowed is not None:
            checks.append(pa.Check.isin(list(rule.allowed)))
        columns[rule.column] = pa.Column(rule.dtype, checks)
    return pa.DataFrameSchema(columns, strict=True)


PANDERA_NAMES = {
    "not_nullable": "missing",
    "dtype": "type",
    "in_range": "range",
    "isin": "values",
    "column_in_dataframe": "absent",
    "column_in_schema": "unknown",
}


def pandera_findings(schema: object, frame: pd.DataFrame) -> pd.DataFrame:
    """What pandera finds, counted as `Contract.check` counts."""
    import pandera.errors

    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        cases = broken.failure_cases
    else:
        return pd.DataFrame([], columns=FINDING)
    found: dict[tuple[str, str], int] = {}
    for case in cases.itertuples():
        rule = PANDERA_NAMES[str(case.check).partition("(")[0]]
        whole = rule in ("type", "absent", "unknown")
        column = case.failure_case if rule in ("absent", "unknown") else case.column
        numbers = column in frame and pd.api.types.is_numeric_dtype(frame[column])
        if rule == "range" and not numbers:
            continue  # words cannot be compared with a limit: the type says it already
        found[column, rule] = len(frame) if whole else found.get((column, rule), 0) + 1
    rows = [(column, rule, count) for (column, rule), count in found.items()]
    return pd.DataFrame(rows, columns=FINDING)


def _set(column: str, value: object) -> Callable:
    def plant(frame: pd.DataFrame, rows: np.ndarray) -> None:
        frame.loc[frame.index[rows], column] = value

    return plant


def _swap(frame: pd.DataFrame, rows: np.ndarray) -> None:
    chosen = frame.index[rows]
    pair = frame.loc[chosen, ["employed", "citizen"]].to_numpy()
    frame.loc[chosen, ["citizen", "employed"]] = pair


def _flip(frame: pd.DataFrame, rows: np.ndarray) -> None:
    chosen = frame.index[rows]
    frame.loc[chosen, "released"] = 1 - frame.loc[chosen, "released"]


def _months(frame: pd.DataFrame, rows: np.ndarray) -> None:
    frame.loc[frame.index[rows], "age"] *= 12


def _whole(change: Callable[[pd.DataFrame], None]) -> Callable:
    def plant(frame: pd.DataFrame, rows: np.ndarray) -> None:
        change(frame)

    return plant


FAULTS: dict[str, Callable[[pd.DataFrame, np.ndarray], None]] = {
    "impossible year": _set("year", 2097),
    "impossible age": _set("age", -1),
    "age in months": _months,
    "misspelt word": _set("colour", "white "),
    "missing word": _set("employed", None),
    "number as text": _whole(lambda t: t.__setitem__("age", t["age"].astype(str))),
    "column lost": _whole(lambda t: t.__delitem__("checks")),
    "column added": _whole(lambda t: t.__setitem__("postcode", "M5V")),
    "plausible but wrong age": _set("age", 30),
    "two columns swapped": _swap,
    "label flipped": _flip,
}


def planted(
    frame: pd.DataFrame, fault: str, num_rows: int = 20, seed: int = 0
) -> pd.DataFrame:
    """A copy of the arrests table with one fault in it, in `num_rows` rows or in a whole column."""
    if fault not in FAULTS:
        raise ValueError(f"fault {fault!r}: expected one of {', '.join(FAULTS)}")
    spoilt = frame.copy()
    rows = np.random.default_rng(seed).choice(len(frame), num_rows, replace=False)
    FAULTS[fault](spoilt, rows)
    return spoilt
