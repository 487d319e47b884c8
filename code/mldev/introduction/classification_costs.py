"""The runs behind the page on judging classifiers: rare classes, base rates, thresholds and what errors cost.

Customers who leave come from the synthetic table `churn`, a new one for each seed. Tumours are real, and a seed draws
the split: such runs share their tumours, and their intervals need the correction. Thresholds are chosen on validation
rows and scored on test rows.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from mldev import datasets
from mldev.introduction.classification import (
    auc,
    confusion_matrix,
    cost_per_case,
    cost_threshold,
    f_score,
    precision,
    recall,
    roc_curve,
)
from mldev.introduction.classification_experiments import (
    LEAVER_COLUMNS,
    scaled,
    tumours,
)

MODELS = {
    "always 'stays'": DummyClassifier,
    "5 neighbours": lambda: scaled(KNeighborsClassifier(5)),
    "45 neighbours": lambda: scaled(KNeighborsClassifier(45)),
    "logistic regression": lambda: scaled(LogisticRegression()),
}
NUM_CALLS = 100
RATIOS = (1 / 50, 1 / 20, 1 / 10, 1 / 5, 1 / 2, 1, 2, 5, 10, 20, 50)
WAYS = ("one half", "F1", "F0.5", "F2", "search", "formula")
GRID = np.linspace(0, 1, 101)


def customers(seed: int, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic customers, and whether each leaves (1) or stays (0)."""
    table = datasets.load("churn", num_rows=num_rows, seed=seed)
    return table.X[list(LEAVER_COLUMNS)].to_numpy(float), table.y.to_numpy()


def thin(y: np.ndarray, base_rate: float) -> np.ndarray:
    """Rows that have the base rate: as many as there are of one class, and the first of the other."""
    stay, leave = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    odds = base_rate / (1 - base_rate)
    num_leave = min(len(leave), round(len(stay) * odds))
    num_stay = min(len(stay), round(num_leave / odds))
    return np.r_[stay[:num_stay], leave[:num_leave]]


def nine_to_one(seed: int, num_rows: int = 4000) -> list[np.ndarray]:
    """Training and test customers, nine who stay for each who leaves, in scikit-learn's order."""
    X, y = customers(seed, num_rows)
    rows = thin(y, 0.1)
    return train_test_split(
        X[rows], y[rows], test_size=0.4, stratify=y[rows], random_state=seed
    )


def retold(scores: np.ndarray, values: np.ndarray, seed: int) -> np.ndarray:
    """The ranking of `scores`, told in the sorted `values`; the seed breaks its ties."""
    shuffled = np.random.default_rng(seed).permutation(len(scores))
    order = shuffled[scores[shuffled].argsort(kind="stable")]
    told = np.empty(len(scores))
    told[order] = np.sort(values)
    return told


def rare_run(seed: int) -> list[dict]:
    """Every metric of every model on the nine-to-one problem, and its ROC curve at the false alarms of `GRID`.

    `coarse AUC` is that of the model's ranking told in the scores of 5 neighbours, which have six values.
    """
    X_train, X_test, y_train, y_test = nine_to_one(seed)
    all_scores = {
        name: make().fit(X_train, y_train).predict_proba(X_test)[:, 1]
        for name, make in MODELS.items()
    }
    rows = []
    for name, scores in all_scores.items():
        answers = (scores > 0.5).astype(int)
        matrix = confusion_matrix(y_test, answers)
        called = scores.argsort(kind="stable")[::-1][:NUM_CALLS]
        false_alarms, found, _ = roc_curve(y_test, scores)
        rows.append({
            "seed": seed,
            "model": name,
            "accuracy": np.mean(answers == y_test),
            "precision": precision(matrix),
            "recall": recall(matrix),
            "alarms at half": np.mean(answers[y_test == 0]),
            "AUC": auc(y_test, scores),
            "coarse AUC": auc(y_test, retold(scores, all_scores["5 neighbours"], seed)),
            "found by calls": int(y_test[called].sum()),
            "curve": np.interp(GRID, false_alarms, found),
        })  # fmt: skip
    return rows


def balanced_threshold(y: np.ndarray, scores: np.ndarray) -> float:
    """The threshold at which positives and negatives are recognised about equally often."""
    false_alarms, found, thresholds = roc_curve(y, scores)
    return float(thresholds[np.abs(found - (1 - false_alarms)).argmin()])


