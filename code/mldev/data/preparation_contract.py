"""A contract for tables to come, drawn up from a mended training table.

Chapter: data/preparation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from pandas.api import types

if TYPE_CHECKING:
    import pandera.pandas as pa


def contract(
    frame: pd.DataFrame, bounds: Mapping | None = None, slack: float = 0.1
) -> pa.DataFrameSchema:
    """What a new table must satisfy: columns, types, ranges and known words.

    Parameters
    ----------
    frame
        The training table, mended.
    bounds
        For some columns, the lowest and the highest possible value; the others may
        leave the range of `frame` by `slack` of its width.
    slack
        A share of the width of the range.
    """
    import pandera.pandas as pa

    bounds, columns = dict(bounds or {}), {}
    for name, column in frame.items():
        if types.is_numeric_dtype(column.dtype):
            edge = slack * float(column.max() - column.min())
            low, high = bounds.get(name, (column.min() - edge, column.max() + edge))
            rule = pa.Check.in_range(low, high)
            columns[name] = pa.Column(float, rule, nullable=True)
        elif types.is_datetime64_any_dtype(column.dtype):
            columns[name] = pa.Column("datetime64[ns]", nullable=True)
        else:
            words = sorted(column.dropna().unique())
            columns[name] = pa.Column(object, pa.Check.isin(words), nullable=True)
    return pa.DataFrameSchema(columns, strict=True)


def breaches(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Every breach of the contract: column, rule, value and row; empty if there is none."""
    from pandera.errors import SchemaErrors

    names = ["column", "check", "failure_case", "index"]
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        return errors.failure_cases[names]
    return pd.DataFrame(columns=names)
