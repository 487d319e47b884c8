"""The table of the chapter: every architecture of the space, trained from six seeds."""

from __future__ import annotations

from functools import cache

from mldev.studies import Study
from mldev.techniques.nas_network import (
    accuracy,
    load_data,
    train,
)
from mldev.techniques.nas_space import Graph, architectures, describe

CHAPTER = "techniques/nas"
SEEDS = (0, 1, 2, 3, 4, 5)
# Weights follow the last digit of every product, which differs between processors.
TOLERANCE = 0.03


@cache
def by_name() -> dict[str, Graph]:
    """Each architecture under its words."""
    return {describe(graph): graph for graph in architectures()}


def table_row(row: dict) -> dict:
    data = load_data()
    network = train(by_name()[row["architecture"]], SEEDS, data)
    scores = accuracy(network, data.X_valid, data.y_valid)
    return {f"valid_{s}": float(x) for s, x in zip(SEEDS, scores, strict=True)}


STUDIES: dict[str, Study] = {
    "table": Study(
        f"{CHAPTER}-table",
        table_row,
        [{"architecture": name} for name in by_name()],
        tolerance=TOLERANCE,
    ),
}
