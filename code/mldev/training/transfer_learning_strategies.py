"""What is reused, and how: a strategy is where the weights come from and one proportion of the rate per layer."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from mldev.training.transfer_learning_glyphs import (
    Task,
    network,
    pretrained,
    with_new_head,
)
from mldev.training.transfer_learning_loop import accuracy, fine_tune
from mldev.training.transfer_learning_series import paired
from mldev.training.transfer_learning_text import (
    pretrained_reader,
    reader,
    vocabulary,
)

NUM_STEPS = 40


@dataclass(frozen=True)
class Strategy:
    """Where to start and which layers may move.

    Attributes
    ----------
    start : {"scratch", "letters", "shifted", "mirrored", "docstrings"}
        The weights to begin with: random ones, or those of a pre-training.
    shares : tuple of float
        For each layer, its share of the learning rate; 0 freezes it.
    num_steps : int
        Steps of descent.
    """

    start: str
    shares: tuple[float, ...]
    num_steps: int = NUM_STEPS


LETTERS = {
    "scratch": Strategy("scratch", (1, 1, 1, 1)),
    "frozen": Strategy("letters", (0, 0, 0, 1)),
    "partly frozen": Strategy("letters", (0, 0, 1, 1)),
    "first frozen": Strategy("letters", (0, 1, 1, 1)),
    "full": Strategy("letters", (1, 1, 1, 1)),
    "full, graded rates": Strategy("letters", (1 / 27, 1 / 9, 1 / 3, 1)),
    "full, four times the steps": Strategy("letters", (1, 1, 1, 1), 4 * NUM_STEPS),
    "scratch, four times the steps": Strategy("scratch", (1, 1, 1, 1), 4 * NUM_STEPS),
}
FOUR = ("scratch", "frozen", "partly frozen", "full")
SYLLABLES = {
    "scratch": LETTERS["scratch"],
    "shifted, frozen": Strategy("shifted", (0, 0, 0, 1)),
    "mirrored, frozen": Strategy("mirrored", (0, 0, 0, 1)),
    "mirrored, full": Strategy("mirrored", (1, 1, 1, 1)),
}
DOCSTRINGS = {
    "scratch": Strategy("scratch", (1, 1, 1)),
    "frozen": Strategy("docstrings", (0, 0, 1)),
    "partly frozen": Strategy("docstrings", (0, 1, 1)),
    "full": Strategy("docstrings", (1, 1, 1)),
}


def beginning(strategy: Strategy, task: Task, seed: int) -> nn.Sequential:
    """The network before its first step on the task."""
    num_classes = len(task.names)
    if strategy.start == "scratch":
        build = network if task.inputs.is_floating_point() else reader
        return build(num_classes, seed)
    if strategy.start == "docstrings":
        return with_new_head(pretrained_reader(seed), num_classes, seed)
    if strategy.start == "letters":
        return with_new_head(pretrained(seed), num_classes, seed)
    return with_new_head(paired(seed, strategy.start), num_classes, seed)


def transfer(
    strategy: Strategy, task: Task, rate: float, seed: int
) -> tuple[nn.Sequential, nn.Sequential]:
    """The network before and after it has learned the task."""
    before = beginning(strategy, task, seed)
    after = copy.deepcopy(before)
    rates = [rate * share for share in strategy.shares]
    fine_tune(after, rates, task.inputs, task.labels, strategy.num_steps, seed)
    return before, after


def moved(before: nn.Sequential, after: nn.Sequential) -> list[float]:
    """For each layer but the head, how far its weights went, as a share of their length at the start."""
    return [
        float(torch.dist(new, old) / old.norm())
        for old, new in (
            (flat(first), flat(second))
            for first, second in zip(before[:-1], after[:-1], strict=True)
        )
    ]


def flat(layer: nn.Module) -> torch.Tensor:
    """The weights of a layer that multiply (not what is added, nor a normalisation's scale), as one vector."""
    return torch.cat([w.detach().flatten() for w in layer.parameters() if w.dim() > 1])


def set_back(before: nn.Sequential, after: nn.Sequential, task: Task) -> list[float]:
    """For each layer but the head, the test accuracy that is lost when that layer alone is as it was before."""
    full = accuracy(after, task.test_inputs, task.test_labels)
    lost = []
    for place in range(len(after) - 1):
        mixed = nn.Sequential(*after[:place], before[place], *after[place + 1 :])
        lost.append(full - accuracy(mixed, task.test_inputs, task.test_labels))
    return lost


def words_set_back(task: Task, rate: float, seed: int = 0) -> list[float]:
    """After full fine-tuning, the accuracy lost when the source's words, or all others, are as they were before."""
    before, after = transfer(DOCSTRINGS["full"], task, rate, seed)
    full = accuracy(after, task.test_inputs, task.test_labels)
    known = len(vocabulary()) + 1
    lost = []
    for rows in (slice(0, known), slice(known, None)):
        mixed = copy.deepcopy(after)
        with torch.no_grad():
            mixed[0].weight[rows] = before[0].weight[rows]
        lost.append(full - accuracy(mixed, task.test_inputs, task.test_labels))
    return lost
