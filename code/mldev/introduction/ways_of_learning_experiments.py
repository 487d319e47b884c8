"""The same digits learned in five ways: the runs behind the curves of the chapter on ways of learning.

Each function is one run of one experiment: a seed splits the digits as in the chapter on kinds of data, and every way
is scored on the same test images. Labels are drawn at random, and the first few of a seed are the same for all ways.
"""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from mldev.experiments import repeat
from mldev.introduction.data import stratified_split
from mldev.introduction.data_experiments import NUM_TEST, digits, nearest
from mldev.introduction.ways_of_learning import (
    LinearBandit,
    Policy,
    one_hot,
    play,
    similarity,
    spread_labels,
)
from mldev.introduction.ways_of_learning_pretext import (
    MOVES,
    NUM_TRAIN,
    SIZES,
    framed,
    moved_copies,
)

NUM_CLASSES = 10
LABEL_WAYS = (
    "1 neighbour",
    "logistic regression",
    "clusters, named",
    "label spreading",
)
CHOSEN_SIZES = (10, 20, 40, 80)
ANSWERERS = {  # told a label, or only whether its own answer was right
    "told the label": {},
    "any answer": {"epsilon": 1.0},
    "epsilon-greedy": {"epsilon": 0.1},
    "LinUCB": {"bonus": 0.3},
}


