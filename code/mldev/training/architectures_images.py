"""Characters of four scripts, and the networks that read them: a convolutional one and its rival without convolutions.

Chapter *Architectures*. Each seed draws its own images, those of the training and those of the test, so an interval
over seeds is one over new data too. The two networks make equally many multiplications per image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from mldev import datasets
from mldev.training.architectures_convolution import multiply_adds
from mldev.training.architectures_training import (
    accuracy,
    descend,
    outputs,
    width_for,
)

SCRIPTS = ("Greek", "Cyrillic", "Armenian", "Georgian")
NUM_CHARACTERS, SIZE = 100, 16
TRAIN, VALID, TEST = 8, 4, 8  # drawings of each character
NUM_STEPS = 250
LEARNING_RATES = (0.003, 0.01, 0.03)
MORE_RATES = {("convolutional", "shuffled"): (0.001,)}  # its best was the lowest


@dataclass(frozen=True)
class Drawings:
    """Images (N, 1, 16, 16) with the number of their character and of its script."""

    images: Tensor
    characters: Tensor
    scripts: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Draw:
    """What one seed draws: three sets of drawings of the same characters, and the script of each character."""

    train: Drawings
    valid: Drawings
    test: Drawings
    script_of: Tensor  # (100,)
    names: tuple[str, ...]


@lru_cache(maxsize=2)
def draw(seed: int) -> Draw:
    """New drawings of the same characters."""
    total = TRAIN + VALID + TEST
    found = datasets.load(
        "glyphs", samples=total, size=SIZE, scripts=SCRIPTS, seed=seed
    )
    # every seed has the same characters: an even choice of all those of the scripts
    classes = torch.linspace(0, len(found.label_names) - 1, NUM_CHARACTERS).long()
    images = torch.from_numpy(found.images).view(-1, total, 1, SIZE, SIZE)[classes]
    script_of = torch.tensor([SCRIPTS.index(found.groups[c]) for c in classes])
    parts, start = [], 0
    for size in (TRAIN, VALID, TEST):
        part = images[:, start : start + size].flatten(0, 1)
        labels = torch.arange(NUM_CHARACTERS).repeat_interleave(size)
        parts.append(Drawings(part, labels, script_of[labels]))
        start += size
    names = tuple(found.label_names[c] for c in classes)
    return Draw(*parts, script_of=script_of, names=names)


def trunk() -> nn.Sequential:
    """Two convolutions, each pooled: an image becomes 384 features."""
    return nn.Sequential(  # (B, 1, 16, 16)
        nn.Conv2d(1, 12, 5, padding=2),
        nn.BatchNorm2d(12),
        nn.ReLU(),  # (B, 12, 16, 16)
        nn.MaxPool2d(2),  # (B, 12, 8, 8)
        nn.Conv2d(12, 24, 3, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),  # (B, 24, 8, 8)
        nn.MaxPool2d(2),  # (B, 24, 4, 4)
        nn.Flatten(),  # (B, 384)
    )


FEATURES = 384


def convolutional() -> nn.Sequential:
    """The convolutional network."""
    return nn.Sequential(trunk(), nn.Linear(FEATURES, NUM_CHARACTERS))


def dense(width: int | None = None) -> nn.Sequential:
    """The rival: every pixel is connected to every hidden unit; as wide as makes its cost the same."""
    width = dense_width() if width is None else width
    return nn.Sequential(
        nn.Flatten(),  # (B, 256)
        nn.Linear(SIZE * SIZE, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, NUM_CHARACTERS),
    )


def cost(model: nn.Module) -> int:
    """Multiplications for one image."""
    with torch.no_grad():
        return multiply_adds(model.eval(), torch.zeros(1, 1, SIZE, SIZE))


def dense_width() -> int:
    """The width of two hidden layers that makes the rival cost what the convolutional network costs."""
    return width_for(
        cost(convolutional()), lambda w: (SIZE * SIZE + w + NUM_CHARACTERS) * w
    )


NETWORKS = {"convolutional": convolutional, "dense": dense}


def shuffled(images: Tensor) -> Tensor:
    """Every image with its pixels in another order, the same order for all."""
    order = torch.randperm(SIZE * SIZE, generator=torch.Generator().manual_seed(0))
    return images.flatten(1)[:, order].view_as(images)


PIXELS = {"in place": lambda images: images, "shuffled": shuffled}


def build(network: str, seed: int) -> nn.Module:
    """A network with the start weights of a seed."""
    if network not in NETWORKS:
        raise ValueError(
            f"network: expected one of {', '.join(NETWORKS)}, got {network!r}"
        )
    torch.manual_seed(seed)
    return NETWORKS[network]()


def train_on(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    seed: int,
    learning_rate: float,
    num_steps: int = NUM_STEPS,
) -> nn.Module:
    """Train a network to name the character of an image."""
    loss = nn.functional.cross_entropy
    return descend(
        model,
        lambda rows: loss(model(images[rows]), labels[rows]),
        len(images),
        num_steps=num_steps,
        learning_rate=learning_rate,
        seed=seed,
    )


def image_row(row: dict) -> dict:
    """One training of one network: the shares of validation and of test drawings that it names."""
    torch.set_num_threads(1)
    data, arrange = draw(row["seed"]), PIXELS[row["pixels"]]
    model = build(row["network"], row["seed"])
    rate = row["learning_rate"]
    train_on(
        model, arrange(data.train.images), data.train.characters, row["seed"], rate
    )
    return {
        name: round(accuracy(outputs(model, arrange(part.images)), part.characters), 6)
        for name, part in (("valid", data.valid), ("test", data.test))
    }
