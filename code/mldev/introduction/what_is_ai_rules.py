"""What is AI: a digit recogniser made of rules, every one of them written by hand.

A rule says between which values a feature of that digit lies. The numbers were chosen by
looking at images of the bench (`what_is_ai.BENCH_PER_CLASS` of each digit) and at the
mistakes on them, and at no other image.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

RULES = {
    0: {
        "holes": (0, 1),
        "hole height": (0.4, 0.6),
        "upper left gap": (0, 0.15),
        "upper right gap": (0, 0.15),
        "lower left gap": (0, 0.1),
        "lower right gap": (0, 0.1),
        "top gap": (0, 0.1),
        "strokes down": (2, 2),
    },
    1: {
        "holes": (0, 0),
        "width": (0, 0.4),
        "strokes down": (1, 2),
        "upper left gap": (0, 0.35),
        "upper right gap": (0, 0.35),
        "lower right gap": (0, 0.35),
    },
    2: {
        "upper left gap": (0.25, 0.7),
        "upper right gap": (0.1, 0.4),
        "lower left gap": (0.05, 0.35),
        "strokes down": (2, 2.5),
        "lower right gap": (0.1, 0.5),
        "foot": (0.5, 1),
        "width": (0.6, 1.4),
        "top gap": (0, 0.1),
    },
    3: {
        "holes": (0, 0),
        "upper left gap": (0.25, 0.7),
        "lower left gap": (0.3, 0.8),
        "lower right gap": (0, 0.15),
        "strokes down": (2.5, 3),
        "foot": (0.6, 1),
    },
    4: {
        "holes": (0, 0),
        "top gap": (0.15, 0.7),
        "foot": (0, 0.35),
        "upper left gap": (0, 0.25),
        "lower left gap": (0.15, 0.6),
    },
    5: {
        "holes": (0, 0),
        "upper left gap": (0, 0.25),
        "upper right gap": (0.35, 0.8),
        "lower left gap": (0.2, 0.8),
        "lower right gap": (0, 0.35),
        "strokes down": (3, 3),
    },
    6: {
        "holes": (0, 1),
        "hole height": (0.5, 0.8),
        "upper left gap": (0.1, 0.3),
        "upper right gap": (0.4, 0.7),
        "lower left gap": (0, 0.1),
        "lower right gap": (0, 0.25),
        "foot": (0.6, 1),
    },
    7: {
        "holes": (0, 0),
        "upper left gap": (0.2, 0.8),
        "upper right gap": (0, 0.2),
        "lower left gap": (0.3, 0.6),
        "strokes down": (2, 2),
        "foot": (0, 0.35),
    },
    8: {
        "holes": (1, 2),
        "upper left gap": (0, 0.25),
        "upper right gap": (0, 0.35),
        "lower left gap": (0.05, 0.3),
        "lower right gap": (0.05, 0.35),
        "strokes down": (3, 4),
        "foot": (0.45, 0.9),
        "width": (0.4, 0.8),
    },
    9: {
        "holes": (0, 1),
        "hole height": (0.15, 0.4),
        "top gap": (0, 0.1),
        "upper left gap": (0, 0.2),
        "upper right gap": (0, 0.2),
        "lower left gap": (0.3, 0.65),
        "foot": (0, 0.4),
    },
}
# How far outside its range a feature may lie before the rule counts as fully broken.
SLACK = {
    "holes": 1,
    "hole height": 0.2,
    "width": 0.3,
    "strokes down": 1,
    "foot": 0.3,
    "top gap": 0.2,
    "upper left gap": 0.2,
    "upper right gap": 0.2,
    "lower left gap": 0.2,
    "lower right gap": 0.2,
}


def broken(features: pd.DataFrame, ranges: dict[str, tuple]) -> np.ndarray:
    """How many of a digit's rules each image breaks, near misses in part."""
    total = np.zeros(len(features))
    for name, (low, high) in ranges.items():
        value = features[name].to_numpy()
        outside = np.maximum(low - value, value - high)
        total += np.clip(outside / SLACK[name], 0, 1)
    return total


def recognise(
    features: pd.DataFrame,
    digits: Sequence[int],
    rules: dict[int, dict] = RULES,
) -> np.ndarray:
    """Of these digits, the one whose rules each image breaks least."""
    unknown = sorted(set(digits) - set(rules))
    if unknown or not len(digits):
        expected = f"expected some of {sorted(rules)}"
        raise ValueError(f"digits: {expected}, got {digits!r}")
    penalties = np.array([broken(features, rules[d]) for d in digits])
    return np.asarray(digits)[penalties.argmin(axis=0)]


def num_chosen() -> int:
    """How many numbers were chosen by hand: two ends of every range, and the slacks."""
    return 2 * sum(len(ranges) for ranges in RULES.values()) + len(SLACK)
