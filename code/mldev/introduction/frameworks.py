"""scikit-learn, PyTorch and Keras: the chapter's studies, and what is concluded from their rows.

The convolutional network is written twice, in `frameworks_torch` and in `frameworks_keras`. Only the latter, and what
imports it, loads TensorFlow; this module does so when a row asks for Keras, and not before.
"""

import numpy as np
import pandas as pd

from mldev.experiments import Interval
from mldev.introduction.frameworks_costs import PACKAGES, import_cost
from mldev.introduction.frameworks_digits import NUM_EPOCHS, split_digits
from mldev.introduction.frameworks_text import TASKS, scores
from mldev.introduction.frameworks_torch import (
    keras_start,
    train_otherwise,
    train_torch,
    uniform_start,
)
from mldev.studies import Study

CHAPTER = "introduction/frameworks"
MARGIN = 0.01  # of test accuracy: a difference within it counts as none
STARTS = {"PyTorch, Keras's start": keras_start, "PyTorch, uniform_": uniform_start}
VARIANTS = ("Keras", "PyTorch", *STARTS)
ONE_ORDER = "PyTorch, one order"
FEW = {"PyTorch, uniform_": 30}  # seeds of the variant that is beyond doubt
NUM_CURVES, NUM_TEXTS, NUM_IMPORTS = 60, 20, 6
TOLERANCE = (
    0.04  # of an accuracy: another processor rounds, and so trains, a little apart
)


def train(variant: str, seed: int) -> list[float]:
    """Test accuracy after each epoch of one variant; the seed also parts the data."""
    digits = split_digits(seed)
    if variant == "PyTorch":
        return train_torch(digits, seed)[1]
    if variant in STARTS:
        return train_otherwise(digits, seed, STARTS[variant])
    from mldev.introduction.frameworks_keras import keras, train_keras

    keras.backend.clear_session()
    return train_keras(digits, seed)[1]


def columns(curve: list[float]) -> dict[str, float]:
    """A curve as the columns of a kept row."""
    return {f"epoch_{i}": round(float(a), 6) for i, a in enumerate(curve, start=1)}


def curve_row(row: dict) -> dict:
    """One training of one variant."""
    return columns(train(row["variant"], row["seed"]))


def order_row(row: dict) -> dict:
    """PyTorch with Keras's start, which deals the same batches in every epoch."""
    digits = split_digits(row["seed"])
    return columns(train_otherwise(digits, row["seed"], keras_start, one_order=True))


def text_row(row: dict) -> dict:
    """The three readers of titles, for one task and one seed."""
    return scores(row["task"], row["seed"])


def import_row(row: dict) -> dict:
    """One import of one framework; CPU time, since a busy machine stretches the other kind."""
    modules, seconds = import_cost(PACKAGES[row["framework"]])
    return {"modules": modules, "seconds": round(seconds, 3)}


def curves(rows: pd.DataFrame, variant: str) -> np.ndarray:
    """The kept curves of one variant, (seeds, epochs), in the order of the seeds."""
    part = rows[rows["variant"] == variant].sort_values("seed")
    if part.empty:
        allowed = ", ".join(sorted(set(rows["variant"])))
        raise ValueError(f"variant: expected one of {allowed}, got {variant!r}")
    return part[[f"epoch_{i}" for i in range(1, NUM_EPOCHS + 1)]].to_numpy()


def equivalent(difference: Interval, margin: float = MARGIN) -> bool:
    """Whether the whole interval of a difference lies within the margin declared beforehand."""
    return difference.above(-margin) and difference.below(margin)


STUDIES = {
    "curves": Study(
        f"{CHAPTER}-curves",
        curve_row,
        [
            {"variant": variant, "seed": seed}
            for seed in range(NUM_CURVES)
            for variant in VARIANTS
            if seed < FEW.get(variant, NUM_CURVES)
        ],
        tolerance=TOLERANCE,
    ),
    "order": Study(
        f"{CHAPTER}-order",
        order_row,
        [{"variant": ONE_ORDER, "seed": seed} for seed in range(NUM_CURVES)],
        tolerance=TOLERANCE,
    ),
    "texts": Study(
        f"{CHAPTER}-texts",
        text_row,
        [{"task": t, "seed": s} for t in TASKS for s in range(NUM_TEXTS)],
        tolerance=TOLERANCE,
    ),
    "imports": Study(
        f"{CHAPTER}-imports",
        import_row,
        [{"framework": f, "round": r} for r in range(NUM_IMPORTS) for f in PACKAGES],
        timing_columns=("seconds",),
        tolerance=0.1,
    ),
}
