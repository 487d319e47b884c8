"""The runs behind the chapter on classification: complexity, ties, splits, and classifiers side by side.

Each function is one run of one experiment and takes a seed. Rows that a run holds out serve to compare settings. A
test set is put aside for digits alone, by `digits_parts`, and used once at the end of the page.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mldev import datasets
from mldev.introduction.classification import Neighbours, nearest_rows

COLUMNS = ("mean texture", "mean smoothness")
COUNTS = (1, 3, 5, 9, 15, 25, 45, 85, 155, 255, 355)
NUM_TRAIN = 400
LEAVER_COLUMNS = ("tenure_months", "monthly_charge", "support_calls")

Maker = Callable[[int], ClassifierMixin]


@cache
def tumours() -> tuple[np.ndarray, np.ndarray]:
    """Texture and smoothness of 569 tumours, and whether each is malignant (1) or benign (0)."""
    table = datasets.load("breast_cancer")
    return table.X[list(COLUMNS)].to_numpy(), (table.y == 0).astype(int).to_numpy()


def scaled(model: ClassifierMixin) -> ClassifierMixin:
    """The model after a scaler, so that every feature has mean 0 and deviation 1 in the training rows."""
    return make_pipeline(StandardScaler(), model)


BORDERS: dict[str, Maker] = {
    "1 neighbour": lambda seed: scaled(Neighbours(1)),
    "45 neighbours": lambda seed: scaled(Neighbours(45)),
    "logistic regression": lambda seed: scaled(LogisticRegression()),
    "decision tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "random forest": lambda seed: RandomForestClassifier(random_state=seed),
    "support vectors": lambda seed: scaled(SVC()),
}
MODELS: dict[str, Maker] = {
    "5 neighbours": lambda seed: KNeighborsClassifier(),
    "logistic regression": lambda seed: scaled(LogisticRegression(max_iter=1000)),
    "decision tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "random forest": lambda seed: RandomForestClassifier(random_state=seed),
    "support vectors": lambda seed: SVC(),
}


def tumour_split(seed: int) -> list[np.ndarray]:
    """Training and held-out rows of the tumours, and their labels, in scikit-learn's order."""
    X, y = tumours()
    return train_test_split(X, y, train_size=NUM_TRAIN, stratify=y, random_state=seed)


def complexity_run(seed: int, counts: tuple[int, ...] = COUNTS) -> pd.DataFrame:
    """Accuracy of the vote on training and held-out rows for each number of neighbours."""
    X_train, X_held, y_train, y_held = tumour_split(seed)
    scaler = StandardScaler().fit(X_train)
    X_train, X_held = scaler.transform(X_train), scaler.transform(X_held)
    columns = {}
    for name, X, y in (("training", X_train, y_train), ("held out", X_held, y_held)):
        votes = y_train[nearest_rows(X_train, X, max(counts))].cumsum(axis=1)
        # a tie (half of the votes) goes to class 0
        columns[name] = [np.mean((votes[:, k - 1] > k / 2) == y) for k in counts]
    return pd.DataFrame(columns, index=pd.Index(counts, name="k"))


def border_run(seed: int) -> list[dict]:
    """Accuracy of six classifiers on training and on held-out tumours."""
    X_train, X_held, y_train, y_held = tumour_split(seed)
    rows = []
    for name, make in BORDERS.items():
        model = make(seed).fit(X_train, y_train)
        scores = {"training": model.score(X_train, y_train)}
        scores["held out"] = model.score(X_held, y_held)
        rows.append({"seed": seed, "model": name} | scores)
    return rows


def tie_run(seed: int) -> dict[str, float]:
    """Share of held-out answers of one neighbour that change with the library's way of searching."""
    flowers, digits = datasets.load("iris"), datasets.load("digits")
    sepals = (10 * flowers.X.to_numpy()[:, :2]).round()  # in whole millimetres
    pairs = {
        "iris sepals": (sepals, flowers.y.to_numpy()),
        "digits": (digits.X, digits.y),
    }
    changed = {}
    for name, (X, y) in pairs.items():
        X_train, X_held, y_train, _ = train_test_split(
            X, y, test_size=1 / 3, stratify=y, random_state=seed
        )
        answers = [
            KNeighborsClassifier(1, algorithm=way).fit(X_train, y_train).predict(X_held)
            for way in ("brute", "kd_tree")
        ]
        changed[name] = float(np.mean(answers[0] != answers[1]))
    return changed


def few_leavers(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """200 customers of the synthetic telephone company, 20 of whom leave."""
    table = datasets.load("churn", num_rows=2000, seed=seed)
    X, y = table.X[list(LEAVER_COLUMNS)].to_numpy(float), table.y.to_numpy()
    rows = np.r_[np.flatnonzero(y == 0)[:180], np.flatnonzero(y == 1)[:20]]
    return X[rows], y[rows]


def some_tumours(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """200 of the tumours, drawn with the seed."""
    X, y = tumours()
    rows = np.random.default_rng(seed).permutation(len(y))[:200]
    return X[rows], y[rows]


GROUPS = {"leavers, 1 in 10": few_leavers, "tumours": some_tumours}


def split_run(seed: int, group: str, num_splits: int = 12) -> dict[str, float]:
    """Standard deviation, over splits of 200 rows, of the test set's class share and of the test accuracy.

    Half of the splits are plain, half stratified; 50 rows are held out in each. `expected` is what the formula for
    drawing without replacement gives for the plain ones.
    """
    X, y = GROUPS[group](seed)
    spread = {}
    for way, labels in (("plain", None), ("stratified", y)):
        shares, scores = [], []
        for split in range(num_splits):
            X_train, X_held, y_train, y_held = train_test_split(
                X, y, test_size=50, stratify=labels, random_state=1000 * seed + split
            )
            model = scaled(LogisticRegression()).fit(X_train, y_train)
            shares.append(y_held.mean())
            scores.append(model.score(X_held, y_held))
        spread[f"share, {way}"] = np.std(shares, ddof=1)
        spread[f"accuracy, {way}"] = np.std(scores, ddof=1)
    p = y.mean()
    expected = np.sqrt(p * (1 - p) / 50 * (len(y) - 50) / (len(y) - 1))
    return spread | {"share, expected": expected}


def digits_parts() -> list[np.ndarray]:
    """The digits, parted once: training rows for choosing, and a test set to touch once."""
    digits = datasets.load("digits")
    return train_test_split(
        digits.X, digits.y, test_size=360, stratify=digits.y, random_state=0
    )


def fold_table(
    X: np.ndarray,
    y: np.ndarray,
    models: dict[str, Maker] = MODELS,
    num_seeds: int = 5,
) -> pd.DataFrame:
    """Accuracies by repeated five-fold cross-validation: a row for each fold, a column for each model.

    All models see the same folds. For a forest the mean accuracy of its single trees is kept, too.
    """
    rows = []
    for seed in range(num_seeds):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        for fold, (train, held) in enumerate(folds.split(X, y)):
            row = {"seed": seed, "fold": fold}
            for name, make in models.items():
                model = make(seed).fit(X[train], y[train])
                row[name] = model.score(X[held], y[held])
                if isinstance(model, RandomForestClassifier):
                    row["average tree"] = tree_score(model, X[held], y[held])
            rows.append(row)
    return pd.DataFrame(rows).set_index(["seed", "fold"])


def tree_score(forest: RandomForestClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """The mean accuracy of a forest's trees, each asked alone."""
    answers = [
        forest.classes_[tree.predict(X).astype(int)] for tree in forest.estimators_
    ]
    return float(np.mean([answer == y for answer in answers]))
