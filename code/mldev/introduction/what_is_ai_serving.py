"""What is AI: the same model asked for one answer at a time, and for many at once."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from mldev.timings import timed


def serve(
    predict: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    batch_size: int,
    num_calls: int,
) -> np.ndarray:
    """The seconds of each of so many calls with batches of one size; images are used again when they run out."""
    if not 1 <= batch_size <= len(X):
        raise ValueError(f"batch_size: expected 1 to {len(X)}, got {batch_size}")
    seconds = np.empty(num_calls)
    for call in range(num_calls):
        rows = (call * batch_size + np.arange(batch_size)) % len(X)
        batch = X[rows]
        name = f"batch of {batch_size}, call {call}"
        _, seconds[call] = timed(name, lambda batch=batch: predict(batch))
    return seconds


def summary(calls: dict[int, np.ndarray]) -> pd.DataFrame:
    """Percentiles of the time of a call in milliseconds, and images per second, by batch size."""
    return pd.DataFrame(
        {
            "median (ms)": {b: 1e3 * np.median(s) for b, s in calls.items()},
            "99th (ms)": {b: 1e3 * np.percentile(s, 99) for b, s in calls.items()},
            "images per second": {b: throughput(b, s) for b, s in calls.items()},
        }
    ).rename_axis("batch size")


def throughput(batch_size: int, seconds: np.ndarray) -> float:
    """Images per second, from the median call, which a busy moment of the machine does not move."""
    return float(batch_size / np.median(seconds))


def answer_time(batch_size: int, call_seconds: float, per_second: float) -> float:
    """How long the first image of a batch waits for its answer: until the batch is full, and then for the call."""
    return (batch_size - 1) / per_second + call_seconds
