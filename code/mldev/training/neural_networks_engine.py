"""Automatic differentiation by hand, for single numbers: the engine of the chapter on neural networks.

Every operation returns a `Value` that knows its parents and the slope towards each of them. `backward` walks from a
result to everything that it was computed from, and multiplies and adds these slopes: the chain rule.
"""

from __future__ import annotations

import math


class Value:
    """A number that remembers what it was computed from.

    `data` is the number; `grad` is a result's derivative by it, once the result's `backward` was called.
    """

    def __init__(
        self,
        data: float,
        parents: tuple[Value, ...] = (),
        slopes: tuple[float, ...] = (),
    ) -> None:
        self.data, self.grad = float(data), 0.0
        self.parents, self.slopes = parents, slopes

    def __add__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = as_value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power: float) -> Value:
        return Value(self.data**power, (self,), (power * self.data ** (power - 1),))

    def exp(self) -> Value:
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self, negative_slope: float = 0.0) -> Value:
        """ReLU; leaky ReLU if negative numbers keep a slope."""
        slope = 1.0 if self.data > 0 else negative_slope
        return Value(slope * self.data, (self,), (slope,))

    def sigmoid(self) -> Value:
        small = math.exp(-abs(self.data))  # never overflows
        result = (1.0 if self.data >= 0 else small) / (1 + small)
        return Value(result, (self,), (result * (1 - result),))

    def __abs__(self) -> Value:
        sign = (self.data > 0) - (self.data < 0)
        return Value(abs(self.data), (self,), (float(sign),))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -as_value(other)

    def __rsub__(self, other: float) -> Value:
        return other + -self

    def __truediv__(self, other: Value | float) -> Value:
        return self * as_value(other) ** -1

    def backward(self) -> None:
        """Add to the `grad` of each number behind this one the derivative of this one by it."""
        flow = {self: 1.0}
        for value in reversed(in_order(self)):
            gradient = flow[value]
            value.grad += gradient
            for parent, slope in zip(value.parents, value.slopes, strict=True):
                flow[parent] = flow.get(parent, 0.0) + slope * gradient


def as_value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(number)


def in_order(result: Value) -> list[Value]:
    """All that a result was computed from, and itself: every parent before its children."""
    order, entered, path = [], set(), [(result, False)]
    while path:
        value, parents_done = path.pop()
        if parents_done:
            order.append(value)
        elif value not in entered:
            entered.add(value)
            path.append((value, True))
            path.extend((parent, False) for parent in value.parents)
    return order