def base_rate_run(seed: int, base_rates: tuple[float, ...]) -> list[dict]:
    """One model with one threshold, scored on customers of whom fewer and fewer leave."""
    X, y = customers(seed, 9000)
    train, valid, test = slice(0, 2000), slice(2000, 4000), slice(4000, None)
    model = scaled(LogisticRegression()).fit(X[train], y[train])
    scores = model.predict_proba(X)[:, 1]
    cut = balanced_threshold(y[valid], scores[valid])
    rows = []
    for base_rate in base_rates:
        few = thin(y[test], base_rate)
        truth, seen = y[test][few], scores[test][few]
        matrix = confusion_matrix(truth, (seen >= cut).astype(int))
        rows.append({
            "seed": seed,
            "base rate": base_rate,
            "accuracy": matrix.trace() / matrix.sum(),
            "always 'stays'": 1 - truth.mean(),
            "recall": recall(matrix),
            "precision": precision(matrix),
            "AUC": auc(truth, seen),
        })  # fmt: skip
    return rows


def tumour_parts(seed: int) -> list[np.ndarray]:
    """Training, validation and test tumours and their labels: X, X, X, y, y, y."""
    X, y = tumours()
    X_train, X_rest, y_train, y_rest = train_test_split(
        X, y, train_size=229, stratify=y, random_state=seed
    )
    X_valid, X_test, y_valid, y_test = train_test_split(
        X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed
    )
    return [X_train, X_valid, X_test, y_train, y_valid, y_test]


def customer_parts(seed: int) -> list[np.ndarray]:
    """Training, validation and test customers of a new company, and their labels: X, X, X, y, y, y."""
    X, y = customers(seed, 4400)
    return [*np.split(X, (230, 400)), *np.split(y, (230, 400))]


def all_matrices(
    y: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Every threshold worth trying, and the confusion matrix at each."""
    thresholds = np.append(np.unique(scores), np.inf)
    answers = [(scores >= cut).astype(int) for cut in thresholds]
    return thresholds, [confusion_matrix(y, answer) for answer in answers]


def cost_run(
    seed: int,
    ratios: tuple[float, ...] = RATIOS,
    class_weight: str | dict[int, float] | None = None,
    parts: Callable[[int], list[np.ndarray]] = tumour_parts,
) -> list[dict]:
    """Cost per test case when the threshold is chosen in each of `WAYS`, for each price of a miss in false alarms.

    Costs are scaled so that a miss and a false alarm together cost 1.
    """
    X_train, X_valid, X_test, y_train, y_valid, y_test = parts(seed)
    model = scaled(LogisticRegression(class_weight=class_weight)).fit(X_train, y_train)
    valid, test = (model.predict_proba(part)[:, 1] for part in (X_valid, X_test))
    thresholds, matrices = all_matrices(y_valid, valid)

    def best(score: object) -> float:
        return float(thresholds[np.argmax([score(matrix) for matrix in matrices])])

    by_metric = {"one half": 0.5, "F1": best(f_score)}
    by_metric["F0.5"] = best(lambda matrix: f_score(matrix, 0.5))
    by_metric["F2"] = best(lambda matrix: f_score(matrix, 2))
    rows = []
    for ratio in ratios:
        price = {"miss": ratio / (1 + ratio), "alarm": 1 / (1 + ratio)}
        cheapest = best(lambda matrix, price=price: -cost_per_case(matrix, **price))
        cuts = by_metric | {"search": cheapest, "formula": cost_threshold(**price)}
        for way, cut in cuts.items():
            matrix = confusion_matrix(y_test, (test >= cut).astype(int))
            row = {"seed": seed, "ratio": ratio, "way": way, "threshold": cut}
            row |= {"recall": recall(matrix), "precision": precision(matrix)}
            rows.append(row | {"cost": cost_per_case(matrix, **price)})
    return rows


def column(table: pd.DataFrame, name: str, **setting: object) -> np.ndarray:
    """A column's values for one setting, in the order of the seeds."""
    for key, value in setting.items():
        table = table[table[key.replace("_", " ")] == value]
    if table.empty or table["seed"].duplicated().any():
        raise ValueError(f"setting {setting}: expected one row per seed of the table")
    return table.sort_values("seed")[name].to_numpy()
