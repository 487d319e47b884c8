"""Learned features: an autoencoder for images, embeddings for a column of names, and codes for short texts."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder
from torch import nn
from torch.nn import functional

from mldev import datasets
from mldev.data.features_rulers import ORIGINS, OWN, YEARS, relation
from mldev.experiments import Interval
from mldev.introduction.classification import corrected_interval

SIZES = (20, 40, 80, 160)
CODE = 16
STRENGTHS = {  # how freely each encoding may follow single names, most freely first
    "none": (1.0,),
    "one-hot": (1.0, 0.3, 0.2, 0.1),
    "means": (2.0, 25.0, 50.0, 100.0),
    "cross-fitted means": (2.0, 25.0, 50.0, 100.0),
    "embedding": (0.001, 0.02, 0.03, 0.05),
}
NUM_UNLABELLED = 1200
PIECES = {"analyzer": "char_wb", "ngram_range": (3, 4)}  # of words


class Autoencoder(nn.Module):
    """Squeeze rows through a narrow layer and restore them; linear without `width`."""

    def __init__(self, num_inputs: int, code: int, width: int | None = 128) -> None:
        super().__init__()
        self.encoder = half(num_inputs, width, code)  # (N, inputs) -> (N, code)
        self.decoder = half(code, width, num_inputs)  # (N, code) -> (N, inputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """The restored rows."""
        return self.decoder(self.encoder(X))


def half(start: int, width: int | None, end: int) -> nn.Sequential:
    """One linear layer, or two with a rectifier between them."""
    if width is None:
        return nn.Sequential(nn.Linear(start, end))
    return nn.Sequential(nn.Linear(start, width), nn.ReLU(), nn.Linear(width, end))


def train_autoencoder(
    X: np.ndarray, seed: int, num_epochs: int = 40, learning_rate: float = 3e-3
) -> Autoencoder:
    """Learn to restore rows without labels."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = torch.tensor(X, dtype=torch.float32)
    model = Autoencoder(X.shape[1], CODE)
    optimizer = torch.optim.Adam(
        model.parameters(),
        lr=learning_rate,
        fused=True,  # all weights in one call
    )
    for _ in range(num_epochs):
        for rows in torch.randperm(len(data)).split(100):
            optimizer.zero_grad()
            functional.mse_loss(model(data[rows]), data[rows]).backward()
            optimizer.step()
    return model


