"""The chapter's studies: learning rates chosen on one side, strategies judged on the other.

Every strategy may try the same number of rates, for every number of labels, on tasks that no judgement uses. The
rate that was best there is the one that it is judged with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from mldev.studies import Study, StudyDisagrees
from mldev.training import transfer_learning_glyphs as letters
from mldev.training import transfer_learning_series as series
from mldev.training import transfer_learning_text as text
from mldev.training.transfer_learning_loop import accuracy, run
from mldev.training.transfer_learning_strategies import (
    DOCSTRINGS,
    LETTERS,
    SYLLABLES,
    Strategy,
    moved,
    set_back,
    transfer,
)

CHAPTER = "training/transfer-learning"
NUM_SEEDS = 5
RATES = {
    "letters": (0.003, 0.01, 0.03, 0.1, 0.3),
    "syllables": (0.01, 0.03, 0.1, 0.3, 1.0),
    "docstrings": (0.01, 0.03, 0.1, 0.3, 1.0),
}
HEAD_STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of a head that is trained to the end
STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of the word counts' regression
WORD_COUNTS = "word counts"
TARGETS = {"letters": LETTERS, "syllables": SYLLABLES, "docstrings": DOCSTRINGS}
LABELS = {
    "letters": (1, 3, 8, 20),
    "syllables": (3, 8, 20),
    "docstrings": (1, 3, 8, 20),
}
# the two strategies beside the main comparison are asked less
FEWER_LABELS = {
    "full, graded rates": (3, 20),
    "full, four times the steps": (3, 20),
}
TOLERANCE = 0.03  # of an accuracy: another processor trains a little apart


def labels_of(target: str, strategy: str) -> tuple[int, ...]:
    """The numbers of labels per class for which a strategy is measured."""
    return FEWER_LABELS.get(strategy, LABELS[target])


def names_of(target: str) -> list[str]:
    """The strategies of a target, and for texts the rival that counts words."""
    return [*TARGETS[target], *([WORD_COUNTS] if target == "docstrings" else [])]


def questions_of(target: str) -> list[dict]:
    """What is asked of a target: the syllables' two questions, and of the others only their classes."""
    if target != "syllables":
        return [{}]
    return [{"question": question} for question in series.QUESTIONS]


def rate_grid(target: str) -> list[dict]:
    """Every strategy with every number of labels and every rate (for word counts, every strength)."""
    return [
        {**question, "strategy": name, "labels": labels, "rate": rate}
        for question in questions_of(target)
        for name in names_of(target)
        for labels in labels_of(target, name)
        for rate in (STRENGTHS if name == WORD_COUNTS else RATES[target])
    ]


def judge_grid(target: str) -> list[dict]:
    """Every seed, strategy and number of labels."""
    return [
        {"seed": seed, **question, "strategy": name, "labels": labels}
        for seed in range(NUM_SEEDS)
        for question in questions_of(target)
        for name in names_of(target)
        for labels in labels_of(target, name)
    ]


def letters_rate_row(row: dict) -> dict:
    """Accuracy with one rate on the scripts for choosing; like all such rows, with the pre-training of seed 0."""
    names = letters.CHOOSING
    tasks = [letters.letters_task(name, row["labels"], 0) for name in names]
    return rounded(
        ["accuracy"], [mean_accuracy(LETTERS[row["strategy"]], tasks, row["rate"])]
    )


def syllables_rate_row(row: dict) -> dict:
    """Accuracy with one rate on the consonants for choosing."""
    tasks = series.tasks_of(row["question"], True, row["labels"], 0)
    strategy = SYLLABLES[row["strategy"]]
    return rounded(["accuracy"], [mean_accuracy(strategy, tasks, row["rate"])])


def docstrings_rate_row(row: dict) -> dict:
    """Accuracy with one rate (for word counts, one strength) on the library for choosing, two draws of its texts."""
    name, labels, rate = text.CHOOSING[0], row["labels"], row["rate"]
    if row["strategy"] == WORD_COUNTS:
        found = [text.word_counts(name, labels, draw, rate) for draw in (0, 1)]
        return rounded(["accuracy"], [np.mean(found)])
    tasks = [text.module_task(name, labels, draw) for draw in (0, 1)]
    return rounded(
        ["accuracy"], [mean_accuracy(DOCSTRINGS[row["strategy"]], tasks, rate)]
    )


def mean_accuracy(
    strategy: Strategy, tasks: list[letters.Task], rate: float, seed: int = 0
) -> float:
    """Test accuracy after the transfer, over some tasks."""
    learned = [transfer(strategy, task, rate, seed)[1] for task in tasks]
    return float(
        np.mean(
            [
                accuracy(model, task.test_inputs, task.test_labels)
                for model, task in zip(learned, tasks, strict=True)
            ]
        )
    )


def chosen_rate(
    target: str, strategy: str, labels: int, question: str | None = None
) -> float:
    """The rate with the highest accuracy on the tasks for choosing (of equals, the smallest)."""
    rows = STUDIES[f"{target}-rates"].rows()
    mine = rows[(rows["strategy"] == strategy) & (rows["labels"] == labels)]
    if question is not None:
        mine = mine[mine["question"] == question]
    return float(mine.loc[mine["accuracy"].idxmax(), "rate"])


