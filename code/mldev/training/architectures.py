"""Architectures and robust training: the chapter's studies, and what is concluded from their rows.

The chapter's modules, in the order in which the pages teach them:

1. ``architectures_convolution``: convolution by hand, its arithmetic, and the count of multiplications.
2. ``architectures_images``: characters, a convolutional network and its rival.
3. ``architectures_cells``: recurrent cells by hand.
4. ``architectures_memory``: a question of memory.
5. ``architectures_heads``: two inputs, two outputs.
6. ``architectures_robust``: remedies against overfitting.
7. ``architectures_forecast``: sunspots.
8. ``architectures_training``: the descent that they share.
9. ``architectures_pictures``: pictures and the interactive chart.

Learning rates and strengths were chosen on validation data by the studies named `...-tuning`; what they chose is
written down here, and a test compares it with their rows.
"""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from mldev.experiments import Interval, interval, paired_difference
from mldev.studies import Study
from mldev.training import architectures_forecast as forecast
from mldev.training import architectures_heads as heads
from mldev.training import architectures_images as images
from mldev.training import architectures_memory as memory
from mldev.training import architectures_robust as robust
from mldev.training.architectures_robust import FIELDS, REMEDIES, WORLDS, Recipe

CHAPTER = "training/architectures"
NUM_SEEDS, NUM_RECIPE_SEEDS, NUM_FORECAST_SEEDS = 5, 5, 3
TUNING_SEEDS = (100,)  # no seed of a comparison
TOLERANCE = 0.05  # of an accuracy: another processor rounds, and so trains, apart
SPOTS = 0.3  # relative, of an error in sunspots, for the same reason

IMAGE_RATES = {
    ("convolutional", "in place"): 0.01,
    ("convolutional", "shuffled"): 0.003,
    ("dense", "in place"): 0.01,
    ("dense", "shuffled"): 0.01,
}
MEMORY_RATES = {
    "dense": 0.003,
    "RNN": 0.01,
    "GRU": 0.01,
    "LSTM": 0.01,
    "LSTM, keeping": 0.01,
}
FORECAST_SETTINGS = {
    "LSTM": (0.01, 200),
    "dense": (0.01, 50),
}
ORDER = 9  # of the autoregression
ALONE: dict[str, dict[str, Recipe]] = {
    "true labels": {
        "nothing": Recipe(0.001),
        "dropout": Recipe(0.003, dropout=0.25),
        "batch norm": Recipe(0.003, batch_norm=1),
        "weight decay": Recipe(0.01, weight_decay=0.1),
        "augmentation": Recipe(0.003, augmentation=0.5),
        "early stopping": Recipe(0.003, patience=4),
    },
    "faulty labels": {
        "nothing": Recipe(0.001),
        "dropout": Recipe(0.003, dropout=0.25),
        "batch norm": Recipe(0.0003, batch_norm=1),
        "weight decay": Recipe(0.001, weight_decay=0.1),
        "augmentation": Recipe(0.001, augmentation=0.5),
        "early stopping": Recipe(0.001, patience=4),
    },
}
SCALES = (0.5, 1.0)  # of all strengths, when all are on
TOGETHER = {"true labels": (0.001, 0.5), "faulty labels": (0.001, 0.5)}


def together(world: str, learning_rate: float, scale: float) -> Recipe:
    """All remedies at once, each at its own best strength, times a scale (patience and batch norm as they are)."""
    recipe = Recipe(learning_rate=learning_rate)
    for remedy, field in FIELDS.items():
        strength = getattr(ALONE[world][remedy], field)
        factor = 1 if remedy in ("batch norm", "early stopping") else scale
        recipe = replace(recipe, **{field: strength * factor})
    return recipe


def recipes(world: str) -> dict[str, Recipe]:
    """What the ablation compares: nothing, each remedy alone, and all together, each as it was tuned."""
    return {**ALONE[world], "together": together(world, *TOGETHER[world])}


