"""The experiments of the chapter on neural networks: losses, activations, learning rates, and depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mldev import datasets
from mldev.training.neural_networks_fleet import (
    CLASS_LOSSES,
    Fleet,
    Tensor,
    absolute,
    accuracy,
    cross_entropy,
    squared,
    train,
)

Loss = Callable[[Tensor, Tensor], Tensor]
ERRORS = {"L2": squared, "L1": absolute}


@dataclass(frozen=True)
class Task:
    """Examples and, for each run, its own split."""

    X: Tensor  # (N, d), or (R, N, d) where the runs scale them differently
    y: Tensor  # (N,) or (R, N)
    train: Tensor  # rows: (R, n)
    valid: Tensor
    test: Tensor
    seeds: tuple[int, ...]

    def repeat(self, times: int) -> Task:
        """The same runs several times over: all seeds, then all again."""
        parts = {
            part: getattr(self, part).repeat(times, 1)
            for part in ("train", "valid", "test")
        }
        for name in ("X", "y"):
            value = getattr(self, name)
            if value.ndim == (3 if name == "X" else 2):
                parts[name] = value.repeat(times, *[1] * (value.ndim - 1))
        return replace(self, **parts, seeds=self.seeds * times)


def split(num_rows: int, num_train: int, num_valid: int, seeds: Sequence[int]) -> dict:
    """For each seed a random order of the rows, cut in training, validation and test rows."""
    orders = [np.random.default_rng(seed).permutation(num_rows) for seed in seeds]
    order = torch.from_numpy(np.stack(orders))
    cuts = [num_train, num_valid, num_rows - num_train - num_valid]
    return dict(zip(("train", "valid", "test"), order.split(cuts, dim=1), strict=True))


def digits(seeds: Sequence[int]) -> Task:
    """The handwritten digits, one number for each of the 64 pixels: 1,000 images to train on, 300 to choose by."""
    images = datasets.load("digits")
    X = torch.from_numpy(images.images).reshape(-1, 64)
    y = torch.from_numpy(images.labels.astype(np.int64))
    return Task(X, y, **split(len(y), 1000, 300, seeds), seeds=tuple(seeds))


def table(name: str, num_train: int, num_valid: int, seeds: Sequence[int]) -> Task:
    """A table with a number as its target, inputs scaled by the training rows of each run."""
    data = datasets.load(name)
    X = torch.tensor(data.X.to_numpy(dtype=np.float32))
    y = torch.tensor(data.y.to_numpy(dtype=np.float32))
    rows = split(len(y), num_train, num_valid, seeds)
    mean = X[rows["train"]].mean(1, keepdim=True)
    std = X[rows["train"]].std(1, keepdim=True)
    return Task((X - mean) / std, y, **rows, seeds=tuple(seeds))


def trained(
    task: Task,
    sizes: Sequence[int],
    loss: Loss,
    *,
    activation: str = "ReLU",
    start: str = "He",
    fleet: Fleet | None = None,
    **options,
) -> Fleet:
    """Networks trained on a task, one for each of its runs; see `train` for the options."""
    fleet = fleet or Fleet(sizes, activation, start, task.seeds)
    return train(fleet, task.X, task.y, task.train, task.seeds, loss, **options)


def sweep(
    task: Task, sizes: Sequence[int], loss: Loss, rates: Sequence[float], **options
) -> tuple[Task, Fleet]:
    """Networks for every learning rate and seed, in one fleet: the task repeated, and the fleet."""
    wide = task.repeat(len(rates))
    per_run = np.repeat(rates, len(task.seeds))
    return wide, trained(wide, sizes, loss, learning_rate=per_run, **options)


def best_rate(valid: np.ndarray) -> np.ndarray:
    """For each seed the row of the best validation score; rows are learning rates: (rates, seeds) -> (seeds,)."""
    return np.where(np.isnan(valid), -np.inf, valid).argmax(axis=0)


def pick_rows(scores: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The scores of the chosen rows: (rates, seeds), (seeds,) -> (seeds,)."""
    return scores[chosen, np.arange(scores.shape[1])]


@torch.no_grad()
def predict(fleet: Fleet, task: Task, rows: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true numbers of these rows: (R, n) each."""
    runs = torch.arange(len(rows))[:, None]
    X = task.X if task.X.ndim == 3 else task.X.expand(len(rows), -1, -1)
    y = task.y.expand(len(rows), -1)
    outputs = fleet(X[runs, rows])[..., 0]
    return outputs.double().numpy(), y[runs, rows].double().numpy()


def regression_scores(
    task: Task,
    truth: Tensor,
    rates: Sequence[float] = (0.003, 0.01, 0.03),
    num_epochs: int = 10,
) -> dict[str, dict[str, np.ndarray]]:
    """Train with L1 and with L2; test errors against the true targets, for each seed.

    The learning rate is chosen for each loss by that loss on validation rows.
    """
    scores = {}
    sizes = [task.X.shape[-1], 32, 1]
    for name, loss in ERRORS.items():
        wide, fleet = sweep(
            task, sizes, loss, rates, momentum=0.9, num_epochs=num_epochs
        )
        shape = (len(rates), len(task.seeds))
        guess, aim = predict(fleet, wide, wide.valid)
        with torch.no_grad():
            valid = loss(torch.tensor(guess)[..., None], torch.tensor(aim)).numpy()
        chosen = best_rate(-valid.reshape(shape))
        guess, _ = predict(fleet, wide, wide.test)
        aim = truth[wide.test].double().numpy()
        found = {
            "MAE": np.abs(guess - aim).mean(1),
            "RMSE": np.sqrt(((guess - aim) ** 2).mean(1)),
            "total": guess.sum(1) / aim.sum(1),
        }
        scores[name] = {
            key: pick_rows(value.reshape(shape), chosen) for key, value in found.items()
        }
    return scores


def slipped(task: Task, share: float, factor: float = 10.0) -> Task:
    """Targets of training and validation rows with a slipped decimal point, in a share of them."""
    y = task.y.expand(len(task.seeds), -1).clone()
    for run, seed in enumerate(task.seeds):
        rng = np.random.default_rng([seed, 1])
        known = torch.cat([task.train[run], task.valid[run]])
        wrong = known[torch.from_numpy(rng.random(len(known)) < share)]
        y[run, wrong] *= factor
    return replace(task, y=y)


def recovery(
    task: Task,
    wrong_epochs: int,
    rates: Sequence[float] = (0.03, 0.1, 0.3),
    num_epochs: int = 5,
    sizes: Sequence[int] = (64, 32, 10),
) -> dict[str, np.ndarray]:
    """Test accuracy by loss, after a first training on labels that are all one too high.

    All runs of a seed go on from the same network. The learning rate that follows is chosen for each loss on
    validation rows.
    """
    off = replace(task, y=(task.y + 1) % 10)
    misled = trained(
        off,
        sizes,
        cross_entropy,
        learning_rate=0.1,
        momentum=0.9,
        num_epochs=wrong_epochs,
    )
    wide, shape = task.repeat(len(rates)), (len(rates), len(task.seeds))
    scores = {}
    for name, loss in CLASS_LOSSES.items():
        fleet = trained(
            wide,
            sizes,
            loss,
            fleet=misled.copies(len(rates)),
            learning_rate=np.repeat(rates, len(task.seeds)),
            momentum=0.9,
            num_epochs=num_epochs,
        )
        valid, test = (
            accuracy(fleet, task.X, task.y, rows).numpy().reshape(shape)
            for rows in (wide.valid, wide.test)
        )
        scores[name] = pick_rows(test, best_rate(valid))
    return scores
