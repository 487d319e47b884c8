"""What bad data cost: the runs behind the curves of the chapter on kinds of data.

Each function is one run of one experiment: it takes a seed, splits the data with it, and scores every setting on the
same test rows, whose labels and cells stay clean unless the experiment is about them.
"""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mldev import datasets
from mldev.experiments import repeat
from mldev.introduction.data import (
    complete_rows,
    fill_cells,
    look_alikes,
    remove_cells,
    stratified_split,
    wrong_labels,
)

NUM_CLASSES = 10
NUM_TEST = 597
SIZES = (50, 100, 200, 500, 1000)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
MISSING = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4)
WAYS = ("drop rows", "fill in means", "new rows lack cells, too")
MODELS = ("1 neighbour", "15 neighbours", "logistic regression")
KINDS = ("at random", "look-alikes")


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The handwritten digits: pixels (N, 64) and labels (N,)."""
    images = datasets.load("digits")
    return images.X, images.y


def vote(labels: np.ndarray) -> np.ndarray:
    """The most frequent label of each row (the smallest one in a tie): (rows, neighbours) -> (rows,)."""
    counts = (labels[:, :, None] == np.arange(NUM_CLASSES)).sum(axis=1)  # (rows, C)
    return counts.argmax(axis=1)


def nearest(X: np.ndarray, X_new: np.ndarray, num_neighbours: int) -> np.ndarray:
    """Positions in `X` of the nearest examples to each new one, nearest first. Labels play no part in it."""
    search = NearestNeighbors(n_neighbors=num_neighbours).fit(X)
    return search.kneighbors(X_new, return_distance=False)


def logistic_regression() -> LogisticRegression:
    """The linear model of this chapter, stopped a little earlier than by default to save time."""
    return LogisticRegression(tol=3e-3)


def spoil(
    y: np.ndarray, share: float, kind: str, seed: int, partner: np.ndarray
) -> np.ndarray:
    """Labels with errors of a kind; the errors of one seed are nested over shares."""
    which = partner if kind == "look-alikes" else None
    return wrong_labels(y, share, np.random.default_rng([seed, 1]), NUM_CLASSES, which)


def label_run(seed: int, sizes: tuple[int, ...] = SIZES) -> list[dict]:
    """Test accuracy of each model for each training-set size, share and kind of wrong labels."""
    X, y = digits()
    train, test = stratified_split(
        y, (max(SIZES), NUM_TEST), np.random.default_rng(seed)
    )
    partner, rows = look_alikes(X[train], y[train]), []
    for size in sizes:
        X_train, y_train = X[train[:size]], y[train[:size]]
        neighbours = nearest(X_train, X[test], 15)
        for kind in KINDS:
            for share in SHARES:
                given = spoil(y_train, share, kind, seed, partner)
                predictions = {
                    "1 neighbour": given[neighbours[:, 0]],
                    "15 neighbours": vote(given[neighbours]),
                    "logistic regression": logistic_regression()
                    .fit(X_train, given)
                    .predict(X[test]),
                }
                setting = {"seed": seed, "size": size, "kind": kind, "share": share}
                rows += [
                    setting | {"model": m, "accuracy": np.mean(p == y[test])}
                    for m, p in predictions.items()
                ]
    return rows


def unanimous_run(seed: int, share: float) -> float:
    """The accuracy of the vote under look-alike errors, on test images whose 15 neighbours truly are of their class."""
    X, y = digits()
    sizes = (max(SIZES), NUM_TEST)
    train, test = stratified_split(y, sizes, np.random.default_rng(seed))
    partner = look_alikes(X[train], y[train])
    neighbours = nearest(X[train], X[test], 15)
    friends = (y[train][neighbours] == y[test][:, None]).all(axis=1)
    given = spoil(y[train], share, "look-alikes", seed, partner)
    return float(np.mean((vote(given[neighbours]) == y[test])[friends]))


def label_table(num_seeds: int = 20) -> pd.DataFrame:
    """All label runs, one row for each seed, size, kind, share and model."""
    return pd.DataFrame(sum(repeat(label_run, num_seeds), []))


def scores(table: pd.DataFrame, **setting: object) -> np.ndarray:
    """The accuracies of one setting, in the order of the seeds."""
    for column, value in setting.items():
        table = table[table[column] == value]
    if table.empty or table["seed"].duplicated().any():
        raise ValueError(f"setting {setting}: expected one row per seed of the table")
    return table.sort_values("seed")["accuracy"].to_numpy()


def choose_run(seed: int, counts: tuple[int, ...], share: float = 0.3) -> pd.DataFrame:
    """Accuracy of k-neighbour votes on training, validation and test rows; only the test labels are right."""
    X, y = digits()
    rng = np.random.default_rng(seed)
    train, valid, test = stratified_split(y, (800, 400, NUM_TEST), rng)
    given, given_valid = (
        wrong_labels(y[rows], share, rng, NUM_CLASSES) for rows in (train, valid)
    )
    truth = {"training": (train, given), "validation": (valid, given_valid)}
    truth["test"] = (test, y[test])
    columns = {}
    for name, (rows, labels) in truth.items():
        neighbours = nearest(X[train], X[rows], max(counts))
        columns[name] = [
            np.mean(vote(given[neighbours[:, :k]]) == labels) for k in counts
        ]
    return pd.DataFrame(columns, index=pd.Index(counts, name="k"))


def missing_run(
    seed: int,
    columns: tuple[str, ...] = (),
    shares: tuple[float, ...] = MISSING,
    shuffle_others: bool = False,
) -> list[dict]:
    """Test accuracy after removing cells: dropping incomplete training rows, or filling in their columns' means.

    Test rows are complete, except in the third way, where they lack as many cells.
    The table has all columns of the data set, or those named. With `shuffle_others` it keeps the others as well,
    but each of them shuffled over the rows: as many columns, and nothing in them that repeats the named ones.
    """
    table = datasets.load("breast_cancer")
    named = list(columns) or list(table.X)
    X = table.X[named].to_numpy()
    y = table.y.to_numpy()
    if shuffle_others:
        others = table.X.drop(columns=named).to_numpy()
        shuffled = np.random.default_rng([seed, 3]).permuted(others, axis=0)
        X = np.hstack([X, shuffled])
    train, test = stratified_split(y, (400, 169), np.random.default_rng(seed))
    rows = []
    for share in shares:
        holes = remove_cells(X[train], share, np.random.default_rng([seed, 1]))
        whole = complete_rows(holes)
        filled = fill_cells(holes, holes)
        holes_test = remove_cells(X[test], share, np.random.default_rng([seed, 2]))
        ways = {
            "drop rows": (holes[whole], y[train][whole], X[test]),
            "fill in means": (filled, y[train], X[test]),
            "new rows lack cells, too": (
                filled,
                y[train],
                fill_cells(holes, holes_test),
            ),
        }
        for way, (X_train, y_train, X_test) in ways.items():
            row = {"seed": seed, "share": share, "way": way, "rows": len(y_train)}
            rows.append(row | {"accuracy": accuracy(X_train, y_train, X_test, y[test])})
    return rows


def accuracy(
    X_train: np.ndarray, y_train: np.ndarray, X_test: np.ndarray, y_test: np.ndarray
) -> float:
    """Test accuracy of scaled logistic regression; NaN where fewer than two classes are left to train on."""
    if len(np.unique(y_train)) < 2:
        return np.nan
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(X_train, y_train).score(X_test, y_test)


def missing_table(num_seeds: int = 20, **options: object) -> pd.DataFrame:
    """All runs with missing cells, one row for each seed, share and way; options as for `missing_run`."""
    return pd.DataFrame(sum(repeat(missing_run, num_seeds, **options), []))


def habit_run(seed: int, share: float = 0.8) -> dict[str, float]:
    """A labeller who calls most 9s a 3: true and measured accuracy, trained on corrected and on given labels."""
    X, y = digits()
    rng = np.random.default_rng(seed)
    train, test = stratified_split(y, (1000, NUM_TEST), rng)
    given = np.where((y == 9) & (rng.random(len(y)) < share), 3, y)
    neighbours = nearest(X[train], X[test], 15)
    result = {}
    for name, labels in (("corrected", y), ("given", given)):
        predicted = vote(labels[train][neighbours])
        result[f"true, {name}"] = float(np.mean(predicted == y[test]))
        result[f"measured, {name}"] = float(np.mean(predicted == given[test]))
    return result


def dirty_test_run(seed: int, share: float) -> dict[str, float]:
    """A clean model of 15 neighbours, scored on true test labels and on test labels with errors at random."""
    X, y = digits()
    rng = np.random.default_rng(seed)
    train, test = stratified_split(y, (1000, NUM_TEST), rng)
    predicted = vote(y[train][nearest(X[train], X[test], 15)])
    given = wrong_labels(y[test], share, rng, NUM_CLASSES)
    return {
        "true": np.mean(predicted == y[test]),
        "measured": np.mean(predicted == given),
    }


def forecast_run(seed: int, num_test: int = 104) -> dict[str, float]:
    """Root mean squared error (ppm) of CO2 from the nearest dates: test weeks drawn at random, or the next ones."""
    series = datasets.load("co2").values.dropna()
    time, level = series.index.asi8.astype(float)[:, None], series.to_numpy()
    rng = np.random.default_rng(seed)
    end = int(rng.integers(len(level) // 2, len(level) + 1))
    errors = {}
    for name, order in (("random", rng.permutation(end)), ("next", np.arange(end))):
        train, test = order[:-num_test], order[-num_test:]
        mean = level[train][nearest(time[train], time[test], 5)].mean(axis=1)
        errors[name] = float(np.sqrt(np.mean((mean - level[test]) ** 2)))
    return errors
