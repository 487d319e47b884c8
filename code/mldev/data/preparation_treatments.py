"""What each treatment of a table does, measured: gaps, repeats, outliers, encodings, scales.

Chapter: data/preparation. Each function whose name ends in ``_run`` is one run of one
experiment: it takes a seed and returns rows of results, or one dict of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mldev import datasets
from mldev.data.preparation_imputation import ChainedRegressions
from mldev.data.preparation_values import robust_scores

WAYS = ("drop rows", "mean", "median", "most frequent", "regressions")
SCALES = (
    *("raw", "min-max", "min-max, centred", "min-max, centred, enlarged"),
    *("z-score", "z-score, a fifth"),
)
YES, NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")


def min_max(X_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Shift and divide so that the training rows lie between 0 and 1."""
    low, high = X_train.min(axis=0), X_train.max(axis=0)
    return (X - low) / np.where(high > low, high - low, 1.0)


def z_score(X_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Shift and divide so that the training rows have mean 0 and standard deviation 1."""
    spread = X_train.std(axis=0)
    return (X - X_train.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def scaled(X: np.ndarray, scale: str) -> np.ndarray:
    """A training table on one of `SCALES`."""
    if scale not in SCALES:
        raise ValueError(f"scale: got {scale!r}, allowed: {', '.join(SCALES)}")
    if scale == "raw":
        return X
    if scale.startswith("z-score"):
        return z_score(X, X) / (5 if scale == "z-score, a fifth" else 1)
    between = min_max(X, X)
    if scale == "min-max":
        return between
    centred = between - between.mean(axis=0)
    if scale == "min-max, centred":
        return centred
    return centred / centred.std(axis=0).mean()  # one number for all columns


def fill(X_train: np.ndarray, X: np.ndarray, way: str) -> np.ndarray:
    """Fill the empty cells of `X` by what the training rows teach."""
    if way == "regressions":
        return ChainedRegressions().fit(X_train).transform(X)
    values = {
        "mean": np.nanmean,
        "median": np.nanmedian,
        "most frequent": most_frequent,
    }
    if way not in values:
        raise ValueError(
            f"way: got {way!r}, allowed: {', '.join([*values, 'regressions'])}"
        )
    return np.where(np.isnan(X), values[way](X_train, axis=0), X)


def most_frequent(X: np.ndarray, axis: int = 0) -> np.ndarray:
    """The most frequent known value of each column; of several, the smallest."""
    columns = X.T if axis == 0 else X
    found = []
    for column in columns:
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        found.append(values[counts.argmax()])
    return np.array(found)


def yes_no(column: pd.Series) -> pd.Series:
    """Yes to 1, no to 0, empty stays empty; any other word is an error."""
    words = column.map(
        lambda value: value.strip().lower() if isinstance(value, str) else value
    )
    strange = words[words.notna() & ~words.isin(YES + NO)]
    if len(strange):
        raise ValueError(
            f"column {column.name!r}: got {strange.iloc[0]!r}, allowed: yes, no"
        )
    return words.map(dict.fromkeys(YES, 1.0) | dict.fromkeys(NO, 0.0))


@cache
def patients() -> tuple[np.ndarray, np.ndarray]:
    """The ten measurements of 442 patients, and the progress of their diabetes."""
    table = datasets.load("diabetes")
    return table.X.to_numpy(dtype=float), table.y.to_numpy(dtype=float)


def gaps(
    X: np.ndarray, share: float, pattern: str, rng: np.random.Generator
) -> np.ndarray:
    """Empty a share of the cells: "any" of them, or only "large" ones, above their column's median."""
    draw = rng.random(X.shape)
    if pattern == "any":
        return np.where(draw < share, np.nan, X)
    if pattern == "large":
        return np.where((draw < 2 * share) & (X > np.median(X, axis=0)), np.nan, X)
    raise ValueError(f"pattern: got {pattern!r}, allowed: any, large")


def filling_run(
    seed: int, pattern: str = "any", share: float = 0.2, ways: Sequence[str] = WAYS
) -> list[dict]:
    """For each way: the error of the filled cells in standard deviations, and the test R2 of a linear model."""
    X, y = patients()
    holes = gaps(X, share, pattern, np.random.default_rng([seed, 1]))
    parts = train_test_split(X, holes, y, test_size=142, random_state=seed)
    full, full_test, X_train, X_test, y_train, y_test = parts
    spread, rows = full.std(axis=0), []
    for way in ways:
        error, kept = np.nan, np.ones(len(y_train), dtype=bool)
        if way == "drop rows":  # new rows cannot be dropped: they get means
            kept = ~np.isnan(X_train).any(axis=1)
            mended, mended_test = X_train, fill(X_train, X_test, "mean")
        else:
            mended, mended_test = (
                fill(X_train, X_train, way),
                fill(X_train, X_test, way),
            )
            away = ((mended_test - full_test) / spread)[np.isnan(X_test)]
            error = float(np.sqrt(np.mean(away**2)))
        model = make_pipeline(StandardScaler(), Ridge()).fit(
            mended[kept], y_train[kept]
        )
        r2 = r2_score(y_test, model.predict(mended_test))
        rows.append(
            {
                "seed": seed,
                "way": way,
                "error": error,
                "r2": r2,
                "rows": int(kept.sum()),
            }
        )
    return rows


def flag_run(seed: int, reason: str = "value", share: float = 0.4) -> dict:
    """R2 gained by a column that tells which cells were empty.

    One column is emptied in `share` of the rows: those with the largest target
    ("target"), or those drawn at random ("chance").
    """
    X, y = patients()
    rng = np.random.default_rng([seed, 2])
    rank = {"target": y + rng.normal(0, y.std(), len(y)), "chance": rng.random(len(y))}
    if reason not in rank:
        raise ValueError(f"reason: got {reason!r}, allowed: {', '.join(rank)}")
    gone = rank[reason] > np.quantile(rank[reason], 1 - share)
    X = X.copy()
    X[gone, 2] = np.nan  # the body-mass index
    train, test = train_test_split(np.arange(len(y)), test_size=142, random_state=seed)
    filled = fill(X[train], X, "mean")
    flagged = np.column_stack([filled, gone])
    scores = {}
    for name, table in (("filled", filled), ("flagged", flagged)):
        model = make_pipeline(StandardScaler(), Ridge()).fit(table[train], y[train])
        scores[name] = r2_score(y[test], model.predict(table[test]))
    return {"seed": seed} | scores


def repeats_run(seed: int, share: float = 0.5) -> dict:
    """R2 by cross-validation and on new patients, with a share of the training rows repeated."""
    X, y = patients()
    parts = train_test_split(X, y, test_size=142, random_state=seed)
    X_train, X_test, y_train, y_test = parts
    again = np.random.default_rng([seed, 3]).choice(
        len(y_train), int(share * len(y_train)), replace=False
    )
    order = np.concatenate([np.arange(len(y_train)), again])
    np.random.default_rng([seed, 4]).shuffle(order)
    model = make_pipeline(StandardScaler(), KNeighborsRegressor(3))
    return {
        "seed": seed,
        "cross-validated": cross_val_score(
            model, X_train[order], y_train[order], cv=5
        ).mean(),
        "new patients": r2_score(
            y_test, model.fit(X_train[order], y_train[order]).predict(X_test)
        ),
    }


def outlier_run(seed: int, share: float, num_rows: int = 100) -> list[dict]:
    """Normal values with a share moved by 6 standard deviations: the share that each rule finds."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=num_rows)
    moved = np.arange(num_rows) < round(share * num_rows)
    values[moved] += 6
    rules = {
        "mean and standard deviation": np.abs(values - values.mean()) / values.std()
        > 3,
        "median and its spread": robust_scores(values) > 3,
    }
    return [
        {
            "seed": seed,
            "share": share,
            "rule": rule,
            "found": hit[moved].mean(),
            "false": hit[~moved].mean(),
        }
        for rule, hit in rules.items()
    ]


def encoding_run(seed: int) -> dict:
    """Accuracy of a linear model for a penguin's species: the island and sex as places, or one column each."""
    table = datasets.load("penguins")
    words, y = table.X[["island", "sex"]].fillna("unknown"), table.y
    places = words.apply(lambda column: column.astype("category").cat.codes).to_numpy(
        dtype=float
    )
    columns = pd.get_dummies(words).to_numpy(dtype=float)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, random_state=seed, stratify=y
    )
    scores = {}
    for name, X in (("places", places), ("one-hot", columns)):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
        scores[name] = model.fit(X[train], y.iloc[train]).score(X[test], y.iloc[test])
    return {"seed": seed} | scores


