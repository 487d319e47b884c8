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
    """What one column has to be: its type, its range or values, and whether gaps are allowed."""

    column: str
    dtype: str
    low: object = None
    high: object = None
    allowed: tuple | None = None
    nullable: bool = False

    def check(self, values: pd.Series) -> dict[str, int]:
        """Rule -> number of rows that break it; a type is wrong in all."""
        found = {"missing": 0 if self.nullable else int(values.isna().sum())}
        if str(values.dtype) != self.dtype:
            found["type"] = len(values)
        known = values.dropna()
        numbers = _is_number(values) and isinstance(self.low, int | float)
        comparable = numbers or str(values.dtype) == self.dtype
        if self.low is not None and comparable:
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
        _names_once(frame)
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
    """The contract that a table keeps: its types, its ranges, its words, and where it has gaps."""
    _names_once(frame)
    rules = []
    for name in frame:
        values = frame[name].dropna()
        limits = {"nullable": len(values) < len(frame)}
        if len(values) and (_is_number(values) or _is_date(values)):
            limits |= {"low": _native(values.min()), "high": _native(values.max())}
        elif len(values):
            limits["allowed"] = _different(values)
        rules.append(Rule(name, str(frame[name].dtype), **limits))
    return Contract(tuple(rules))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values)


def _is_date(values: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values)


def _native(value: object) -> object:
    """A number as Python has it; not through float, which rounds large integers."""
    return value.item() if isinstance(value, np.generic) else value


def _different(values: pd.Series) -> tuple:
    """The different values, as they are, in an order that numbers and words in one column do not upset."""
    try:
        found = values.unique().tolist()
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values})
        raise ValueError(
            f"column {values.name!r} holds {', '.join(kinds)}: expected values that can "
            "be compared, such as numbers, words or dates"
        ) from error
    return tuple(sorted(found, key=lambda value: (type(value).__name__, str(value))))


def _names_once(frame: pd.DataFrame) -> None:
    twice = frame.columns[frame.columns.duplicated()].unique().tolist()
    if twice:
        raise ValueError(f"frame: several columns are called {twice[0]!r}; name each")


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
        columns[rule.column] = pa.Column(rule.dtype, checks, nullable=rule.nullable)
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
        if rule == "range" and isinstance(case.failure_case, str):
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
