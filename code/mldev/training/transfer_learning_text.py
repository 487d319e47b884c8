"""An encoder of docstrings: it learns on three libraries which passages belong together, and is transferred to others.

No label is needed for that. The target is a question with labels: which module is this docstring from?
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, OrderedDict
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from mldev import datasets
from mldev.training.transfer_learning_glyphs import Task
from mldev.training.transfer_learning_loop import matching_loss

TEXT_LAYERS = ("words", "hidden", "head")
SOURCE = ("matplotlib", "numpy", "pandas")
# the eight largest modules of each library, fewer where they are small
CHOOSING = ("statsmodels",)
JUDGING = ("scipy", "sklearn")
NUM_MODULES = {"statsmodels": 6, "scipy": 8, "sklearn": 8}
WIDTH = 64
READ_LENGTH, WINDOW, SOURCE_LENGTH = 60, 30, 400  # words that are read
RAREST = 5  # a word that fewer source texts hold shares a bucket with others
NUM_BUCKETS = 500
SOURCE_STEPS, SOURCE_BATCH, SOURCE_RATE, SHARPNESS = 300, 128, 0.003, 15.0
MOST_LABELS, NUM_TEST = 20, 18  # texts of each module


def words(text: str) -> list[str]:
    """The text's words, in lower case, without digits and signs."""
    return re.findall(r"[a-z]+", text.lower())


@lru_cache(maxsize=1)
def texts() -> pd.DataFrame:
    """All docstrings: name, library, module, title, body."""
    return datasets.load("docstrings").frame


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, int]:
    """The number of each word of the source; 0 stands for no word."""
    chosen = texts()[texts()["library"].isin(SOURCE)]
    counts = Counter(
        word
        for title, body in zip(chosen["title"], chosen["body"], strict=True)
        for word in set(words(f"{title} {body}"))
    )
    known = sorted(word for word, count in counts.items() if count >= RAREST)
    return {word: number for number, word in enumerate(known, start=1)}


def encode(some: list[str], length: int) -> torch.Tensor:
    """Word numbers, (texts, length), filled with zeros; unknown words share buckets."""
    numbers = vocabulary()
    rows = torch.zeros(len(some), length, dtype=torch.long)
    for row, text in zip(rows, some, strict=True):
        for place, word in enumerate(words(text)[:length]):
            bucket = zlib.crc32(word.encode()) % NUM_BUCKETS
            row[place] = numbers.get(word, len(numbers) + 1 + bucket)
    return rows


def reader(num_classes: int, seed: int) -> nn.Sequential:
    """The mean of the words' vectors, one hidden layer, and a head; each works on values of one size."""
    torch.manual_seed(seed)
    num_words = len(vocabulary()) + 1 + NUM_BUCKETS
    vectors = nn.EmbeddingBag(num_words, WIDTH, mode="mean", padding_idx=0)
    with torch.no_grad():
        vectors.weight.mul_(0.1)  # so that a step of descent turns a vector
    hidden = nn.Sequential(
        nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.LayerNorm(WIDTH)
    )
    head = nn.Sequential(nn.Linear(WIDTH, num_classes))
    return nn.Sequential(OrderedDict(words=vectors, hidden=hidden, head=head))


