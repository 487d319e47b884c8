"""The checks of the data doctor for empty cells.

Chapter: data/preparation. They run after those of `preparation_checks`, and look at the
cells that were empty when the table came.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from mldev.data.preparation_checks import places, severity
from mldev.data.preparation_findings import Case, Finding
from mldev.data.preparation_fixes import Fill, Flag, fill_value

ALPHA = 0.001  # of the test for a pattern in what is missing, over all pairs


def missing_cells(case: Case) -> Iterator[Finding]:
    """Empty cells, column by column."""
    for name in case.frame:
        hit = case.empty[name].to_numpy()
        if hit.any():
            yield Finding(
                "missing",
                name,
                places(hit),
                f"{hit.sum()} of {len(hit)} cells are empty",
                severity(hit.mean(), 2),
                Fill(name, fill_value(case.frame[name], "median")),
            )


def missing_patterns(case: Case) -> Iterator[Finding]:
    """Empty cells that go with another column or with the target: rank correlations, Bonferroni."""
    names = [
        name
        for name in case.frame
        if 10 <= case.empty[name].sum() <= len(case.frame) - 10
    ]
    seen = ranks(case)
    tests = sum(len(seen) - (name in seen) for name in names)
    for name in names:
        gone = stats.zscore(case.empty[name].to_numpy(dtype=float))
        found = {
            str(other[0]) if isinstance(other, tuple) else str(other): float(
                np.abs(gone @ column) / np.sqrt(len(gone))
            )
            for other, column in seen.items()
            if (other[0] if isinstance(other, tuple) else other) != name
        }
        if not found:
            continue
        closest = max(found, key=found.get)
        if tests * 2 * stats.norm.sf(found[closest]) < ALPHA:
            yield Finding(
                "missing_pattern",
                name,
                places(case.empty[name]),
                f"being empty goes with {closest} ({found[closest]:.1f} standard errors)",
                "medium",
                Flag(name),
            )


def ranks(case: Case) -> dict[object, np.ndarray]:
    """Standardised ranks of each column of numbers, and indicators of each level of the words."""
    table: dict[object, np.ndarray] = {}
    columns = dict(case.frame.items())
    if case.y is not None:
        columns["the target"] = pd.Series(case.y, index=case.frame.index)
    for name, column in columns.items():
        if pd.api.types.is_numeric_dtype(column.dtype):
            values = column.astype(float)
            if values.isna().all():
                continue
            table[name] = values.fillna(values.median()).rank().to_numpy()
        elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
            for level in column.value_counts().index[:10]:
                table[name, level] = (column == level).to_numpy(dtype=float)
    return {k: stats.zscore(v) for k, v in table.items() if np.ptp(v) > 0}


MISSING_CHECKS = (missing_cells, missing_patterns)
