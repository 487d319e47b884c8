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
    """The seconds of each call; images are used again when they run out."""
    if not 1 <= batch_size <= len(X):
        expected = f"expected 1 to {len(X)}"
        raise ValueError(f"batch_size: {expected}, got {batch_size}")
    seconds = np.empty(num_calls)
    for call in range(num_calls):
        rows = (call * batch_size + np.arange(batch_size)) % len(X)
        batch = X[rows]
        name = f"batch of {batch_size}, call {call}"
        _, seconds[call] = timed(name, lambda batch=batch: predict(batch))
    return seconds


def summary(calls: dict[int, np.ndarray]) -> pd.DataFrame:
    """The time of a call in milliseconds, median and 95th percentile, and the throughput, by batch size."""
    return pd.DataFrame(
        {
            "median": {b: 1e3 * np.median(s) for b, s in calls.items()},
            "95th": {b: 1e3 * np.percentile(s, 95) for b, s in calls.items()},
            "images/s": {b: round(throughput(b, s)) for b, s in calls.items()},
        }
    ).rename_axis("batch")


def throughput(batch_size: int, seconds: np.ndarray) -> float:
    """Images per second over all calls, the slow ones included."""
    return float(batch_size / np.mean(seconds))


def answer_time(batch_size: int, call_seconds: float, per_second: float) -> float:
    """How long the first image of a batch waits for its answer: until the batch is full, and then for the call."""
    return (batch_size - 1) / per_second + call_seconds
