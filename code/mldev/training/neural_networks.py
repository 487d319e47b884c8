"""Neural networks with PyTorch: the chapter's studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from mldev.studies import Study
from mldev.training.neural_networks_experiments import (
    best_rate,
    digits,
    pick_rows,
    trained,
)
from mldev.training.neural_networks_fleet import accuracy, cross_entropy
from mldev.training.neural_networks_signals import DEPTH, WIDTH

PAIRS = [
    ("sigmoid", "PyTorch", 2),
    ("ReLU", "PyTorch", 2),
    ("sigmoid", "PyTorch", DEPTH),
    ("sigmoid", "Xavier", DEPTH),
    ("tanh", "PyTorch", DEPTH),
    ("tanh", "Xavier", DEPTH),
    ("ReLU", "uniform_", DEPTH),
    ("ReLU", "PyTorch", DEPTH),
    ("ReLU", "nn.Linear", DEPTH),
    ("ReLU", "Xavier", DEPTH),
    ("ReLU", "He", DEPTH),
]
RATES = (0.0003, 0.001, 0.003, 0.01, 0.1)
NUM_SEEDS = 5
NUM_EPOCHS = 15


def train_deep(row: dict) -> dict:
    """Train networks of a given depth on the digits, one for each seed: accuracies on validation and test images."""
    torch.set_flush_denormal(True)  # vanishing signals would be slow to compute with
    task = digits(range(NUM_SEEDS))
    fleet = trained(
        task,
        [64, *[WIDTH] * row["depth"], 10],
        cross_entropy,
        activation=row["activation"],
        start=row["start"],
        learning_rate=row["learning_rate"],
        momentum=0.9,
        num_epochs=NUM_EPOCHS,
    )
    found = {}
    for part in ("valid", "test"):
        right = accuracy(fleet, task.X, task.y, getattr(task, part)).tolist()
        found |= {f"{part}_{seed}": share for seed, share in enumerate(right)}
    return found


GRID = [
    {"activation": activation, "start": start, "depth": depth, "learning_rate": rate}
    for activation, start, depth in PAIRS
    for rate in RATES
]


def deep_accuracies(
    rows: pd.DataFrame, activation: str, start: str, depth: int = DEPTH
) -> np.ndarray:
    """Test accuracy for each seed, at the learning rate that was best on that seed's validation images."""
    kept = rows.query(
        "activation == @activation and start == @start and depth == @depth"
    )
    if kept.empty:
        raise ValueError(
            f"no rows for activation {activation!r}, start {start!r}, depth {depth}"
        )
    valid, test = (
        kept[[f"{part}_{seed}" for seed in range(NUM_SEEDS)]].to_numpy()
        for part in ("valid", "test")
    )
    return pick_rows(test, best_rate(valid))


STUDIES = {
    "depth": Study("training/neural-networks-depth", train_deep, GRID, tolerance=0.05)
}
