"""Training runs of a small network whose learning rate is set from outside: many at once, and as an environment.

A network with one hidden layer reads digits, trained by gradient descent with momentum in a few phases. Before each
phase somebody chooses its learning rate: a schedule, or an agent. It is written in NumPy with the runs as the first
axis, since thousands of runs are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mldev import datasets

PHASES = 20
STEPS = 10  # updates in a phase
BATCH = 8
HIDDEN = 32
MOMENTUM = 0.9
FACTORS = (0.5, 1.0, 2.0)  # what an agent can do to the learning rate
FIRST_RATE = 0.01  # what it finds at the start
LOWEST, HIGHEST = 1e-4, 3.0
WORST = 10.0  # a loss above this, or none at all, is reported as this


@dataclass(frozen=True)
class Family:
    """Which training runs may come: the inputs are multiplied by a factor between 1/spread and spread."""

    name: str
    spread: float

    def scales(self, seeds: Sequence[int]) -> np.ndarray:
        """The factor of each run, even on a logarithmic scale; it depends on the run's seed alone."""
        draws = [np.random.default_rng([seed, 1]).uniform(-1, 1) for seed in seeds]
        return self.spread ** np.array(draws)


SAME = Family("one kind", 1.0)
MIXED = Family("many kinds", 10.0)
FAMILIES = {family.name: family for family in (SAME, MIXED)}


@cache
def digits(split: int) -> tuple[np.ndarray, ...]:
    """Training, validation and test images with their labels: 1,000, 400 and the rest."""
    loaded = datasets.load("digits")
    images = loaded.images.reshape(len(loaded.images), -1).astype(np.float32)
    images = images - images.mean()
    labels = np.asarray(loaded.labels)
    order = np.random.default_rng([split, 2]).permutation(len(labels))
    parts = np.split(order, [1000, 1400])
    return tuple(a for part in parts for a in (images[part], labels[part]))