def _alone_grid() -> list[dict]:
    tried = [("nothing", {})] + [
        (remedy, {FIELDS[remedy]: strength})
        for remedy in REMEDIES
        for strength in robust.STRENGTHS[remedy]
    ]
    return [
        {"world": w, "recipe": name, **asdict(Recipe(learning_rate=r, **on)), "seed": s}
        for w in WORLDS
        for name, on in tried
        for r in (*robust.LEARNING_RATES[w], *robust.MORE_RATES.get((w, name), ()))
        for s in TUNING_SEEDS
    ]


def _together_grid() -> list[dict]:
    return [
        {"world": w, "scale": k, **asdict(together(w, r, k)), "seed": s}
        for w in WORLDS
        for k in SCALES
        for r in robust.LEARNING_RATES[w]
        for s in TUNING_SEEDS
    ]


def _ablation_grid() -> list[dict]:
    return [
        {"world": w, "recipe": name, **asdict(recipe), "seed": seed}
        for w in WORLDS
        for name, recipe in recipes(w).items()
        for seed in range(NUM_RECIPE_SEEDS)
    ]


def _rates_grid() -> list[dict]:
    """With true labels the plain network at the remedies' rates; with faulty ones batch norm at the plain one's."""
    plain = ALONE["faulty labels"]["nothing"].learning_rate
    asked = [("true labels", "nothing", Recipe(r)) for r in (0.003, 0.01)]
    asked.append(("faulty labels", "batch norm", Recipe(plain, batch_norm=1)))
    return [
        {"world": w, "recipe": name, **asdict(recipe), "seed": seed}
        for w, name, recipe in asked
        for seed in range(NUM_RECIPE_SEEDS)
    ]


def _image_grid(seeds: tuple[int, ...] | range, tuning: bool) -> list[dict]:
    return [
        {"network": n, "pixels": p, "learning_rate": rate, "seed": s}
        for s in seeds
        for (n, p), chosen in IMAGE_RATES.items()
        for rate in (
            (*images.LEARNING_RATES, *images.MORE_RATES.get((n, p), ()))
            if tuning
            else (chosen,)
        )
    ]


def _memory_grid(seeds: tuple[int, ...] | range, tuning: bool) -> list[dict]:
    return [
        {"reader": r, "learning_rate": rate, "seed": s}
        for s in seeds
        for r, chosen in MEMORY_RATES.items()
        for rate in (memory.LEARNING_RATES if tuning else (chosen,))
    ]


def _forecast_grid(tuning: bool) -> list[dict]:
    part, count = (
        ("valid", forecast.NUM_VALID_BLOCKS)
        if tuning
        else ("test", forecast.NUM_TEST_BLOCKS)
    )
    return [
        {
            "network": n,
            "learning_rate": rate,
            "num_steps": steps,
            "part": part,
            "block": b,
            "seed": s,
        }
        for n, chosen in FORECAST_SETTINGS.items()
        for rate, steps in (
            (*forecast.SETTINGS, *forecast.MORE_SETTINGS[n]) if tuning else (chosen,)
        )
        for b in range(count)
        for s in ((TUNING_SEEDS[0],) if tuning else range(NUM_FORECAST_SEEDS))
    ]


def best_setting(rows: pd.DataFrame, by: list[str], columns: list[str]) -> dict:
    """For each group, the setting with the highest mean on validation data."""
    means = rows.groupby([*by, *columns], sort=False)["valid"].mean().reset_index()
    found = {}
    for group, part in means.groupby(by, sort=False):
        best = part.loc[part["valid"].idxmax()]
        found[group if len(by) > 1 else group[0]] = tuple(best[c] for c in columns)
    return found


def scores(rows: pd.DataFrame, column: str = "test", **where: object) -> np.ndarray:
    """A column of the rows that fit, in the order of their seeds."""
    for name, value in where.items():
        rows = rows[rows[name] == value]
    if rows.empty:
        raise ValueError(f"where: no row fits {where}")
    return rows.sort_values("seed")[column].to_numpy()