def letters_row(row: dict) -> dict:
    """One seed: its own pre-training and script. How far layers move, and what is lost when one is set back."""
    strategy, seed = LETTERS[row["strategy"]], row["seed"]
    rate = chosen_rate("letters", row["strategy"], row["labels"])
    script = letters.JUDGING[seed % len(letters.JUDGING)]
    task = letters.letters_task(script, row["labels"], seed)
    before, after = transfer(strategy, task, rate, seed)
    right = accuracy(after, task.test_inputs, task.test_labels)
    found = [right, *moved(before, after), *set_back(before, after, task)]
    names = [f"{what} {n}" for what in ("moved", "lost") for n in letters.LAYERS[:-1]]
    return {"rate": rate} | rounded(["accuracy", *names], found)


def syllables_row(row: dict) -> dict:
    """One seed: its own pre-training and drawings. How alike mirror images are to the network, before and after."""
    strategy, seed = SYLLABLES[row["strategy"]], row["seed"]
    rate = chosen_rate("syllables", row["strategy"], row["labels"], row["question"])
    found = []
    for task in series.tasks_of(row["question"], False, row["labels"], seed):
        before, after = transfer(strategy, task, rate, seed)
        right = accuracy(after, task.test_inputs, task.test_labels)
        alike = [series.likeness(m[:-1], task.test_inputs) for m in (before, after)]
        found.append([right, *alike])
    names = ["accuracy", "alike before", "alike after"]
    return {"rate": rate} | rounded(names, np.mean(found, axis=0))


def head_row(row: dict) -> dict:
    """One seed: a head trained to the end on frozen features, twenty labels, the best of its strengths in hindsight."""
    features = series.paired(row["seed"], row["change"])[:-1]
    found = []
    for question in series.QUESTIONS:
        tasks = series.tasks_of(question, False, 20, row["seed"])
        found.append(np.mean([trained_to_the_end(features, task) for task in tasks]))
    return rounded(series.QUESTIONS, found)


def trained_to_the_end(features: torch.nn.Module, task: letters.Task) -> float:
    """The best test accuracy of converged linear heads, chosen in hindsight, which favours them."""
    X_train, X_test = (
        run(features, inputs).flatten(1).numpy()
        for inputs in (task.inputs, task.test_inputs)
    )
    heads = [
        LogisticRegression(C=strength, max_iter=5000).fit(X_train, task.labels)
        for strength in HEAD_STRENGTHS
    ]
    return max(head.score(X_test, task.test_labels) for head in heads)


def docstrings_row(row: dict) -> dict:
    """One seed: its own pre-training, and a draw of texts from each library."""
    labels, seed = row["labels"], row["seed"]
    rate = chosen_rate("docstrings", row["strategy"], labels)
    if row["strategy"] == WORD_COUNTS:
        found = [text.word_counts(name, labels, seed, rate) for name in text.JUDGING]
    else:
        strategy = DOCSTRINGS[row["strategy"]]
        tasks = [text.module_task(name, labels, seed) for name in text.JUDGING]
        found = [mean_accuracy(strategy, [task], rate, seed) for task in tasks]
    names = ["accuracy", *text.JUDGING]
    return {"rate": rate} | rounded(names, [np.mean(found), *found])


def rounded(names: Iterable[str], values: Iterable[float]) -> dict:
    """A row's results, short enough to read."""
    return {n: round(float(v), 5) for n, v in zip(names, values, strict=True)}


RATE_ROWS = {
    "letters": letters_rate_row,
    "syllables": syllables_rate_row,
    "docstrings": docstrings_rate_row,
}
JUDGES = {
    "letters": letters_row,
    "syllables": syllables_row,
    "docstrings": docstrings_row,
}
STUDIES = {
    f"{target}-rates": Study(
        f"{CHAPTER}-{target}-rates",
        RATE_ROWS[target],
        rate_grid(target),
        tolerance=TOLERANCE,
    )
    for target in TARGETS
} | {
    target: Study(
        f"{CHAPTER}-{target}",
        JUDGES[target],
        judge_grid(target),
        tolerance=TOLERANCE,
    )
    for target in TARGETS
}
STUDIES["syllables-heads"] = Study(
    f"{CHAPTER}-syllables-heads",
    head_row,
    [
        {"seed": seed, "change": change}
        for seed in range(NUM_SEEDS)
        for change in ("shifted", "mirrored")
    ],
    tolerance=TOLERANCE,
)


def agree(study: Study, num_rows: int, **chosen: object) -> pd.DataFrame:
    """Run a random sample of the chosen rows again, and raise `StudyDisagrees` where they differ from the kept.

    For rows whose costly part, the pre-training, the page has done anyway.
    """
    kept = study.rows()
    fits = np.all([kept[name] == value for name, value in chosen.items()], axis=0)
    if not fits.any():
        raise StudyDisagrees(f"study {study.name!r}: no row with {chosen}")
    digest = hashlib.sha256(study.path.read_bytes()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    places = np.flatnonzero(fits)
    places = np.sort(rng.choice(places, min(num_rows, len(places)), replace=False))
    apart = []
    for place in places:
        old, new = kept.iloc[place], study.run_row(dict(study.grid[place]))
        worst = max(new, key=lambda name: abs(new[name] - old[name]))
        apart.append(abs(new[worst] - old[worst]))
        if apart[-1] > study.tolerance:
            raise StudyDisagrees(
                f"study {study.name!r}: {study.grid[place]}: {worst} was {old[worst]}, is {new[worst]}"
            )
    return kept.iloc[places].assign(difference=apart)
