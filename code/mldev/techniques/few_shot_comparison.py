"""One comparison for all: the same training budget, the same episodes of scripts never seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from torch import nn

from mldev.techniques.few_shot_baselines import (
    linear_probe,
    nearest_neighbour,
    nearest_prototype,
    pixels,
    train_classifier,
    unit,
)
from mldev.techniques.few_shot_episodes import (
    Characters,
    Episodes,
    characters,
    draw_episodes,
)
from mldev.techniques.few_shot_maml import predict_adapted, train_maml
from mldev.techniques.few_shot_network import embed, encoder
from mldev.techniques.few_shot_prototypes import train_prototypes

NUM_EPISODES = 600
DRAWINGS = 35  # of each unseen character: up to 20 examples and 15 queries
EPISODE_SEED = 2024
SCRATCH_STEPS, SCRATCH_RATE = 10, 0.05


@dataclass(frozen=True)
class Setting:
    """How hard an episode is."""

    ways: int
    shots: int
    within_script: bool = False

    @property
    def name(self) -> str:
        """Such as "5-way 1-shot"."""
        inside = ", one script" if self.within_script else ""
        return f"{self.ways}-way {self.shots}-shot{inside}"

    @property
    def queries(self) -> int:
        """Query drawings of each class."""
        return 15 if self.ways == 5 else 5


SETTINGS = (Setting(5, 1), Setting(5, 5), Setting(20, 1))
HARD = Setting(20, 1, within_script=True)


@lru_cache(maxsize=1)
def background() -> Characters:
    """The characters to learn from."""
    return characters("background")


@lru_cache(maxsize=1)
def unseen() -> Characters:
    """The characters of the held-out scripts."""
    return characters("evaluation", DRAWINGS)


@lru_cache(maxsize=8)
def questions(setting: Setting, num_episodes: int = NUM_EPISODES) -> Episodes:
    """The episodes on which every method is judged; fewer are the first of more."""
    drawn = draw_episodes(
        unseen(),
        NUM_EPISODES,
        setting.ways,
        setting.shots,
        setting.queries,
        EPISODE_SEED,
        setting.within_script,
    )
    return drawn[:num_episodes]


TRAINERS: dict[str, Callable[[Characters, int], nn.Module]] = {
    "untrained": lambda pool, seed: encoder(seed),
    "classifier": train_classifier,
    "prototypes": train_prototypes,
    "MAML": train_maml,
    "first-order MAML": lambda pool, seed: train_maml(pool, seed, order=1),
}


@lru_cache(maxsize=6)
def trained(trainer: str, seed: int, /) -> nn.Module:
    """The encoder after one training on the background scripts."""
    return TRAINERS[trainer](background(), seed)


@lru_cache(maxsize=6)
def features(trainer: str, seed: int, /) -> np.ndarray:
    """The features of all unseen drawings: (classes, drawings, 512)."""
    return embed(trained(trainer, seed), unseen().images)


Answer = Callable[[int, Episodes], np.ndarray]
METHODS: dict[str, Answer] = {
    "pixels, nearest neighbour": lambda seed, asked: nearest_neighbour(
        unit(pixels(unseen().images)), asked
    ),
    "from scratch": lambda seed, asked: predict_adapted(
        trained("untrained", seed),
        unseen().images,
        asked,
        SCRATCH_STEPS,
        SCRATCH_RATE,
    ),
    "classifier, linear probe": lambda seed, asked: linear_probe(
        features("classifier", seed), asked
    ),
    "classifier, nearest mean": lambda seed, asked: nearest_prototype(
        unit(features("classifier", seed)), asked
    ),
    "prototypical network": lambda seed, asked: nearest_prototype(
        features("prototypes", seed), asked
    ),
    "MAML": lambda seed, asked: predict_adapted(
        trained("MAML", seed), unseen().images, asked
    ),
    "first-order MAML": lambda seed, asked: predict_adapted(
        trained("first-order MAML", seed), unseen().images, asked
    ),
}
