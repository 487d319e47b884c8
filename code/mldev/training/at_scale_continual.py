"""Learning one task after another: the forgetting, and two remedies by hand, replay and elastic weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mldev.training.at_scale_data import NUM_LETTERS, NUM_TASKS, SIDE, Tasks
from mldev.training.at_scale_network import (
    NEVER,
    Weights,
    gradients,
    initial_weights,
    scores,
)

HIDDEN = 100
STEPS = 150  # per task
BATCH = 32
MEMORY = 100  # images that replay may keep, of all tasks together
CLASSES = NUM_TASKS * NUM_LETTERS
OWN = (
    torch.arange(CLASSES) // NUM_LETTERS
    == torch.arange(CLASSES)[:, None] // NUM_LETTERS
)


@dataclass
class Reservoir:
    """A memory that keeps every image of a stream with the same chance, however long the stream becomes."""

    capacity: int
    generator: torch.Generator
    items: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    seen: int = 0

    def add(self, X: Tensor, y: Tensor) -> None:
        """Offer images, one after another; the n-th of all gets in with probability capacity / n."""
        for image, label in zip(X, y, strict=True):
            self.seen += 1
            if len(self.items) < self.capacity:
                self.items.append((image, label))
                continue
            place = int(torch.randint(self.seen, (1,), generator=self.generator))
            if place < self.capacity:
                self.items[place] = (image, label)

    def draw(self, size: int) -> tuple[Tensor, Tensor]:
        """Images for a batch, with replacement."""
        places = torch.randint(len(self.items), (size,), generator=self.generator)
        images, labels = zip(*(self.items[int(i)] for i in places), strict=True)
        return torch.stack(images), torch.stack(labels)


def fisher(weights: Weights, X: Tensor, allowed: Tensor) -> Weights:
    """How sharply the answers depend on each weight: the diagonal of the Fisher information, (same shapes).

    For each image and each answer that the network may give, the squared derivative of the answer's log-probability,
    weighted by that probability. A linear layer's derivative for one image is an outer product of what flows back
    and what came in, so the mean of squares is one matrix product of squares.
    """
    hidden = torch.relu(X @ weights["0.weight"].mT + weights["0.bias"])  # (n, H)
    logits = hidden @ weights["2.weight"].mT + weights["2.bias"]  # (n, C)
    chances = torch.softmax(logits.masked_fill(~allowed, NEVER), dim=1)
    found = {name: torch.zeros_like(w) for name, w in weights.items()}
    for answer in allowed.nonzero().flatten():
        back = -chances.clone()  # (n, C): the derivative by the scores
        back[:, answer] += 1
        back_hidden = (back @ weights["2.weight"]) * (hidden > 0)  # (n, H)
        chance = chances[:, answer, None] / len(X)
        found["2.weight"] += (chance * back**2).mT @ hidden**2
        found["2.bias"] += (chance * back**2).sum(dim=0)
        found["0.weight"] += (chance * back_hidden**2).mT @ X**2
        found["0.bias"] += (chance * back_hidden**2).sum(dim=0)
    return found


class Elastic:
    """Springs that pull every weight towards where earlier tasks left it, each as stiff as those tasks need it.

    All springs of one weight act like a single one, so two sums are all that has to be kept.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.stiffness: Weights = {}  # the sum of the tasks' stiffnesses ...
        self.moment: Weights = {}  # ... and of stiffness x anchor

    def hold(self, weights: Weights, stiffness: Weights) -> None:
        """Fasten one more spring to every weight."""
        for name, w in weights.items():
            self.stiffness[name] = self.stiffness.get(name, 0) + stiffness[name]
            self.moment[name] = self.moment.get(name, 0) + stiffness[name] * w

    def step(self, weights: Weights, slope: Weights, learning_rate: float) -> Weights:
        """A step down the loss and the penalty, the penalty's slope being taken at the end of the step.

        Taken at its beginning, as usual, the step overshoots where learning_rate x strength x stiffness is above 2.
        """
        free = {name: w - learning_rate * slope[name] for name, w in weights.items()}
        if not self.stiffness:
            return free
        reach = learning_rate * self.strength
        return {
            name: (w + reach * self.moment[name]) / (1 + reach * self.stiffness[name])
            for name, w in free.items()
        }


@dataclass(frozen=True)
class Course:
    """How the tasks are learned.

    `method` is "nothing", "replay", "elastic" or "joint". With `told`, the network is told which script a letter is
    from, in training and in tests, and answers among its letters only.
    """

    method: str
    told: bool
    learning_rate: float
    strength: float = 0.0
    steps: int = STEPS
    batch: int = BATCH
    memory: int = MEMORY

    def __post_init__(self) -> None:
        if self.method not in ("nothing", "replay", "elastic", "joint"):
            raise ValueError(
                f"method: {self.method!r}; allowed: nothing, replay, elastic, joint"
            )


def letters_of(labels: Tensor, told: bool) -> Tensor:
    """Which answers are allowed for each image: (images, classes)."""
    return OWN[labels] if told else torch.ones_like(OWN[labels])


def learn(
    tasks: Tasks, course: Course, seed: int, after: Callable[[int, Weights], None]
) -> None:
    """Learn the tasks in their order, equally many steps of equally many images each; `after(task, weights)`."""
    generator = torch.Generator().manual_seed(seed)
    weights = initial_weights(seed, SIDE * SIDE, HIDDEN, NUM_TASKS * NUM_LETTERS)
    memory = Reservoir(course.memory, generator)
    springs = Elastic(course.strength)
    for task in range(NUM_TASKS):
        pool = tasks.X_train[task], tasks.y_train[task]
        if course.method == "joint":  # all images so far
            pool = (
                tasks.X_train[: task + 1].flatten(0, 1),
                tasks.y_train[: task + 1].flatten(),
            )
        old = course.batch // 2 if course.method == "replay" and task else 0
        for _ in range(course.steps):
            rows = torch.randint(
                len(pool[1]), (course.batch - old,), generator=generator
            )
            X, y = pool[0][rows], pool[1][rows]
            if old:
                X_old, y_old = memory.draw(old)
                X, y = torch.cat([X, X_old]), torch.cat([y, y_old])
            slope = gradients(weights, X, y, letters_of(y, course.told))
            weights = springs.step(weights, slope, course.learning_rate)
        if course.method == "replay":
            order = torch.randperm(len(pool[1]), generator=generator)
            memory.add(pool[0][order], pool[1][order])
        if course.method == "elastic":
            allowed = letters_of(pool[1][0], course.told)
            springs.hold(weights, fisher(weights, pool[0], allowed))
        after(task, weights)


def accuracies(weights: Weights, X: Tensor, y: Tensor, told: bool) -> list[float]:
    """The share of right answers on each task: X (tasks, images, pixels)."""
    with torch.no_grad():
        found = scores(weights, X).masked_fill(~letters_of(y, told), NEVER)
    return (found.argmax(dim=-1) == y).double().mean(dim=1).tolist()
