"""Drifting streams: rows in the order of time, whose law changes at known times."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mldev.datasets_types import Dataset, StreamTruth, Table, check_choice, check_int

KINDS = ("none", "sudden", "gradual", "incremental", "recurring", "covariate")
FEATURES = ["x1", "x2", "x3", "x4", "x5"]
# x4 and x5 never matter
WEIGHTS = pd.DataFrame(
    [[2.0, -1.5, 1.0, 0, 0], [-1.0, 1.5, 2.0, 0, 0]], index=["A", "B"], columns=FEATURES
)
SHIFT = 1.5  # how far x1 and x4 move in a covariate shift, in standard deviations


def drift(kind: str = "sudden", num_rows: int = 10_000, seed: int = 0) -> Table:
    """A stream of five features and a class that follows a logistic law.

    Parameters
    ----------
    kind : {"none", "sudden", "gradual", "incremental", "recurring", "covariate"}
        Concept drift: "sudden" swaps law A for B halfway; "gradual" draws rows from B ever more often between 40 % and
        60 % of the stream; "incremental" turns A's weights into B's over the same rows; "recurring" has B in the middle
        third only. Covariate shift: "covariate" moves x1 and x4 halfway and keeps the law.
    num_rows : int
        Length of the stream.
    seed : int
        Seed of the rows. The same seed gives the same features and the same luck under every kind of concept drift.

    Returns
    -------
    Table
        `truth` is a `StreamTruth`: the rows at which changes begin and are complete, and each row's probability.
    """
    check_choice("kind", kind, KINDS)
    check_int("num_rows", num_rows, 100, 1_000_000)
    rng = np.random.default_rng(check_int("seed", seed, 0))
    X = rng.normal(size=(num_rows, len(FEATURES)))
    picks, tosses = rng.random((2, num_rows))
    share, changes = _schedule(kind, num_rows)
    if kind == "covariate":
        X[changes[0][0] :, [0, 3]] += SHIFT
    new = (
        (picks < share).astype(float) if kind == "gradual" else share
    )  # in a gradual drift a row is of A or of B
    weights = (1 - new)[:, None] * WEIGHTS.loc["A"].to_numpy() + new[
        :, None
    ] * WEIGHTS.loc["B"].to_numpy()
    probability = 1 / (1 + np.exp(-(X * weights).sum(1)))
    y = pd.Series((tosses < probability).astype(np.int64), name="y")
    truth = StreamTruth(kind, changes, WEIGHTS.copy(), share, probability)
    return Table(pd.DataFrame(X, columns=FEATURES), y, ("0", "1"), truth=truth)


def _schedule(
    kind: str, num_rows: int
) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """Share of concept B per row, and when each change begins and is complete."""
    time = np.arange(num_rows)
    half, third = num_rows // 2, num_rows // 3
    start, end = round(0.4 * num_rows), round(0.6 * num_rows)
    if kind == "sudden":
        return (time >= half).astype(float), ((half, half),)
    if kind in ("gradual", "incremental"):
        return np.clip((time - start) / (end - start), 0, 1), ((start, end),)
    if kind == "recurring":
        return ((time >= third) & (time < 2 * third)).astype(float), (
            (third, third),
            (2 * third, 2 * third),
        )
    return np.zeros(num_rows), ((half, half),) if kind == "covariate" else ()


ENTRIES = (
    Dataset(
        name="drift",
        title="Drifting stream (synthetic)",
        description=(
            "Rows in the order of time. The law that links five features to the class changes at once, by and by, "
            "back and forth, or not at all, or only the features move: `kind` chooses. The times of change are known, "
            "so a detector can be judged by its delay and its false alarms. Two of the features never matter."
        ),
        source="synthetic: made by the formula in the code",
        licence="the book's own",
        size=(10000, 5),
        kind="table",
        sensitive=(),
        load=drift,
        synthetic=True,
    ),
)
