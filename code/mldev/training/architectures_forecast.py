"""Forecasting sunspots: the last cycle repeated, a linear autoregression, and networks that read a window of years.

Chapter *Architectures*. Everything is ordered in time. The series is cut into blocks of eleven years. For each block
a model is fitted on the years before it, and forecasts every year of the block from one to eleven years ahead. The
first blocks choose the settings; the later ones are the test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mldev import datasets
from mldev.training.architectures_cells import keep_gate
from mldev.training.architectures_convolution import multiply_adds
from mldev.training.architectures_training import descend, outputs, width_for

CYCLE = 11  # years of a block, and the furthest horizon
WINDOW = 22  # years that a network reads
FIRST_TARGET = (
    44  # the first year that anything is fitted to: enough years lie before it
)
NUM_VALID_BLOCKS, NUM_TEST_BLOCKS = 6, 12
HIDDEN, BATCH_SIZE = 16, 32
NETWORKS = ("LSTM", "dense")
SETTINGS = tuple((rate, steps) for rate in (0.003, 0.01) for steps in (100, 200))
MORE_SETTINGS = {  # the best of those was at an edge: more steps, and fewer
    "LSTM": ((0.01, 400),),
    "dense": ((0.01, 50), (0.01, 25)),
}
ORDERS = (2, 3, 6, 9, 12, 18, 24, 33)


def sunspots() -> np.ndarray:
    """Sunspots per year, from 1700."""
    return datasets.load("sunspots").values.to_numpy(float)


def first_year() -> int:
    """The year of the first value."""
    return int(datasets.load("sunspots").values.index[0].year)


@dataclass(frozen=True)
class Block:
    """Eleven years to be forecast: positions `start` to `stop` in the series."""

    start: int
    stop: int


def blocks(length: int) -> tuple[list[Block], list[Block]]:
    """The blocks that choose and, after them, those that judge; the last ends with the series."""
    total = NUM_VALID_BLOCKS + NUM_TEST_BLOCKS
    first = length - total * CYCLE
    if first <= FIRST_TARGET + CYCLE:
        needed = FIRST_TARGET + CYCLE + 1 + total * CYCLE
        raise ValueError(f"length: expected at least {needed} years, got {length}")
    starts = range(first, length, CYCLE)
    every = [Block(start, start + CYCLE) for start in starts]
    return every[:NUM_VALID_BLOCKS], every[NUM_VALID_BLOCKS:]


def origins(block: Block) -> np.ndarray:
    """For each year of a block and each horizon, the last year that is known: (11, 11)."""
    years = np.arange(block.start, block.stop)
    return years[:, None] - np.arange(1, CYCLE + 1)[None, :]


def seasonal_naive(series: np.ndarray, block: Block) -> np.ndarray:
    """The year one cycle earlier, whatever the horizon: (11, 11), a row for each year of the block."""
    years = np.arange(block.start, block.stop)
    return np.repeat(series[years - CYCLE][:, None], CYCLE, axis=1)


def lags(series: np.ndarray, last: np.ndarray, order: int) -> np.ndarray:
    """The last `order` values that are known at each origin, the newest first, and a one: (N, order + 1)."""
    rows = series[last[:, None] - np.arange(order)[None, :]]
    return np.column_stack([rows, np.ones(len(last))])


def autoregression(series: np.ndarray, block: Block, order: int) -> np.ndarray:
    """A least-squares regression on the last values, one for each horizon, in square roots: (11, 11)."""
    root, forecasts = np.sqrt(series), []
    for column, last in enumerate(origins(block).T):
        horizon = column + 1
        known = np.arange(FIRST_TARGET, block.start) - horizon
        targets = root[known + horizon]
        found = np.linalg.lstsq(lags(root, known, order), targets, rcond=None)[0]
        forecasts.append(lags(root, last, order) @ found)
    return np.clip(np.stack(forecasts, axis=1), 0, None) ** 2


class Forecaster(nn.Module):
    """An LSTM reads a window of years; its last state gives the next eleven."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layer = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, CYCLE)
        keep_gate(self.layer, 1.0)

    def forward(self, x: Tensor) -> Tensor:  # (B, 22, 1)
        return self.head(self.layer(x)[0][:, -1])  # (B, 11)