def memory_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The share of right answers of each reader, over all questions and over those about the oldest quarter."""
    columns = {"all": "test", "oldest quarter": f"age_{memory.AGES - 1}"}
    return pd.DataFrame(
        {
            title: {
                name: f"{interval(100 * scores(rows, c, reader=name)):.0f}"
                for name in memory.READERS
            }
            for title, c in columns.items()
        }
    )


def forecast_errors(rows: pd.DataFrame, network: str) -> np.ndarray:
    """A network's errors by block and horizon, its seeds averaged: (blocks, 11)."""
    columns = [f"ahead_{h}" for h in range(1, forecast.CYCLE + 1)]
    part = rows[rows["network"] == network]
    if part.empty:
        raise ValueError(f"network: no row of {network!r}")
    return part.groupby("block")[columns].mean().to_numpy()


def corrected(a: np.ndarray, b: np.ndarray, comparisons: int) -> Interval:
    """The paired difference, at a level at which all of so many comparisons hold together (Bonferroni)."""
    return paired_difference(a, b, level=1 - 0.05 / comparisons)


STUDIES = {
    "images-tuning": Study(
        f"{CHAPTER}-images-tuning",
        images.image_row,
        _image_grid(TUNING_SEEDS, tuning=True),
        tolerance=TOLERANCE,
    ),
    "images": Study(
        f"{CHAPTER}-images",
        images.image_row,
        _image_grid(range(NUM_SEEDS), tuning=False),
        tolerance=TOLERANCE,
    ),
    "memory-tuning": Study(
        f"{CHAPTER}-memory-tuning",
        memory.memory_row,
        _memory_grid(TUNING_SEEDS, tuning=True),
        tolerance=TOLERANCE,
    ),
    "memory": Study(
        f"{CHAPTER}-memory",
        memory.memory_row,
        _memory_grid(range(NUM_SEEDS), tuning=False),
        tolerance=TOLERANCE,
    ),
    "inputs": Study(
        f"{CHAPTER}-inputs",
        heads.input_row,
        [
            {"network": n, "seed": s}
            for s in range(NUM_SEEDS)
            for n in heads.INPUT_NETWORKS
        ],
        tolerance=TOLERANCE,
    ),
    "outputs": Study(
        f"{CHAPTER}-outputs",
        heads.output_row,
        [
            {"network": n, "seed": s}
            for s in range(NUM_SEEDS)
            for n in heads.OUTPUT_NETWORKS
        ],
        tolerance=TOLERANCE,
    ),
    "heads-tuning": Study(
        f"{CHAPTER}-heads-tuning",
        heads.head_tuning_row,
        [
            {"network": n, "learning_rate": rate, "seed": s}
            for s in TUNING_SEEDS
            for n in heads.TUNED
            for rate in heads.LEARNING_RATES
        ],
        tolerance=TOLERANCE,
    ),
    "robust-tuning": Study(
        f"{CHAPTER}-robust-tuning",
        robust.recipe_row,
        _alone_grid(),
        tolerance=TOLERANCE,
    ),
    "robust-together": Study(
        f"{CHAPTER}-robust-together",
        robust.recipe_row,
        _together_grid(),
        tolerance=TOLERANCE,
    ),
    "robust": Study(
        f"{CHAPTER}-robust",
        robust.recipe_row,
        _ablation_grid(),
        tolerance=TOLERANCE,
    ),
    "robust-rates": Study(
        f"{CHAPTER}-robust-rates",
        robust.recipe_row,
        _rates_grid(),
        tolerance=TOLERANCE,
    ),
    "forecast-tuning": Study(
        f"{CHAPTER}-forecast-tuning",
        forecast.forecast_row,
        _forecast_grid(tuning=True),
        tolerance=SPOTS,
    ),
    "forecast": Study(
        f"{CHAPTER}-forecast",
        forecast.forecast_row,
        _forecast_grid(tuning=False),
        tolerance=SPOTS,
    ),
}