def descend(
    X: np.ndarray, y: np.ndarray, num_steps: int, tolerance: float = 0.01
) -> tuple[np.ndarray, int, float]:
    """Gradient descent on the mean squared error, with the best constant learning rate.

    Returns
    -------
    losses, steps, condition
        The excess of the error over the least one, relative to the start, after each
        step; the steps until it is below `tolerance` (`num_steps` if it never is); and
        the condition number of the matrix of second derivatives.
    """
    Z = np.column_stack([np.ones(len(X)), X])
    curvature = Z.T @ Z / len(Z)
    eigenvalues = np.linalg.eigvalsh(curvature)
    learning_rate = 2 / (eigenvalues[0] + eigenvalues[-1])
    best = np.linalg.lstsq(Z, y, rcond=None)[0]
    w, losses = np.zeros(Z.shape[1]), []
    for _ in range(num_steps + 1):
        away = w - best
        losses.append(away @ curvature @ away)
        w = w - learning_rate * curvature @ away  # Z'(Zw - y)/n, since Z'y = Z'Z best
    losses = np.array(losses) / losses[0]
    below = np.flatnonzero(losses < tolerance)
    steps = int(below[0]) if len(below) else num_steps
    return losses, steps, float(eigenvalues[-1] / eigenvalues[0])


