"""The convolutional network of the chapter on frameworks, in PyTorch: its layers, and the loop that trains them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from mldev.introduction.frameworks_digits import (
    BATCH_SIZE,
    LEARNING_RATE,
    MOMENTUM,
    NUM_EPOCHS,
    Digits,
)

torch.set_num_threads(1)


def torch_network() -> nn.Sequential:
    """Two convolutions and a linear layer, for grey images of 8 by 8."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same"),  # (B, 1, 8, 8) -> (B, 16, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 16, 4, 4)
        nn.Conv2d(16, 32, 3, padding="same"),  # (B, 32, 4, 4)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 32, 2, 2)
        nn.Flatten(),  # (B, 128)
        nn.Linear(128, 10),  # (B, 10)
    )


def train_torch(digits: Digits, seed: int) -> tuple[nn.Sequential, list[float]]:
    """The trained network, and its test accuracy after each epoch."""
    torch.manual_seed(seed)
    model = torch_network()
    return model, list(fit_torch(model, digits))


def fit_torch(model: nn.Module, digits: Digits) -> Iterator[float]:
    """Train a network; yields its test accuracy after each epoch."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM)
    X_train, X_test = torch_images(digits.X_train), torch_images(digits.X_test)
    y_train, y_test = torch.from_numpy(digits.y_train), torch.from_numpy(digits.y_test)
    for _ in range(NUM_EPOCHS):
        train_epoch(model, optimizer, X_train, y_train)
        with torch.no_grad():
            right = model(X_test).argmax(1) == y_test
        yield right.float().mean().item()


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    X: torch.Tensor,
    y: torch.Tensor,
    batch_size: int = BATCH_SIZE,
) -> None:
    """One pass over the images in a random order, a step for each batch."""
    for rows in torch.randperm(len(X)).split(batch_size):
        loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def torch_images(images: np.ndarray) -> torch.Tensor:
    """Images as PyTorch wants them, with channels first: (N, 8, 8) -> (N, 1, 8, 8)."""
    return torch.from_numpy(images[:, None])


def train_otherwise(
    digits: Digits,
    seed: int,
    start: Callable[[nn.Module], None],
    one_order: bool = False,
) -> list[float]:
    """Test accuracies after each epoch, with other first weights; `one_order` deals all epochs the same batches."""
    torch.manual_seed(seed)
    model = torch_network().apply(start)
    if one_order:
        torch.manual_seed(seed)
    curve = []
    for accuracy in fit_torch(model, digits):
        curve.append(accuracy)
        if one_order:
            torch.manual_seed(seed)  # the next epoch's permutation is the same again
    return curve


def keras_start(layer: nn.Module) -> None:
    """Draw a layer's first weights as Keras does by default: Glorot's range, and no bias."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)


def uniform_start(layer: nn.Module) -> None:
    """Draw a layer's first weights with `uniform_` as it comes."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.uniform_(layer.weight)
