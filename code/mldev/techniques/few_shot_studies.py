"""The chapter's studies: several trainings of every learner, and the learners that adapt anew to each episode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from mldev.studies import Study, StudyDisagrees
from mldev.techniques.few_shot_baselines import (
    accuracies,
    nearest_prototype,
    train_classifier,
    unit,
)
from mldev.techniques.few_shot_comparison import (
    METHODS,
    NUM_EPISODES,
    SETTINGS,
    Setting,
    background,
    questions,
    trained,
    unseen,
)
from mldev.techniques.few_shot_episodes import Characters, characters, draw_episodes
from mldev.techniques.few_shot_network import BUDGET, embed
from mldev.techniques.few_shot_prototypes import train_prototypes

CHAPTER = "techniques/few-shot"
NUM_SEEDS = 5
NUM_SEED_EPISODES = 100  # the first of the 600: enough to compare trainings
BLOCK = 10  # episodes per kept row
CURVE_SHOTS = (1, 2, 5, 10, 20)
CURVE_EPISODES = 60
SHARE_TOLERANCE = 0.05  # of a block's accuracy: another processor trains a little apart


def seed_row(row: dict) -> dict:
    """One training of one method: its accuracy in each setting."""
    answer = METHODS[row["method"]]
    scores = {
        s.name: accuracies(answer(row["seed"], questions(s, NUM_SEED_EPISODES)))
        for s in SETTINGS
    }
    return {name: round(float(values.mean()), 5) for name, values in scores.items()}


def budget_row(row: dict) -> dict:
    """As `seed_row`, after a training of another length, for the nearest mean of its features."""
    train = {"prototypes": train_prototypes, "classifier": train_classifier}[
        row["method"]
    ]
    learned = embed(train(background(), row["seed"], row["budget"]), unseen().images)
    found = unit(learned) if row["method"] == "classifier" else learned
    return {
        s.name: round(
            float(
                accuracies(
                    nearest_prototype(found, questions(s, NUM_SEED_EPISODES))
                ).mean()
            ),
            5,
        )
        for s in SETTINGS
    }


def block_row(row: dict) -> dict:
    """A few episodes of a method that adapts to each: right answers per episode."""
    asked = questions(Setting(row["ways"], row["shots"]))
    first = row["block"] * BLOCK
    predicted = METHODS[row["method"]](0, asked[first : first + BLOCK])
    truth = np.arange(predicted.shape[1])[None, :, None]
    right = (predicted == truth).sum(axis=(1, 2))
    return {f"right_{i}": int(n) for i, n in enumerate(right)}


def share_row(row: dict) -> dict:
    """As `block_row`, but only the accuracy over the whole block."""
    counts = np.array(list(block_row(row).values()))
    asked = row["ways"] * Setting(row["ways"], row["shots"]).queries
    return {"right": float(counts.mean() / asked)}


@dataclass(frozen=True)
class ShareStudy(Study):
    """The kept blocks with the accuracy over each, to which `share_row` is compared."""

    def rows(self) -> pd.DataFrame:
        """The kept rows, and the column `right`."""
        kept = super().rows()
        counts = kept[[f"right_{i}" for i in range(BLOCK)]].mean(axis=1)
        asked = [
            ways * Setting(ways, shots).queries
            for ways, shots in zip(kept["ways"], kept["shots"], strict=True)
        ]
        return kept.assign(right=counts / asked)


@dataclass(frozen=True)
class BlockStudy(Study):
    """Rows of episodes that are kept one by one, and compared by the accuracy over a row.

    A single episode may turn out otherwise on another processor; the mean of ten hardly moves.
    """

    def recheck(self, num_rows: int = 3, seed: int | None = None) -> pd.DataFrame:
        """Run some rows again, and raise `StudyDisagrees` where the accuracy over one differs."""
        shares = ShareStudy(
            self.name,
            share_row,
            self.grid,
            tolerance=SHARE_TOLERANCE,
            folder=self.folder,
        )
        return shares.recheck(num_rows, seed)


def split_row(row: dict) -> dict:
    """Two trainings with equally many characters, judged on the same half of the unseen ones.

    By whole scripts, the learner has seen none of the scripts it is asked about. By a random split, it has seen
    the other half of each, in place of as many characters of the background.
    """
    seed = row["seed"]
    near = characters("evaluation", 20)
    order = np.random.default_rng(seed).permutation(len(near))
    tested, other = order[: len(near) // 2], order[len(near) // 2 :]
    kept = np.random.default_rng(seed).permutation(len(background()))[len(other) :]
    mixed = joined(background().only(kept), near.only(other))
    models = {"by script": trained("prototypes", seed)}
    models["at random"] = train_prototypes(mixed, seed)
    pool = unseen().only(tested)
    found = {}
    learned = {name: embed(model, pool.images) for name, model in models.items()}
    for setting in SETTINGS:
        asked = draw_episodes(
            pool, NUM_EPISODES, setting.ways, setting.shots, setting.queries, seed
        )
        for name, values in learned.items():
            right = accuracies(nearest_prototype(values, asked))
            found[f"{setting.name}, {name}"] = round(float(right.mean()), 5)
    return found


def joined(first: Characters, second: Characters) -> Characters:
    """The classes of both pools."""
    return Characters(
        torch.cat([first.images, second.images]),
        first.letters + second.letters,
        first.names + second.names,
        first.scripts + second.scripts,
    )


def seed_grid(*methods: str) -> list[dict]:
    """Every training of these methods."""
    seeds = range(NUM_SEEDS)
    return [{"method": m, "seed": seed} for seed in seeds for m in methods]


def block_grid(method: str) -> list[dict]:
    """All episodes of the three settings, and the first ones for other numbers of examples."""
    wanted = {(s.ways, s.shots): NUM_EPISODES for s in SETTINGS}
    wanted |= {(5, k): CURVE_EPISODES for k in CURVE_SHOTS if (5, k) not in wanted}
    return [
        {"method": method, "ways": ways, "shots": shots, "block": block}
        for (ways, shots), count in wanted.items()
        for block in range(count // BLOCK)
    ]


HEADS = ("classifier, linear probe", "classifier, nearest mean", "prototypical network")
STUDIES: dict[str, Study] = {
    "split": Study(
        f"{CHAPTER}-split",
        split_row,
        [{"seed": seed} for seed in range(NUM_SEEDS)],
        tolerance=0.03,
    ),
    "seeds": Study(f"{CHAPTER}-seeds", seed_row, seed_grid(*HEADS), tolerance=0.03),
    "budget": Study(
        f"{CHAPTER}-budget",
        budget_row,
        [
            {"method": method, "budget": 2 * BUDGET, "seed": seed}
            for seed in range(NUM_SEEDS)
            for method in ("classifier", "prototypes")
        ],
        tolerance=0.03,
    ),
    "scratch": BlockStudy(f"{CHAPTER}-scratch", block_row, block_grid("from scratch")),
    "maml": BlockStudy(f"{CHAPTER}-maml", block_row, block_grid("MAML")),
    "maml-seeds": Study(
        f"{CHAPTER}-maml-seeds",
        seed_row,
        seed_grid("MAML", "first-order MAML"),
        tolerance=0.03,
    ),
}


def agree(study: Study, **chosen: object) -> pd.DataFrame:
    """Run the chosen rows of a study again, and raise `StudyDisagrees` where they differ from the kept ones.

    For rows whose costly part, the training, the page has done anyway.
    """
    kept = study.rows()
    picked = np.all([kept[name] == value for name, value in chosen.items()], axis=0)
    faults = []
    for place in np.flatnonzero(picked):
        row, old = dict(study.grid[place]), kept.iloc[place]
        for name, value in study.run_row(row).items():
            if abs(value - old[name]) > study.tolerance:
                faults.append(f"{row}: {name} was {old[name]}, is {value}")
    if faults or not picked.any():
        raise StudyDisagrees(
            f"study {study.name!r}: " + "; ".join(faults or ["no row"])
        )
    return kept[picked]


def right_shares(rows: pd.DataFrame, ways: int, shots: int) -> np.ndarray:
    """Accuracy per episode, in order, from the kept counts."""
    chosen = rows[(rows["ways"] == ways) & (rows["shots"] == shots)]
    columns = [f"right_{i}" for i in range(BLOCK)]
    counts = chosen.sort_values("block")[columns].to_numpy().ravel()
    return counts / (ways * Setting(ways, shots).queries)