def train_linear(X: np.ndarray, code: int, seed: int) -> Autoencoder:
    """A linear autoencoder, trained by L-BFGS in double precision until nothing moves."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    data = torch.tensor(X - X.mean(axis=0), dtype=torch.float64)
    model = Autoencoder(X.shape[1], code, width=None).double()
    optimizer = torch.optim.LBFGS(
        model.parameters(),
        max_iter=3000,
        tolerance_grad=1e-12,
        tolerance_change=1e-15,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.mse_loss(model(data), data)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def digits_run(seed: int, sizes: Sequence[int] = SIZES) -> list[dict]:
    """Test accuracy on digits from few labels: of pixels, of principal components, of an autoencoder's code.

    Components and code are learned from the same images without labels; the linear model and the labels are the same.
    """
    digits = datasets.load("digits")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.y))
    here, test = order[:NUM_UNLABELLED], order[NUM_UNLABELLED:]
    X, y = digits.X.astype(float), digits.y
    network = train_autoencoder(X[here], seed)
    components = PCA(CODE, random_state=0).fit(X[here])
    with torch.no_grad():
        inputs = torch.tensor(X, dtype=torch.float32)
        code, restored = network.encoder(inputs).numpy(), network(inputs).numpy()
    along = components.transform(X)
    linear = components.inverse_transform(along)
    sets = {
        "pixels": (X, 0.0),
        "components": (along, np.mean((linear - X)[test] ** 2)),
        "autoencoder": (code, np.mean((restored - X)[test] ** 2)),
        "components, unit variance": (along / along[here].std(axis=0), np.nan),
    }
    found = []
    for name, (features, error) in sets.items():
        centred = features - features[here].mean(axis=0)
        scaled = centred / centred[here].std()  # one number for the whole set
        for size in sizes:
            probe = LogisticRegression(max_iter=2000)
            probe.fit(scaled[here[:size]], y[here[:size]])
            accuracy = probe.score(scaled[test], y[test])
            row = {"seed": seed, "features": name, "labels": size}
            found.append(row | {"accuracy": accuracy, "error": float(error)})
    return found


def digits_interval(better: pd.Series, worse: pd.Series) -> Interval:
    """A difference over draws of the images, corrected for the images that the draws share."""
    num_test = len(datasets.load("digits").y) - NUM_UNLABELLED
    return corrected_interval(better - worse, NUM_UNLABELLED, num_test)


# --- a column with many names ----------------------------------------------------------


def learn_embedding(
    own: np.ndarray, names: np.ndarray, y: np.ndarray, count: int, decay: float
) -> np.ndarray:
    """Two numbers per name, learned with the other columns' weights: (count, 2)."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table, head = nn.Embedding(count, 2), nn.Linear(own.shape[1] + 2, 1)
    nn.init.normal_(table.weight, std=0.1)
    parameters = [*table.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(
        parameters,
        lr=0.03,
        weight_decay=decay,
        fused=True,
    )
    inputs = torch.tensor(own, dtype=torch.float32)
    answers = torch.tensor(y, dtype=torch.float32)
    index = torch.tensor(names)
    for _ in range(100):
        optimizer.zero_grad()
        score = head(torch.cat([inputs, table(index)], dim=1)).squeeze(1)
        functional.binary_cross_entropy_with_logits(score, answers).backward()
        optimizer.step()
    return table.weight.detach().numpy()


def encoded(
    way: str,
    strength: float,
    train: np.ndarray,
    test: np.ndarray,
    own: np.ndarray,
    y: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a column of names into numbers, for training and for test rows; what sees `y` sees the training rows."""
    a, b = train[:, None], test[:, None]
    if way == "none":
        return np.zeros((len(a), 0)), np.zeros((len(b), 0))
    if way == "one-hot":
        one = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(a)
        return strength * one.transform(a), strength * one.transform(b)
    if way in ("means", "cross-fitted means"):
        splits = StratifiedKFold(5, shuffle=True, random_state=0)
        mean = TargetEncoder(target_type="binary", smooth=strength, cv=splits)
        crossed = mean.fit_transform(a, y)  # each row's mean comes from other rows
        return (crossed if "cross" in way else mean.transform(a)), mean.transform(b)
    if way != "embedding":
        raise ValueError(f"way {way!r}: expected one of {', '.join(STRENGTHS)}")
    names = np.unique(train)
    vectors = learn_embedding(
        own, np.searchsorted(names, train), y, len(names), strength
    )
    lookup = pd.DataFrame(vectors, index=names)
    return lookup.loc[train].to_numpy(), lookup.reindex(test).fillna(0).to_numpy()


def losses(
    way: str,
    strength: float,
    names: np.ndarray,
    own: np.ndarray,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Log loss of each test row: a logistic regression on the other columns and the encoded names."""
    pair = encoded(way, strength, names[train], names[test], own[train], y[train])
    model = LogisticRegression(max_iter=2000)
    model.fit(np.column_stack([own[train], pair[0]]), y[train])
    chance = model.predict_proba(np.column_stack([own[test], pair[1]]))[:, 1]
    return -np.log(np.where(y[test], chance, 1 - chance))


@lru_cache
def encoding_forecasts(
    way: str,
    shuffled: bool = False,
    tuned: bool = True,
    origins: Sequence[int] = ORIGINS,
) -> pd.DataFrame:
    """Rulers again: forecasts from the spell's own columns, and the country's name in one of the encodings.

    Each encoding's strength is the one of four that does best on the latest fifth of the training rows; without
    `tuned` it is the weakest restraint. With `shuffled` every spell gets the country of another one: the name then
    tells nothing.
    """
    _, spells = relation()
    spells = spells.sort_values("start_year", kind="stable")
    names = country = spells["country"].to_numpy(str)
    if shuffled:
        names = np.random.default_rng(0).permutation(names)
    words = OneHotEncoder(sparse_output=False).fit_transform(spells[OWN[:-1]])
    own = np.column_stack([words, (spells[["start_year"]] - 1980) / 20])
    start, long = spells["start_year"].to_numpy(), spells["long"].to_numpy()
    found = []
    for origin in origins:
        train = np.flatnonzero(start + YEARS <= origin)
        test = np.flatnonzero((start >= origin) & (start < origin + 5))
        early, late = np.split(train, [int(0.8 * len(train))])
        best = STRENGTHS[way][0]
        if tuned and len(STRENGTHS[way]) > 1:
            tried = [
                losses(way, strength, names, own, long, early, late).mean()
                for strength in STRENGTHS[way]
            ]
            best = STRENGTHS[way][int(np.argmin(tried))]
        loss = losses(way, best, names, own, long, train, test)
        found.append(pd.DataFrame({"country": country[test], "loss": loss}))
    return pd.concat(found, ignore_index=True)


# --- short texts -------------------------------------------------------------------------


@lru_cache
def titles() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Titles of three libraries' docstrings, their libraries, and 30 numbers for each title, learned without labels."""
    from skrub import StringEncoder

    texts = datasets.load("docstrings", libraries=["numpy", "pandas", "scipy"])
    title = texts.frame["title"].reset_index(drop=True)
    codes = StringEncoder(n_components=30, random_state=0).fit_transform(title)
    return title.to_numpy(str), texts.labels, codes.to_numpy()


def dealt(seed: int, num_labels: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """The titles of one seed, labelled and others; ten seeds share none."""
    mine = np.random.default_rng(0).permutation(len(titles()[0]))[seed % 10 :: 10]
    return mine[:num_labels], mine[num_labels:]


def titles_run(seed: int, num_labels: int = 200) -> dict[str, float]:
    """Which library does a function's title come from? Accuracy of encodings of the title, few of them labelled.

    The titles are dealt out to ten seeds, so two seeds share none. Each encoding's penalty is chosen inside the
    labelled titles; of the encodings, the string encoder alone has seen the unlabelled ones.
    """
    title, labels, codes = titles()
    train, test = dealt(seed, num_labels)
    first = np.array([words.split()[0] for words in title])[:, None]
    one = OneHotEncoder(handle_unknown="ignore")
    pieces = TfidfVectorizer(**PIECES)
    sets = {
        "whole title, one-hot": (one, title[:, None]),
        "first word, one-hot": (one, first),
        "TF-IDF, words": (TfidfVectorizer(), title),
        "TF-IDF, pieces of words": (pieces, title),
        "string encoder": (FunctionTransformer(), codes),
    }
    scores = {}
    for name, (encoder, texts) in sets.items():
        X = encoder.fit_transform(texts[train])
        probe = LogisticRegression(max_iter=2000, tol=1e-3)
        tuned = GridSearchCV(probe, {"C": [3, 30]}, cv=2).fit(X, labels[train])
        found = tuned.score(encoder.transform(texts[test]), labels[test])
        scores[name] = float(found)
    majority = np.bincount(labels[train]).argmax()
    return scores | {"most frequent": float(np.mean(labels[test] == majority))}
