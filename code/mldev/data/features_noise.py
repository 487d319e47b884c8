"""Fake accuracy: what selection outside the folds makes of pure noise, measured and foretold.

Labels are balanced and have nothing to do with any column, so the true accuracy of every model is one half.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from mldev.data.features import (
    correlations,
    eliminate,
    mutual_information_numbers,
    top,
)

ROWS = (20, 40, 80, 160, 320)
COLUMNS = (10, 30, 100, 300, 1000, 3000, 10_000)
KEPT = (1, 3, 10, 30)
NUM_FOLDS = 5
Select = Callable[[np.ndarray, np.ndarray], np.ndarray]


def noise(
    seed: int, rows: int, columns: int, block: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of noise, (rows, columns), and as many labels -1 as labels 1.

    The columns are independent, or go in blocks in which every two correlate at 0.8.
    """
    if rows < 4 or rows % 2:
        raise ValueError(f"rows {rows}: expected an even number of at least 4")
    rng = np.random.default_rng([seed, rows])
    X = rng.normal(size=(columns, rows)).T  # so that fewer columns are the first ones
    y = rng.permutation(np.repeat([-1, 1], rows // 2))
    if block > 1:
        shared = rng.normal(size=(rows, -(-columns // block))).repeat(block, axis=1)
        X = np.sqrt(0.8) * shared[:, :columns] + np.sqrt(0.2) * X
    return X, y


def folds(y: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds with both labels in equal parts."""
    splits = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    return list(splits.split(y, y))


def centroid_accuracy(
    X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> float:
    """Accuracy on the test rows of the nearest of the two class means."""
    means = [X[train][y[train] == label].mean(axis=0) for label in (-1, 1)]
    direction, middle = (means[1] - means[0]) / 2, (means[0] + means[1]) / 2
    return float((np.sign((X[test] - middle) @ direction) == y[test]).mean())


def outside_and_inside(
    select: Select, X: np.ndarray, y: np.ndarray, seed: int
) -> tuple[float, float]:
    """Cross-validated accuracy with columns selected once on all rows, and anew on the training rows of each fold.

    The model is naive Bayes, which reads means as well as spreads, so that it can use what either filter finds.
    """
    once, scores = select(X, y), []
    for train, test in folds(y, seed):
        anew = select(X[train], y[train])
        models = [GaussianNB().fit(X[train][:, c], y[train]) for c in (once, anew)]
        pairs = zip(models, (once, anew), strict=True)
        scores.append([model.score(X[test][:, c], y[test]) for model, c in pairs])
    outside, inside = np.mean(scores, axis=0)
    return float(outside), float(inside)


def scores_by_fold(X: np.ndarray, y: np.ndarray, splits: Sequence[tuple]) -> np.ndarray:
    """Each column's squared correlation with balanced labels, on all rows and on the training rows of each fold.

    Returns
    -------
    ndarray
        One row for all rows together, then one per fold: (1 + folds, columns).
    """
    rows = np.ones((1 + len(splits), len(y)))
    for mask, (_, test) in zip(rows[1:], splits, strict=True):
        mask[test] = 0
    size = rows.sum(axis=1, keepdims=True)
    mean, squares = rows @ X / size, rows @ X**2 / size  # (1 + folds, columns)
    return ((rows * y) @ X / size) ** 2 / (squares - mean**2)


def fake_run(
    seed: int,
    rows: Sequence[int] = ROWS,
    columns: Sequence[int] = COLUMNS,
    kept: Sequence[int] = KEPT,
    block: int = 1,
) -> list[dict]:
    """Both accuracies for every size; kept are the columns of highest correlation."""
    found = []
    for n in rows:
        X, y = noise(seed, n, max(columns), block)
        splits = folds(y, seed)
        orders = np.argsort(-scores_by_fold(X, y, splits), axis=1)
        for p in columns:
            first, *in_folds = (order[order < p] for order in orders)
            for k in (k for k in kept if k <= p):
                pairs = list(zip(in_folds, splits, strict=True))
                outside = [centroid_accuracy(X[:, first[:k]], y, *s) for s in splits]
                inside = [centroid_accuracy(X[:, o[:k]], y, *s) for o, s in pairs]
                found.append(
                    {"seed": seed, "rows": n, "columns": p, "kept": k}
                    | {"outside": np.mean(outside), "inside": np.mean(inside)}
                )
    return found


def best_correlations(rows: int, columns: int, kept: int) -> np.ndarray:
    """About the largest squared correlations of columns of noise with a label.

    One squared correlation follows a beta distribution; the j-th largest of p
    lies near its quantile (j - 1/2) / p from above. Returns (kept,) of them.
    """
    if not 1 <= kept <= columns:
        raise ValueError(f"kept {kept}: expected a number from 1 to {columns} columns")
    above = (np.arange(kept) + 0.5) / columns
    return stats.beta.isf(above, 0.5, (rows - 2) / 2)


def expected_accuracy(rows: int, columns: int, kept: int) -> float:
    """The accuracy that selecting on all rows will pretend, from the sizes alone."""
    squared = best_correlations(rows, columns, kept)
    rest = 1 - squared  # variance within the classes
    train = rows * (1 - 1 / NUM_FOLDS)
    margin = (squared - rest / rows).sum()
    variance = ((squared + rest / train) * rest).sum()
    return float(stats.norm.cdf(margin / np.sqrt(variance)))


# --- other ways to select -------------------------------------------------------------


def by_correlation(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
    """Filter: the columns most correlated with the label."""
    return top(np.abs(correlations(X, y)), num_kept)


def by_information(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
    """Filter: the columns with the most mutual information."""
    return top(np.array([mutual_information_numbers(x, y) for x in X.T]), num_kept)


def by_elimination(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
    """Wrapper: recursive elimination, a fifth of the columns in each round."""
    return eliminate(RidgeClassifier(10.0), X, y, num_kept, share=0.2)


def by_lasso(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
    """Embedded: the largest coefficients under the lasso's penalty."""
    model = LogisticRegression(
        C=1.0, l1_ratio=1.0, solver="liblinear", max_iter=1000, random_state=0
    )
    return top(np.abs(model.fit(X, y).coef_[0]), num_kept)


SELECTIONS: dict[str, Select] = {
    "correlation": by_correlation,
    "mutual information": by_information,
    "elimination": by_elimination,
    "lasso": by_lasso,
}


def blind(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
    """The baseline of the mutation tests: the first columns, whatever the label says."""
    return np.arange(X.shape[1]) < num_kept


def selections_run(
    seed: int,
    rows: int = 100,
    columns: int = 300,
    selections: dict[str, Select] = SELECTIONS,
) -> list[dict]:
    """Both accuracies of each way to select ten columns of the same noise."""
    X, y = noise(seed, rows, columns)
    found = []
    for name, select in selections.items():
        outside, inside = outside_and_inside(select, X, y, seed)
        found.append(
            {"seed": seed, "method": name, "outside": outside, "inside": inside}
        )
    return found
