"""How long an epoch takes: the same network on the same images in PyTorch, in Keras, and in Keras without its graph."""

from collections.abc import Callable

import numpy as np
import torch

from mldev.introduction.frameworks_digits import LEARNING_RATE, MOMENTUM, Digits
from mldev.introduction.frameworks_keras import keras, keras_images, keras_network
from mldev.introduction.frameworks_torch import (
    torch_images,
    torch_network,
    train_epoch,
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