class Trainings:
    """So many training runs in step, one for each seed: (R, ...) in every array.

    A seed decides the start, the batches and the scale of the inputs; `split` decides the data. With `adam`, the
    updates are Adam's instead of momentum's.
    """

    def __init__(
        self, seeds: Sequence[int], family: Family, split: int = 0, adam: bool = False
    ) -> None:
        parts = digits(split)
        scales = family.scales(seeds).astype(np.float32)[:, None, None]
        self.scales = scales
        self.images, self.labels, self.valid, self.valid_labels = parts[:4]
        self.test, self.test_labels = parts[4:]
        rngs = [np.random.default_rng([seed, 0]) for seed in seeds]
        draw = [rng.integers(0, 1000, (PHASES * STEPS, BATCH)) for rng in rngs]
        self.batches = np.stack(draw)  # (R, updates, batch)
        sizes = (self.images.shape[1], HIDDEN, 10)
        self.weights = [
            w
            for n, m in zip(sizes[:-1], sizes[1:], strict=True)
            for w in (
                np.stack([rng.normal(0, n**-0.5, (n, m)) for rng in rngs]),
                np.zeros((len(rngs), 1, m)),
            )
        ]
        self.weights = [w.astype(np.float32) for w in self.weights]
        self.speeds = [np.zeros_like(w) for w in self.weights]
        self.squares = [np.zeros_like(w) for w in self.weights]
        self.phase, self.adam, self.updates = 0, adam, 0

    def __len__(self) -> int:
        return len(self.batches)

    def train(self, rates: np.ndarray) -> None:
        """One phase, each run with its own learning rate: (R,)."""
        if self.phase == PHASES:
            raise RuntimeError(f"these runs are over after {PHASES} phases")
        rates = np.asarray(rates, np.float32)[:, None, None]
        first = self.phase * STEPS
        with np.errstate(all="ignore"):  # a run that diverges is a result, not an error
            for picked in self.batches[:, first : first + STEPS].swapaxes(0, 1):
                gradients = self._gradients(
                    self.images[picked] * self.scales, self.labels[picked]
                )
                self._update(gradients, rates)
        self.phase += 1

    def _update(self, gradients: tuple[np.ndarray, ...], rates: np.ndarray) -> None:
        self.updates += 1
        parts = zip(self.weights, self.speeds, self.squares, gradients, strict=True)
        for w, v, s, g in parts:
            if self.adam:
                v += 0.1 * (g - v)
                s += 0.001 * (g * g - s)
                mean = v / (1 - 0.9**self.updates)
                w -= rates * mean / (np.sqrt(s / (1 - 0.999**self.updates)) + 1e-8)
            else:
                v *= MOMENTUM
                v -= rates * g
                w += v

    def _gradients(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of the mean cross-entropy, by hand: x (R, B, D), y (R, B)."""
        w1, b1, w2, b2 = self.weights
        hidden = np.maximum(x @ w1 + b1, 0)  # (R, B, H)
        error = _probabilities(hidden @ w2 + b2)  # (R, B, 10)
        np.put_along_axis(
            error,
            y[..., None],
            np.take_along_axis(error, y[..., None], 2) - 1,
            2,
        )
        error /= y.shape[1]
        back = (error @ w2.swapaxes(1, 2)) * (hidden > 0)
        return (
            x.swapaxes(1, 2) @ back,
            back.sum(1, keepdims=True),
            hidden.swapaxes(1, 2) @ error,
            error.sum(1, keepdims=True),
        )

    def losses(self, part: str = "valid") -> np.ndarray:
        """The mean cross-entropy of each run on validation or test images: (R,)."""
        images, labels = {
            "valid": (self.valid, self.valid_labels),
            "test": (self.test, self.test_labels),
        }[part]
        w1, b1, w2, b2 = self.weights
        with np.errstate(all="ignore"):
            hidden = np.maximum(images @ (self.scales * w1) + b1, 0)  # (R, N, H)
            right = _probabilities(hidden @ w2 + b2)[:, np.arange(len(labels)), labels]
            found = -np.log(np.maximum(right, np.exp(-2 * WORST))).mean(axis=1)
        return np.where(np.isfinite(found), np.minimum(found, WORST), WORST)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def observe(
    phase: int, rates: np.ndarray, before: np.ndarray, now: np.ndarray
) -> np.ndarray:
    """What an agent sees of each run: the time, its last rate, the loss, and how the loss changed. (R, 4)."""
    time = np.full(len(now), 2 * phase / PHASES - 1)
    change = np.log(now / before)
    seen = np.stack([time, np.log10(rates) / 2 + 0.5, np.log(now), change], axis=1)
    return np.clip(seen, -5, 5).astype(np.float32)


def moved(rates: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """The learning rates after the agent's actions, kept between the lowest and the highest."""
    return np.clip(rates * np.array(FACTORS)[actions], LOWEST, HIGHEST)


class LearningRateEnv(gym.Env):
    """One training run as an environment: before each phase an agent halves, keeps or doubles the learning rate.

    The reward is the fall of the logarithm of the validation loss. Its undiscounted sum is the fall over the whole
    run, so an agent that maximises it minimises the final loss.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, family: Family = SAME, split: int = 0) -> None:
        self.family, self.split = family, split
        self.observation_space = spaces.Box(-5, 5, (4,), np.float32)
        self.action_space = spaces.Discrete(len(FACTORS))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a new run, with a start, batches and a scale of its own."""
        super().reset(seed=seed)
        run_seed = int(self.np_random.integers(2**31))
        self.run = Trainings([run_seed], self.family, self.split)
        self.loss = self.run.losses()
        self.rate = np.array([FIRST_RATE])
        return observe(0, self.rate, self.loss, self.loss)[0], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Train one phase. A run that has had all its phases has ended by itself: `terminated`."""
        if not self.action_space.contains(action):
            raise ValueError(
                f"action: {action!r}; a number from 0 to {len(FACTORS) - 1}"
            )
        self.rate, before = moved(self.rate, np.array([action])), self.loss
        self.run.train(self.rate)
        self.loss = self.run.losses()
        seen = observe(self.run.phase, self.rate, before, self.loss)[0]
        reward = float(np.log(before / self.loss)[0])
        return seen, reward, self.run.phase == PHASES, False, {}
