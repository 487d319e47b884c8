"""How long an epoch takes: the same network on the same images in PyTorch, in Keras, and in Keras without its graph."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from mldev.introduction.frameworks_costs import (
    ROOTS,
    code_lines,
    distribution_of,
    megabytes,
    needed,
)
from mldev.introduction.frameworks_digits import LEARNING_RATE, MOMENTUM, Digits
from mldev.introduction.frameworks_keras import (
    keras,
    keras_images,
    keras_network,
    train_keras,
)
from mldev.introduction.frameworks_torch import (
    fit_torch,
    torch_images,
    torch_network,
    train_epoch,
    train_torch,
)
from mldev.timings import timed


def torch_run(digits: Digits, batch_size: int, num_epochs: int) -> Callable[[], None]:
    """A call that trains a PyTorch network for so many epochs."""
    model = torch_network()
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    X, y = torch_images(digits.X_train), torch.from_numpy(digits.y_train)

    def run() -> None:
        for _ in range(num_epochs):
            train_epoch(model, optimizer, X, y, batch_size)

    return run


def keras_run(
    digits: Digits, batch_size: int, num_epochs: int, run_eagerly: bool = False
) -> Callable[[], None]:
    """A call that trains a Keras network for so many epochs, through its graph or, run eagerly, without."""
    model = keras_network()
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=run_eagerly,
    )
    X, y = keras_images(digits.X_train), digits.y_train

    def run() -> None:
        model.fit(X, y, batch_size=batch_size, epochs=num_epochs, verbose=0)

    return run


def race(
    topic: str, runs: dict[str, Callable[[], object]], num_turns: int, units: int = 1
) -> dict[str, np.ndarray]:
    """Seconds per unit of work of several runs that take turns, after one turn each that does not count."""
    for run in runs.values():
        run()
    seconds = {name: np.empty(num_turns) for name in runs}
    for turn in range(num_turns):
        for name, run in runs.items():
            _, took = timed(f"{topic}, {name}, turn {turn}", run)
            seconds[name][turn] = took / units
    return seconds


def lines_to_write() -> dict[str, int]:
    """Lines of code of the network and its training, as the chapter shows them."""
    return {
        "PyTorch": code_lines(
            torch_network, train_torch, fit_torch, train_epoch, torch_images
        ),
        "Keras": code_lines(keras_network, train_keras, keras_images),
    }


def bill(
    curves: dict[str, np.ndarray],
    seconds: dict[int, dict[str, np.ndarray]],
    imports: pd.DataFrame,
) -> pd.DataFrame:
    """What each framework gives and costs, as text for a table.

    Parameters
    ----------
    curves
        Test accuracies (seeds, epochs) of each framework.
    seconds
        For each batch size, seconds per epoch of each framework; shown as ratios to PyTorch.
    imports
        Seconds of importing each framework, a column for each.
    """
    roots = {f: [distribution_of(m) for m in modules] for f, modules in ROOTS.items()}
    rows = {"accuracy": {f: f"{c[:, -1].mean():.3f}" for f, c in curves.items()}}
    for size, times in seconds.items():
        base = np.mean(times["PyTorch"])
        ratios = {f: f"{np.mean(t) / base:.1f}" for f, t in times.items()}
        rows[f"epoch ratio, {size}"] = ratios
    rows["lines"] = {f: str(n) for f, n in lines_to_write().items()}
    rows["import, s"] = {f: f"{s:.1f}" for f, s in imports.median().items()}
    rows["MB alone"] = {f: f"{megabytes(*names):,.0f}" for f, names in roots.items()}
    rows["MB in all"] = {
        f: f"{megabytes(*needed(*names)):,.0f}" for f, names in roots.items()
    }
    return pd.DataFrame(rows).T[list(ROOTS)].fillna("")