@cache
def split(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels; the order of the training images is random."""
    X, y = digits()
    X = X.astype(float)  # likeness of distant images is too small for 32 bits
    sizes = (NUM_TRAIN, NUM_TEST)
    train, test = stratified_split(y, sizes, np.random.default_rng(seed))
    return X[train], y[train], X[test], y[test]


def hidden(y: np.ndarray, size: int) -> np.ndarray:
    """The labels, all but the first few replaced by -1."""
    return np.where(np.arange(len(y)) < size, y, -1)


def accuracy(predicted: np.ndarray, y: np.ndarray) -> float:
    """The share of predictions that are right."""
    return float(np.mean(predicted == y))


def logistic_regression() -> LogisticRegression:
    """The linear model of this chapter, stopped a little earlier than by default to save time."""
    return LogisticRegression(tol=3e-3)


def name_clusters(clusters: np.ndarray, y: np.ndarray, num_clusters: int) -> np.ndarray:
    """For each cluster the most frequent label in it, where some label is known; elsewhere the most frequent of all."""
    known = y >= 0
    counts = np.zeros((num_clusters, NUM_CLASSES))
    np.add.at(counts, (clusters[known], y[known]), 1)
    names = counts.argmax(axis=1)
    names[counts.sum(axis=1) == 0] = counts.sum(axis=0).argmax()
    return names


def spread_over(
    X: np.ndarray, X_test: np.ndarray, answers: list[np.ndarray]
) -> list[np.ndarray]:
    """Scores of the test images for several sets of known answers, which spread side by side."""
    Y = np.hstack([one_hot(y, NUM_CLASSES) for y in answers])
    F = similarity(X_test, X) @ spread_labels(similarity(X, X), Y)
    return np.split(F, len(answers), axis=1)


def label_run(seed: int, sizes: tuple[int, ...] = SIZES) -> list[dict]:
    """Test accuracy of four ways that use labels, for each number of labels drawn at random."""
    X, y, X_test, y_test = split(seed)
    scores = spread_over(X, X_test, [hidden(y, size) for size in sizes])
    groups = KMeans(NUM_CLASSES, n_init=1, random_state=seed).fit(X)
    groups_test, rows = groups.predict(X_test), []
    for size, score in zip(sizes, scores, strict=True):
        given = hidden(y, size)
        linear = logistic_regression().fit(X[:size], y[:size])
        predictions = (
            y[nearest(X[:size], X_test, 1)[:, 0]],
            linear.predict(X_test),
            name_clusters(groups.labels_, given, NUM_CLASSES)[groups_test],
            score.argmax(axis=1),
        )
        for way, predicted in zip(LABEL_WAYS, predictions, strict=True):
            row = {"seed": seed, "way": way, "size": size}
            rows.append(row | {"accuracy": accuracy(predicted, y_test)})
    return rows


def label_table(num_seeds: int = 20) -> pd.DataFrame:
    """All label runs, one row for each seed, way and size."""
    return pd.DataFrame(sum(repeat(label_run, num_seeds), []))


def curve(table: pd.DataFrame, **setting: object) -> np.ndarray:
    """The accuracies of one setting: a row per seed, a column per size."""
    for column, value in setting.items():
        table = table[table[column] == value]
    if table.empty or table.duplicated(["seed", "size"]).any():
        raise ValueError(f"setting {setting}: expected one row per seed and size")
    return table.pivot(index="seed", columns="size", values="accuracy").to_numpy()


def labels_needed(
    curves: np.ndarray, sizes: tuple[int, ...], target: float
) -> np.ndarray:
    """For each run the labels at which its accuracy first reaches the target, between two sizes by a straight line
    over their logarithms; infinite where it never does."""
    needed = np.full(len(curves), np.inf)
    for run, values in enumerate(curves):
        if not (values >= target).any():
            continue
        after = int(np.argmax(values >= target))
        needed[run] = sizes[after]
        if after:
            low, high = values[after - 1 : after + 1]
            share = (target - low) / (high - low)
            needed[run] = sizes[after - 1] * (sizes[after] / sizes[after - 1]) ** share
    return needed


def chosen_run(seed: int, sizes: tuple[int, ...] = CHOSEN_SIZES) -> list[dict]:
    """As many clusters as labels; for each, the label of the image nearest to its centre is asked for."""
    X, y, X_test, y_test = split(seed)
    rows = []
    for size in sizes:
        groups = KMeans(size, n_init=1, random_state=seed).fit(X)
        asked = groups.transform(X).argmin(axis=0)
        predictions = {
            "cluster's label": y[asked][groups.predict(X_test)],
            "1 neighbour, same images": y[asked][nearest(X[asked], X_test, 1)[:, 0]],
            "1 neighbour, images at random": y[nearest(X[:size], X_test, 1)[:, 0]],
        }
        for way, predicted in predictions.items():
            row = {"seed": seed, "way": way, "size": size}
            rows.append(row | {"accuracy": accuracy(predicted, y_test)})
    return rows


def self_training_run(seed: int, size: int = 80) -> dict[str, float]:
    """Logistic regression alone, and taught on by its own confident answers."""
    X, y, X_test, y_test = split(seed)
    alone = logistic_regression().fit(X[:size], y[:size])
    model = SelfTrainingClassifier(logistic_regression()).fit(X, hidden(y, size))
    own, first = model.labeled_iter_ > 0, model.labeled_iter_ == 1
    shares = np.bincount(model.transduction_[own], minlength=NUM_CLASSES) / own.sum()
    return {
        "alone": alone.score(X_test, y_test),
        "self-trained": model.score(X_test, y_test),
        "own labels": own.sum(),
        "own labels right": accuracy(model.transduction_[own], y[own]),
        "first labels right": accuracy(model.transduction_[first], y[first]),
        "first digits": len(np.unique(model.transduction_[first])),
        "rarest digit's share": shares.min(),
    }


def more_left(X: np.ndarray) -> np.ndarray:
    """Another question about the same images: is there more ink in the left half than in the right?"""
    images = X.reshape(-1, 8, 8)
    return (images[:, :, :4].sum((1, 2)) > images[:, :, 4:].sum((1, 2))).astype(int)


def question_run(seed: int, size: int = 80) -> list[dict]:
    """What label spreading gains on one neighbour and on a linear model, for two questions about the same images."""
    X, y, X_test, y_test = split(seed)
    closest, closest_test = nearest(X, X, 2)[:, 1], nearest(X[:size], X_test, 1)[:, 0]
    answers = {"which digit": (y, y_test)}
    answers["more ink left"] = (more_left(X), more_left(X_test))
    known = [hidden(t, size) for t, _ in answers.values()]
    spread, rows = spread_over(X, X_test, known), []
    for (question, (t, t_test)), scores in zip(answers.items(), spread, strict=True):
        linear = logistic_regression().fit(X[:size], t[:size])
        row = {"seed": seed, "question": question}
        row["neighbours agree"] = accuracy(t[closest], t)
        row["label spreading"] = accuracy(scores.argmax(axis=1), t_test)
        row["1 neighbour"] = accuracy(t[closest_test], t_test)
        rows.append(row | {"logistic regression": linear.score(X_test, t_test)})
    return rows


def told_moves_run(seed: int, sizes: tuple[int, ...] = (20, 80, 320)) -> list[dict]:
    """Digits off centre: one neighbour with the labelled images as they are, and with their moved copies, which
    logistic regression gets as well."""
    X, y, X_test, y_test = split(seed)
    A = framed(
        np.concatenate([X, X_test]), "off centre", np.random.default_rng(1000 + seed)
    )
    A, A_test = A[: len(X)], A[len(X) :]
    rows = []
    for size in sizes:
        copies = moved_copies(A[:size])
        plain = nearest(A[:size], A_test, 1)[:, 0]
        found = nearest(copies, A_test, 1)[:, 0] % size
        row = {"seed": seed, "size": size, "as they are": accuracy(y[plain], y_test)}
        row["moved copies"] = accuracy(y[found], y_test)
        linear = logistic_regression().fit(copies, np.tile(y[:size], len(MOVES)))
        rows.append(row | {"moved copies, linear": linear.score(A_test, y_test)})
    return rows


@cache
def readers(seed: int, size: int = 40) -> pd.DataFrame:
    """Which test images each of four readers gets right, each taught with the same few labels."""
    X, y, X_test, y_test = split(seed)
    given = hidden(y, size)
    (scores,) = spread_over(X, X_test, [given])
    groups = KMeans(NUM_CLASSES, n_init=1, random_state=seed).fit(X)
    names = name_clusters(groups.labels_, given, NUM_CLASSES)
    predictions = (
        y[nearest(X[:size], X_test, 1)[:, 0]],
        logistic_regression().fit(X[:size], y[:size]).predict(X_test),
        names[groups.predict(X_test)],
        scores.argmax(axis=1),
    )
    return pd.DataFrame(dict(zip(LABEL_WAYS, predictions, strict=True))).eq(
        y_test, axis=0
    )


def readers_run(
    seed: int, policies: dict[str, Policy], num_rounds: int = 1000
) -> dict[str, float]:
    """What each policy loses, in right answers, against asking the best reader every time."""
    right = readers(seed).to_numpy().astype(float)
    rng = np.random.default_rng(seed)
    rewards = right[rng.integers(0, len(right), num_rounds)]
    means = right.mean(axis=0)
    lost = {}
    for name, policy in policies.items():
        chosen, _ = play(policy, rewards, np.random.default_rng(seed))
        lost[name] = float((means.max() - means[chosen]).sum())
    return lost


def answer_run(seed: int, way: str, right_is_label: bool = False) -> list[dict]:
    """A learner that answers one image after the other, told the label or only whether it was right.

    With `right_is_label` a right answer teaches all ten regressions, as the label would: this one pays, the others
    do not. Rows: test accuracy after so many answers, the share right so far, and the digits named for no test image.
    """
    X, y, X_test, y_test = split(seed)
    A, A_test = (np.column_stack([table, np.ones(len(table))]) for table in (X, X_test))
    learner = LinearBandit(NUM_CLASSES, A.shape[1], **ANSWERERS[way])
    rng, every = np.random.default_rng(seed), np.arange(NUM_CLASSES)
    rows, right = [], 0
    for t, (x, label) in enumerate(zip(A, y, strict=True), start=1):
        arm = learner.choose(x, rng)
        right += arm == label
        if way == "told the label" or (right_is_label and arm == label):
            learner.learn(x, slice(None), (every == label).astype(float))
        else:
            learner.learn(x, np.array([arm]), np.array([float(arm == label)]))
        if t in SIZES:
            predicted = (A_test @ learner.weights.T).argmax(axis=1)
            silent = NUM_CLASSES - len(np.unique(predicted))
            row = {"seed": seed, "way": way, "size": t, "right": right / t}
            rows.append(
                row
                | {
                    "accuracy": accuracy(predicted, y_test),
                    "digits never named": silent,
                }
            )
    return rows


def answer_table(
    way: str, num_seeds: int = 20, right_is_label: bool = False
) -> pd.DataFrame:
    """All runs of one learner, one row for each seed and number of images answered."""
    runs = repeat(answer_run, num_seeds, way=way, right_is_label=right_is_label)
    return pd.DataFrame(sum(runs, []))
