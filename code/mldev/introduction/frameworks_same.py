"""Is it the same network? Weights carried from PyTorch to Keras, and both trained on, step by step, side by side."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from mldev.introduction.frameworks_digits import (
    BATCH_SIZE,
    LEARNING_RATE,
    Digits,
)
from mldev.introduction.frameworks_keras import (
    keras,
    keras_images,
    keras_network,
    tf,
)
from mldev.introduction.frameworks_torch import torch_images, torch_network

DTYPES = {"float32": torch.float32, "float64": torch.float64}
Copy = Callable[[nn.Sequential, keras.Sequential], None]


def keras_weights(model: nn.Sequential) -> list[np.ndarray]:
    """The weights of the PyTorch network as Keras wants them."""
    weights, channels = [], 1
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            # (out, in, height, width) -> (height, width, in, out)
            weights += [layer.weight.permute(2, 3, 1, 0), layer.bias]
            channels = layer.out_channels
        elif isinstance(layer, nn.Linear):
            # its inputs, flattened from (channels, 2, 2), -> from (2, 2, channels)
            cubes = layer.weight.unflatten(1, (channels, 2, 2))
            weights += [cubes.permute(2, 3, 1, 0).flatten(0, 2), layer.bias]
    return [weight.detach().numpy() for weight in weights]


def copy_weights(source: nn.Sequential, target: keras.Sequential) -> None:
    """Give the Keras network the weights of the PyTorch network."""
    target.set_weights(keras_weights(source))


def copy_by_shape(source: nn.Sequential, target: keras.Sequential) -> None:
    """Turn the axes until the shapes fit. Keras accepts it, and it is wrong."""
    turned = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    target.set_weights(
        [w.detach().permute(turned[w.ndim]).numpy() for w in source.parameters()]
    )


def logits(model: nn.Sequential | keras.Sequential, images: np.ndarray) -> np.ndarray:
    """What either network answers to images (N, 8, 8): (N, 10)."""
    if isinstance(model, nn.Module):
        with torch.no_grad():
            return model(torch_images(images)).numpy()
    return keras.ops.convert_to_numpy(model(keras_images(images)))


def accuracy(model: nn.Sequential | keras.Sequential, digits: Digits) -> float:
    """The share of test images that either network reads correctly."""
    return float(np.mean(logits(model, digits.X_test).argmax(1) == digits.y_test))


def weight_gap(torch_model: nn.Sequential, keras_model: keras.Sequential) -> float:
    """The largest difference between the weights of the two networks."""
    pairs = zip(keras_weights(torch_model), keras_model.get_weights(), strict=True)
    return max(float(np.abs(here - there).max()) for here, there in pairs)


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Let Keras compute everything in `dtype`: layers, losses and optimisers alike."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


class Twin:
    """A Keras network with a step of plain gradient descent, which TensorFlow compiles once for many runs."""

    def __init__(self) -> None:
        self.model = keras_network()
        self.optimizer = keras.optimizers.SGD()
        self.optimizer.build(self.model.trainable_variables)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def step(self, X: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Take one step on a batch; returns the loss before it."""
        weights = self.model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.loss(y, self.model(X, training=True))
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss


@cache
def twin_of(dtype: str) -> Twin:
    """The one Keras twin of a precision: tracing its graph takes longer than many steps."""
    return Twin()


def twins(
    learning_rate: float, seed: int, dtype: str = "float32", copy: Copy = copy_weights
) -> tuple[nn.Sequential, Twin]:
    """A new PyTorch network, and the Keras twin with its weights."""
    torch.manual_seed(seed)
    here, there = torch_network().to(DTYPES[dtype]), twin_of(dtype)
    there.optimizer.learning_rate = learning_rate
    copy(here, there.model)
    return here, there


def steps(
    here: nn.Sequential,
    there: Twin,
    batches: list[tuple[np.ndarray, np.ndarray]],
    learning_rate: float,
) -> Iterator[tuple[float, float]]:
    """Take a step of plain gradient descent in both, on the same batch; yields both losses before the step."""
    optimizer = torch.optim.SGD(here.parameters(), learning_rate)
    for X, y in batches:
        loss = nn.functional.cross_entropy(here(torch_images(X)), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield (
            loss.item(),
            float(there.step(tf.constant(keras_images(X)), tf.constant(y))),
        )


def draw_batches(
    digits: Digits, num_batches: int, seed: int, dtype: str = "float32"
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of training images and labels, drawn at random."""
    rng = np.random.default_rng(seed)
    images = digits.X_train.astype(dtype)
    drawn = (
        rng.choice(len(images), BATCH_SIZE, replace=False) for _ in range(num_batches)
    )
    return [(images[rows], digits.y_train[rows]) for rows in drawn]


def follow(
    digits: Digits,
    learning_rate: float,
    dtype: str = "float32",
    num_steps: int = 80,
    seed: int = 0,
    copy: Copy = copy_weights,
) -> pd.DataFrame:
    """Losses and largest weight difference of twins after each of several steps on the same batches."""
    batches = draw_batches(digits, num_steps, seed, dtype)
    rows = []
    with precision(dtype):
        here, there = twins(learning_rate, seed, dtype, copy)
        for step, losses in enumerate(steps(here, there, batches, learning_rate), 1):
            if step <= 10 or step % 5 == 0:
                seen = {"PyTorch": losses[0], "Keras": losses[1]}
                rows.append({"step": step, "gap": weight_gap(here, there.model)} | seen)
    setting = {"learning_rate": learning_rate, "dtype": dtype, "seed": seed}
    return pd.DataFrame(rows).assign(**setting)


def gaps_at(runs: pd.DataFrame, step: int) -> pd.DataFrame:
    """The gaps after one step: a row for each seed, a column for each precision and learning rate."""
    then = runs[runs["step"] == step]
    return then.pivot(index="seed", columns=["dtype", "learning_rate"], values="gap")


def epoch_gap(
    digits: Digits, seed: int, dtype: str = "float64", momentum: float = 7 / 8
) -> float:
    """The weight gap after an epoch of `fit` and of a loop by hand, with momentum, over images in the same order.

    The momentum is one that single precision holds exactly: Keras keeps it there, whatever the network's precision.
    """
    rows = np.random.default_rng(seed).permutation(len(digits.y_train))
    X, y = digits.X_train[rows].astype(dtype), digits.y_train[rows]
    torch.manual_seed(seed)
    here = torch_network().to(DTYPES[dtype])
    optimizer = torch.optim.SGD(here.parameters(), LEARNING_RATE, momentum)
    with precision(dtype):
        there = keras_network()
        there.compile(
            keras.optimizers.SGD(LEARNING_RATE, momentum=momentum),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        copy_weights(here, there)
        there.fit(keras_images(X), y, BATCH_SIZE, shuffle=False, verbose=0)
    for batch in torch.arange(len(y)).split(BATCH_SIZE):
        answers = here(torch_images(X[batch]))
        loss = nn.functional.cross_entropy(answers, torch.from_numpy(y[batch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weight_gap(here, there)
