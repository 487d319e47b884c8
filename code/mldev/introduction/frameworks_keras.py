"""The same convolutional network in Keras: its layers, what to optimise, and one call that trains them.

This is the first module of the chapter that loads TensorFlow. It keeps TensorFlow quiet, on one thread, and the same
from run to run; the environment must be set before the import, the rest before the first operation.
"""

import os
from collections.abc import Callable, Iterable

# no notes on the terminal, and none of the kernels whose rounding depends on the processor
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mldev.introduction.frameworks_digits import (
    BATCH_SIZE,
    LEARNING_RATE,
    MOMENTUM,
    NUM_EPOCHS,
    Digits,
)

tf.get_logger().setLevel("ERROR")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()


def keras_network() -> keras.Sequential:
    """Two convolutions and a linear layer, for grey images of 8 by 8."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),  # (B, 4, 4, 16)
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),  # (B, 2, 2, 32)
            layers.Flatten(),  # (B, 128)
            layers.Dense(10),  # (B, 10)
        ]
    )


def train_keras(digits: Digits, seed: int) -> tuple[keras.Sequential, list[float]]:
    """The trained network, and its test accuracy after each epoch."""
    keras.utils.set_random_seed(seed)
    model = keras_network()
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        keras_images(digits.X_train),
        digits.y_train,
        batch_size=BATCH_SIZE,
        epochs=NUM_EPOCHS,
        validation_data=(keras_images(digits.X_test), digits.y_test),
        verbose=0,
    )
    return model, history.history["val_accuracy"]


def keras_images(images: np.ndarray) -> np.ndarray:
    """Images as Keras wants them, with channels last: (N, 8, 8) -> (N, 8, 8, 1)."""
    return images[..., None]


def times_python_runs(wrap: Callable[[Callable], Callable], inputs: Iterable) -> int:
    """Call a wrapped function with each input: how often does Python run it?"""
    seen = []

    def double(x: tf.Tensor) -> tf.Tensor:
        seen.append(x)  # plain Python: a graph does not contain it
        return 2 * x

    function = wrap(double)
    for x in inputs:
        function(x)
    return len(seen)


class Clerk(keras.Model):
    """A model that learns nothing, and notes which rows each step of `fit` is given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = []

    def train_step(self, data: tuple) -> dict:
        """Take down the rows; `fit` wants some number in return."""
        self.rows.extend(data[1].numpy())
        return {"loss": tf.constant(0.0)}


def orders_dealt(num_rows: int, num_epochs: int, seed: int) -> np.ndarray:
    """The order of the rows in each epoch of one seeded `fit`: (epochs, rows)."""
    keras.utils.set_random_seed(seed)
    clerk = Clerk()
    clerk.compile(run_eagerly=True)
    rows = np.arange(num_rows)
    clerk.fit(rows, rows, epochs=num_epochs, verbose=0)
    return np.reshape(clerk.rows, (num_epochs, num_rows))
