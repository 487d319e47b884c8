"""Nodes, layers and losses out of single numbers: a network that runs on the by-hand engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mldev.training.neural_networks_engine import Value

Activation = Callable[[Value], Value]


def node(inputs: Sequence, weights: Sequence, bias: Value) -> Value:
    """A weighted sum of the inputs, plus a bias."""
    return sum((w * x for w, x in zip(weights, inputs, strict=True)), bias)


class ScalarNetwork:
    """Layers of nodes; every layer but the last is followed by the activation."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: Activation,
        rng: np.random.Generator,
    ) -> None:
        self.activation = activation
        self.layers = []
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            drawn = rng.normal(0, np.sqrt(2 / n_in), (n_out, n_in))
            weights = [[Value(w) for w in row] for row in drawn]
            self.layers.append((weights, [Value(0.0) for _ in range(n_out)]))

    def __call__(self, inputs: Sequence) -> list[Value]:
        for weights, biases in self.layers[:-1]:
            outputs = map(node, [inputs] * len(biases), weights, biases)
            inputs = [self.activation(output) for output in outputs]
        weights, biases = self.layers[-1]
        return list(map(node, [inputs] * len(biases), weights, biases))

    def parameters(self) -> list[Value]:
        return [
            value
            for weights, biases in self.layers
            for value in [*(w for row in weights for w in row), *biases]
        ]


def squared(output: Value, target: float) -> Value:
    """Squared error: L2, or MSE once averaged."""
    return (output - target) ** 2


def absolute(output: Value, target: float) -> Value:
    """Absolute error: L1."""
    return abs(output - target)


def softmax(outputs: Sequence[Value]) -> list[Value]:
    """Probabilities from any numbers: positive, and they add up to one."""
    highest = max(output.data for output in outputs)  # exp must not overflow
    exponentials = [(output - highest).exp() for output in outputs]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def cross_entropy(outputs: Sequence[Value], label: int) -> Value:
    """Minus the logarithm of the probability given to the right class."""
    return -softmax(outputs)[label].log()
