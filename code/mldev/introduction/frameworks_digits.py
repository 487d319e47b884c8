"""The digits that both frameworks learn from, and the settings that they share."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from mldev import datasets

NUM_TRAIN = 1000
NUM_EPOCHS = 8
BATCH_SIZE = 32
LEARNING_RATE = 0.05
MOMENTUM = 0.9


@dataclass(frozen=True)
class Digits:
    """Images (N, 8, 8) with values in [0, 1], and their labels, parted in training and test rows."""

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray


def split_digits(seed: int) -> Digits:
    """The handwritten digits: 1,000 to train on and the rest to test on, every class in proportion."""
    digits = datasets.load("digits")
    parts = train_test_split(
        digits.images,
        digits.labels.astype(np.int64),
        train_size=NUM_TRAIN,
        stratify=digits.labels,
        random_state=seed,
    )
    return Digits(*parts)
