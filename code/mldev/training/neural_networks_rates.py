"""Which learning rates and momenta train a network well, and what ReLU units do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch

from mldev.experiments import Interval, interval, paired_difference
from mldev.training.neural_networks_experiments import Task, predict, trained
from mldev.training.neural_networks_fleet import (
    Fleet,
    accuracy,
    cross_entropy,
    squared,
    train,
)

RATES = tuple(float(f"{10**e:.2g}") for e in np.arange(-4.5, 0.01, 0.5))
MOMENTA = (0.0, 0.85, 0.95, 0.99)
USUAL_RATES, USUAL_MOMENTA = (1e-4, 1e-2), (0.85, 0.99)


def grid(
    task: Task,
    sizes: Sequence[int],
    *,
    kind: str = "classes",
    rates: Sequence[float] = RATES,
    momenta: Sequence[float] = MOMENTA,
    num_epochs: int = 6,
) -> pd.DataFrame:
    """Train at every learning rate and momentum, with every seed of a task; scores on validation and test rows.

    Parameters
    ----------
    kind
        "classes": cross-entropy, scored by accuracy. "number": squared error, scored by R2.
    """
    if kind not in ("classes", "number"):
        raise ValueError(f"kind {kind!r}: expected 'classes' or 'number'")
    num_seeds, tables = len(task.seeds), []
    wide = task.repeat(len(rates))
    for momentum in momenta:
        loss = cross_entropy if kind == "classes" else squared
        fleet = trained(
            wide,
            sizes,
            loss,
            learning_rate=np.repeat(rates, num_seeds),
            momentum=momentum,
            num_epochs=num_epochs,
        )
        found = {part: scores(fleet, wide, part, kind) for part in ("valid", "test")}
        rows = {"learning_rate": np.repeat(rates, num_seeds), "seed": wide.seeds}
        tables.append(pd.DataFrame({**rows, "momentum": momentum, **found}))
    return pd.concat(tables, ignore_index=True)


def scores(fleet: Fleet, task: Task, part: str, kind: str) -> np.ndarray:
    """Accuracy or R2 of each run; R2 below zero, or beyond the numbers, counts as zero."""
    rows = getattr(task, part)
    if kind == "classes":
        return accuracy(fleet, task.X, task.y, rows).numpy()
    guess, aim = predict(fleet, task, rows)
    rest = ((guess - aim) ** 2).mean(1) / aim.var(1)
    return np.where(np.isfinite(rest), np.maximum(1 - rest, 0), 0)


def usual(table: pd.DataFrame) -> pd.Series:
    """Which rows lie within the usual ranges."""
    return table["learning_rate"].between(*USUAL_RATES) & table["momentum"].between(
        *USUAL_MOMENTA
    )


def best_test(table: pd.DataFrame) -> np.ndarray:
    """For each seed the test score of the setting with the best validation score (ties: the first)."""
    best = table.loc[table.groupby("seed")["valid"].idxmax()]
    return best.sort_values("seed")["test"].to_numpy()


def best_rates(table: pd.DataFrame, momentum: float) -> np.ndarray:
    """For each seed the learning rate with the best validation score at one momentum (ties: the smallest)."""
    rows = table[table["momentum"] == momentum].reset_index(drop=True)
    if rows.empty:
        raise ValueError(f"no rows for momentum {momentum!r}")
    best = rows.loc[rows.groupby("seed")["valid"].idxmax()]
    return best.sort_values("seed")["learning_rate"].to_numpy()


def good_settings(table: pd.DataFrame, margin: float) -> pd.DataFrame:
    """The mean test score of each setting, and whether it comes within a margin of the best mean."""
    means = table.groupby(["momentum", "learning_rate"], as_index=False)["test"].mean()
    return means.assign(good=means["test"] >= means["test"].max() - margin)


def same_step(
    task: Task,
    sizes: Sequence[int],
    ratio: float,
    momenta: Sequence[float],
    num_epochs: int = 10,
) -> dict[float, np.ndarray]:
    """Test accuracies at one value of learning rate / (1 - momentum), for each momentum."""
    found = {}
    for momentum in momenta:
        fleet = trained(
            task,
            sizes,
            cross_entropy,
            learning_rate=ratio * (1 - momentum),
            momentum=momentum,
            num_epochs=num_epochs,
        )
        found[momentum] = scores(fleet, task, "test", "classes")
    return found


def unit_lives(
    task: Task,
    activation: str,
    learning_rate: float,
    sizes: Sequence[int] = (64, 32, 32, 10),
    num_epochs: int = 10,
    loss: Callable = cross_entropy,
) -> dict[str, np.ndarray]:
    """What becomes of silent units, for each seed.

    "revived": of all pairs of a hidden unit and a training image with a negative sum at the start, the share with a
    positive sum after training. "dead": the share of hidden units that end with a negative sum for all images.
    """
    fleet = Fleet(sizes, activation, "He", task.seeds)
    before = hidden_sums(fleet, task)
    train(
        fleet,
        task.X,
        task.y,
        task.train,
        task.seeds,
        loss,
        learning_rate=learning_rate,
        momentum=0.9,
        num_epochs=num_epochs,
    )
    after = hidden_sums(fleet, task)
    silent = before <= 0
    revived = (silent & (after > 0)).sum((1, 2)) / silent.sum((1, 2))
    return {
        "revived": revived.numpy(),
        "dead": (after <= 0).all(1).double().mean(1).numpy(),
        "accuracy": scores(fleet, task, "test", "classes"),
    }


def silent_units(
    task: Task, small: float, large: float, num_epochs: int = 5
) -> tuple[Interval, Interval, dict[float, Interval]]:
    """Revived pairs at a small learning rate, dead units at a large one, and what leaky ReLU gains at each."""
    lives = {
        (name, rate): unit_lives(task, name, rate, num_epochs=num_epochs)
        for name in ("ReLU", "leaky ReLU")
        for rate in (small, large)
    }
    gains = {
        rate: paired_difference(
            lives["leaky ReLU", rate]["accuracy"], lives["ReLU", rate]["accuracy"]
        )
        for rate in (small, large)
    }
    revived = interval(lives["ReLU", small]["revived"])
    return revived, interval(lives["ReLU", large]["dead"]), gains


@torch.no_grad()
def hidden_sums(fleet: Fleet, task: Task) -> torch.Tensor:
    """The sums of all hidden units for all training images of each run: (R, n, units)."""
    return torch.cat(fleet.layers(task.X[task.train])[:-1], dim=2)
