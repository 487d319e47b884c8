"""Stochastic gradient descent with momentum, by hand."""

from __future__ import annotations

from collections.abc import Iterable

import torch


class SGD:
    """Gradient descent with momentum, after every batch.

    Parameters
    ----------
    parameters
        The tensors to move; `backward` must have filled their `grad`.
    learning_rate, momentum
        Numbers, or tensors that fit the parameters, such as one value for
        each of many networks side by side.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        learning_rate: float | torch.Tensor,
        momentum: float | torch.Tensor = 0.0,
    ) -> None:
        rate, keep = torch.as_tensor(learning_rate), torch.as_tensor(momentum)
        if not bool((rate > 0).all()):
            raise ValueError(
                f"learning_rate must be positive, got {rate.min().item():g}"
            )
        if not bool(((keep >= 0) & (keep < 1)).all()):
            raise ValueError(f"momentum must lie in [0, 1), got {momentum!r}")
        self.parameters = list(parameters)
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocities = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter along its velocity."""
        for w, v in zip(self.parameters, self.velocities, strict=True):
            v.mul_(self.momentum).add_(w.grad)  # v <- mu v + g
            w.sub_(self.learning_rate * v)  # w <- w - eta v

    def zero_grad(self) -> None:
        """Forget the gradients, which `backward` would otherwise add to."""
        for w in self.parameters:
            w.grad = None
