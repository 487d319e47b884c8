"""The data of the chapter on unsupervised learning: real ones, and synthetic ones whose groups are known."""

from functools import cache

import numpy as np
from scipy.ndimage import shift
from sklearn.feature_extraction.text import TfidfVectorizer

from mldev import datasets

WIDE = 10  # how many times wider the second cluster of `narrow_and_wide` is


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The handwritten digits: pixels (1797, 64) from 0 to 1, and labels."""
    images = datasets.load("digits")
    return np.asarray(images.X, dtype=float), images.y


@cache
def wine() -> tuple[np.ndarray, np.ndarray]:
    """Wines of three growers: 13 chemical measurements (178, 13) and the grower's number."""
    table = datasets.load("wine")
    return table.X.to_numpy(float), np.unique(table.y, return_inverse=True)[1]


@cache
def glyph_images(
    seed: int, num_classes: int = 10, samples: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Letters of many scripts, ten drawn with the seed, turned, moved and scaled at random: (n, 16, 16)."""
    drawn = datasets.load(
        "glyphs", num_classes=num_classes, samples=samples, size=16, seed=seed
    )
    return np.asarray(drawn.images, dtype=float), drawn.labels


def some_rows(
    X: np.ndarray, y: np.ndarray, num: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn at random without replacement, so that seeds differ in data and not in starts alone."""
    rows = np.random.default_rng(seed).permutation(len(X))[:num]
    return X[rows], y[rows]


def standardise(X: np.ndarray) -> np.ndarray:
    """Shift and scale each column to mean 0 and variance 1; a constant column becomes 0."""
    deviation = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def centre_ink(image: np.ndarray) -> np.ndarray:
    """Move an image so that its centre of mass lies in the middle."""
    size = np.array(image.shape)
    places = np.indices(image.shape).reshape(2, -1)
    mass = places @ image.ravel() / image.sum()
    return shift(image, (size - 1) / 2 - mass, order=1)


def flat(images: np.ndarray) -> np.ndarray:
    """One row of pixels per image."""
    return images.reshape(len(images), -1)


def grid_of_clusters(seed: int, side: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic: side x side round clusters of 20 points, six standard deviations apart."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(side**2), 20)
    centres = 6.0 * np.stack([y // side, y % side], axis=1)
    return centres + rng.normal(size=centres.shape), y


def separate_clusters(seed: int, num: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic: round clusters of 80 points in the plane, their centres at least seven standard deviations apart."""
    rng = np.random.default_rng(seed)
    centres = np.empty((0, 2))
    while len(centres) < num:
        new = rng.uniform(-12, 12, size=2)
        if np.all(np.hypot(*(centres - new).T) > 7):
            centres = np.vstack([centres, new])
    y = np.repeat(np.arange(num), 80)
    return centres[y] + rng.normal(size=(len(y), 2)), y


def noise(seed: int, num: int = 150, num_columns: int = 50) -> np.ndarray:
    """Synthetic: independent normal numbers. Whatever groups anyone finds in them are not there."""
    return np.random.default_rng(seed).normal(size=(num, num_columns))


def two_moons(seed: int, num: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic: two half circles that reach into each other."""
    rng = np.random.default_rng(seed)
    y = np.arange(num) % 2
    angle = np.pi * rng.random(num)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = np.where(y[:, None] == 0, upper, [1, 0.5] - upper)
    return X + 0.05 * rng.normal(size=X.shape), y


def narrow_and_wide(seed: int, num: int = 75) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic: two distant clusters in 20 dimensions, the second ten times as wide as the first."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], num)
    X = rng.normal(size=(2 * num, 20)) * np.where(y == 0, 1, WIDE)[:, None]
    X[:, 0] += 20 * WIDE * y
    return X, y


def near_and_far(
    seed: int, num_clusters: int = 6, num: int = 25
) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic: narrow clusters in 20 dimensions, some of them near one another and some far."""
    rng = np.random.default_rng(seed)
    reach = rng.uniform(3, 20, size=(num_clusters, 1))
    centres = reach * rng.normal(size=(num_clusters, 20))
    y = np.repeat(np.arange(num_clusters), num)
    return centres[y] + rng.normal(size=(len(y), 20)), y


@cache
def texts(seed: int = 0) -> tuple:
    """1,000 docstrings of six libraries: weighted word counts (sparse), the words, and the library of each row."""
    frame = datasets.load("docstrings").frame
    frame = frame.sample(1000, random_state=seed)
    words = TfidfVectorizer(
        max_features=1000,
        min_df=5,
        stop_words="english",
        token_pattern="[a-z]{3,}",
        sublinear_tf=True,
    )
    X = words.fit_transform(frame["title"] + " " + frame["body"])
    return X, words.get_feature_names_out(), frame["library"].to_numpy()