@lru_cache(maxsize=5)
def pretrained_reader(seed: int) -> nn.Sequential:
    """The reader after it has learned to find, among 128 passages, the one from the same docstring as another."""
    chosen = texts()[texts()["library"].isin(SOURCE)]
    numbers = encode(list(chosen["title"] + " " + chosen["body"]), SOURCE_LENGTH)
    numbers = numbers[(numbers > 0).sum(dim=1) >= WINDOW]
    model, rng = reader(WIDTH, seed), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(model.parameters(), SOURCE_RATE)
    for _ in range(SOURCE_STEPS):
        rows = rng.choice(len(numbers), SOURCE_BATCH, replace=False)
        first, second = two_windows(numbers[rows], rng)
        loss = matching_loss(model(first), model(second), SHARPNESS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def two_windows(
    numbers: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two passages of each text that share no word's place: each text is cut, and a window taken on either side."""
    length = (numbers > 0).sum(dim=1).numpy()
    cut = (length * rng.uniform(0.3, 0.7, len(length))).astype(int)
    return (
        window(numbers, np.zeros_like(cut), cut, rng),
        window(numbers, cut, length, rng),
    )


def window(
    numbers: torch.Tensor,
    first: np.ndarray,
    last: np.ndarray,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Up to 30 words in a row of each text, from somewhere between two places; zeros where there are fewer."""
    room = np.maximum(last - first - WINDOW, 0)
    begin = first + (rng.random(len(first)) * (room + 1)).astype(int)
    places = begin[:, None] + np.arange(WINDOW)  # (B, 30)
    inside = torch.from_numpy(places < last[:, None])
    rows = np.arange(len(numbers))[:, None]
    taken = numbers[rows, np.minimum(places, numbers.shape[1] - 1)]
    return torch.where(inside, taken, 0)


def largest_modules(library: str) -> list[str]:
    """The modules of a library with the most docstrings."""
    if library not in NUM_MODULES:
        raise ValueError(
            f"library {library!r}: expected one of {', '.join(NUM_MODULES)}"
        )
    counts = texts().loc[texts()["library"] == library, "module"].value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    return order[: NUM_MODULES[library]]


def module_rows(
    library: str, labels_per_class: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, (classes, labels), and to be judged on, (classes, 18); fewer labels are part of more."""
    if not 1 <= labels_per_class <= MOST_LABELS:
        raise ValueError(
            f"labels_per_class {labels_per_class}: expected from 1 to {MOST_LABELS}"
        )
    rng, frame = np.random.default_rng(seed), texts()
    rows = np.stack(
        [
            rng.permutation(np.flatnonzero(frame["module"] == module))[
                : MOST_LABELS + NUM_TEST
            ]
            for module in largest_modules(library)
        ]
    )
    return rows[:, :labels_per_class], rows[:, -NUM_TEST:]


def module_task(library: str, labels_per_class: int, seed: int) -> Task:
    """Tell from the title and the first words of the body which module a docstring is from."""
    learn, judge = module_rows(library, labels_per_class, seed)
    numbers = torch.arange(len(learn))
    return Task(
        encode(shown(learn), READ_LENGTH),
        numbers.repeat_interleave(labels_per_class),
        encode(shown(judge), READ_LENGTH),
        numbers.repeat_interleave(NUM_TEST),
        tuple(largest_modules(library)),
    )


def shown(rows: np.ndarray) -> list[str]:
    """Title and body of these rows, cut to the words that are read."""
    frame = texts().iloc[rows.ravel()]
    both = frame["title"] + " " + frame["body"]
    return [" ".join(words(text)[:READ_LENGTH]) for text in both]


def word_counts(
    library: str,
    labels_per_class: int,
    seed: int,
    strength: float,
    only_known: bool = False,
) -> float:
    """Test accuracy of a logistic regression on weighted word counts (tf-idf), which needs no source.

    Parameters
    ----------
    library, labels_per_class, seed
        As for `module_task`.
    strength
        Of the regression: the inverse of its penalty.
    only_known
        Count only the words that have a vector of their own in the source.
    """
    learn, judge = module_rows(library, labels_per_class, seed)
    words_counted = list(vocabulary()) if only_known else None
    model = make_pipeline(
        TfidfVectorizer(
            sublinear_tf=True, vocabulary=words_counted, token_pattern="[a-z]+"
        ),
        LogisticRegression(C=strength, max_iter=1000),
    )
    model.fit(shown(learn), np.repeat(np.arange(len(learn)), labels_per_class))
    truth = np.repeat(np.arange(len(judge)), NUM_TEST)
    return float(model.score(shown(judge), truth))