def dense(hidden: int) -> nn.Sequential:
    """The rival: all years of the window at once."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(WINDOW, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, CYCLE),
    )


def build(network: str, seed: int) -> nn.Module:
    """A network that costs what the LSTM costs, with the start weights of a seed."""
    if network not in NETWORKS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, got {network!r}"
        )
    torch.manual_seed(seed)
    whole = WINDOW * 4 * HIDDEN * (1 + HIDDEN) + HIDDEN * CYCLE
    if network == "dense":
        return dense(width_for(whole, lambda w: (WINDOW + w + CYCLE) * w))
    return Forecaster(HIDDEN)


def cost(network: str) -> int:
    """Multiplications for one window."""
    return multiply_adds(build(network, 0), torch.zeros(1, WINDOW, 1))


def windows(values: np.ndarray, last: np.ndarray) -> Tensor:
    """The years up to each origin, the oldest first: (N, 22, 1)."""
    rows = values[last[:, None] - np.arange(WINDOW)[None, ::-1]]
    return torch.tensor(rows, dtype=torch.float32)[:, :, None]


def network_forecast(
    series: np.ndarray,
    block: Block,
    network: str,
    seed: int,
    learning_rate: float,
    num_steps: int,
) -> np.ndarray:
    """A network fitted on the years before the block, in standardised square roots: (11, 11)."""
    root = np.sqrt(series)
    mean, spread = root[: block.start].mean(), root[: block.start].std()
    values = (root - mean) / spread
    last = np.arange(WINDOW - 1, block.start - CYCLE)  # all eleven targets are known
    X = windows(values, last)
    ahead = values[last[:, None] + np.arange(1, CYCLE + 1)[None, :]]
    y = torch.tensor(ahead, dtype=torch.float32)  # (N, 11)
    model = build(network, seed)
    loss = nn.functional.mse_loss
    descend(
        model,
        lambda rows: loss(model(X[rows]), y[rows]),
        len(X),
        num_steps=num_steps,
        learning_rate=learning_rate,
        batch_size=BATCH_SIZE,
        seed=seed,
    )
    asked = origins(block)
    answers = outputs(model, windows(values, asked.ravel())).numpy()  # (121, 11)
    each = answers.reshape(CYCLE, CYCLE, CYCLE)
    own = np.take_along_axis(each, np.arange(CYCLE)[None, :, None], axis=2)[:, :, 0]
    return np.clip(own * spread + mean, 0, None) ** 2


def absolute_errors(
    series: np.ndarray, block: Block, forecast: np.ndarray
) -> np.ndarray:
    """Mean absolute error by horizon, in sunspots: (11,)."""
    truth = series[block.start : block.stop]
    return np.abs(forecast - truth[:, None]).mean(axis=0)


def errors_of(
    method: Callable[[np.ndarray, Block], np.ndarray], series: np.ndarray, test: bool
) -> np.ndarray:
    """A method's errors, block by block: (blocks, 11)."""
    chosen = blocks(len(series))[1 if test else 0]
    return np.stack([absolute_errors(series, b, method(series, b)) for b in chosen])


def forecast_row(row: dict) -> dict:
    """One network, one seed, one block: the error at each horizon."""
    torch.set_num_threads(1)
    series = sunspots()
    block = blocks(len(series))[1 if row["part"] == "test" else 0][row["block"]]
    forecast = network_forecast(
        series,
        block,
        row["network"],
        row["seed"],
        row["learning_rate"],
        row["num_steps"],
    )
    errors = absolute_errors(series, block, forecast)
    return {f"ahead_{h + 1}": round(float(e), 6) for h, e in enumerate(errors)}