def convergence_run(
    seed: int,
    scales: Sequence[str] = SCALES,
    columns: Sequence[int] = (0, 2, 3, 6),
    outlier: float = 0.0,
    num_steps: int = 20_000,
) -> list[dict]:
    """Steps of gradient descent on half of the patients for each scale.

    With `outlier`, one patient's body-mass index is multiplied by it.
    """
    X, y = patients()
    rows = np.random.default_rng([seed, 5]).permutation(len(y))[: len(y) // 2]
    X = X[rows][:, list(columns)].copy()
    if outlier:
        X[0, 1] *= outlier
    found = []
    for scale in scales:
        _, steps, condition = descend(
            scaled(X, scale), y[rows] - y[rows].mean(), num_steps
        )
        found.append(
            {"seed": seed, "scale": scale, "steps": steps, "condition": condition}
        )
    return found


def line_of(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The coefficients of least squares, for comparison with what descent arrives at."""
    model = LinearRegression().fit(X, y)
    return np.append(model.intercept_, model.coef_)


def spoilt_patients(num_rows: int = 600) -> tuple[pd.DataFrame, pd.Series]:
    """Patients of the ACTG175 trial, with faults in rows that are known."""
    table = datasets.load("actg175")
    names = ["age", "wtkg", "gender", "karnof", "cd40", "cd80"]
    frame = table.X[names].iloc[:num_rows].reset_index(drop=True).astype(float)
    frame["gender"] = frame["gender"].map({0.0: "female", 1.0: "male"})
    frame["wtkg"] = frame["wtkg"].round(1).astype(object)
    frame.loc[0:5, "wtkg"] = ["71,5", "80 kg", "n/a", "93.2 kg", "65,0", "88 kg"]
    frame.loc[6:9, "gender"] = ["femlae", "MALE", "", "malle"]
    frame.loc[10:14, "age"] = -999
    frame.loc[15:16, "age"] = [180, 212]
    frame.loc[20:49, "cd40"] = frame.loc[20:49, "cd40"] / 1000
    frame.loc[50:52, "cd80"] = [61_000, 74_500, 88_000]
    frame.loc[60:89, "karnof"] = np.nan
    copies = frame.iloc[100:112]
    target = table.y.iloc[:num_rows].reset_index(drop=True)
    return (
        pd.concat([frame, copies], ignore_index=True),
        pd.concat([target, target.iloc[100:112]], ignore_index=True),
    )


def unit_paths(factors: Sequence[float], num_steps: int = 40) -> pd.DataFrame:
    """Gradient descent on body-mass index and blood pressure, the second in units `factors` times smaller.

    The path is told in effects per standard deviation, so that the hill stays the same
    and only the steps change; the first step below 1 % of the start is given as well.
    """
    X, y = patients()
    Z = z_score(X, X)[:, [2, 3]]
    curvature, target = Z.T @ Z / len(Z), Z.T @ (y - y.mean()) / len(Z)
    best, rows = np.linalg.solve(curvature, target), []
    for factor in factors:
        scale = np.array([1.0, factor])
        seen = curvature * np.outer(scale, scale)
        eigenvalues = np.linalg.eigvalsh(seen)
        rate = 2 / (eigenvalues[0] + eigenvalues[-1])
        effect, needed = np.zeros(2), None
        for step in range(5000):
            away = effect - best
            loss = float(away @ curvature @ away / (best @ curvature @ best))
            if step <= num_steps:
                rows.append(
                    {
                        "factor": factor,
                        "step": step,
                        "bmi": effect[0],
                        "pressure": effect[1],
                    }
                )
            if needed is None and loss < 0.01:
                needed = step
            if needed is not None and step >= num_steps:
                break
            effect = effect - rate * scale**2 * (curvature @ away)
        for row in rows[-num_steps - 1 :]:
            row["needed"] = needed
    return pd.DataFrame(rows)


def hill(levels: Sequence[float], num_points: int = 61) -> pd.DataFrame:
    """Lines of equal loss for `unit_paths`: each level is a share of the loss at the start."""
    X, y = patients()
    Z = z_score(X, X)[:, [2, 3]]
    curvature, target = Z.T @ Z / len(Z), Z.T @ (y - y.mean()) / len(Z)
    best = np.linalg.solve(curvature, target)
    start = best @ curvature @ best
    angle = np.linspace(0, 2 * np.pi, num_points)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    root = np.linalg.inv(np.linalg.cholesky(curvature)).T
    lines = [
        pd.DataFrame(
            (best[:, None] + np.sqrt(level * start) * root @ circle).T,
            columns=["bmi", "pressure"],
        ).assign(level=level, order=np.arange(num_points))
        for level in levels
    ]
    return pd.concat(lines, ignore_index=True)
