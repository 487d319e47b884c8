"""Titles of docstrings, read by three models: a bag of words, a recurrent network, and a network that ignores order.

Two questions are put to them: which library is this title from, and are its words in their order?
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import nn

from mldev import datasets

TASKS = ("library", "order")
MODELS = ("bag of words", "recurrent", "mean of words")
NUM_TRAIN, NUM_TEST = 4000, 1200
SHORTEST, LONGEST = 4, 12  # words in a title
SIZE = 32  # of a word's and of the state's vector
NUM_EPOCHS = 3


@dataclass(frozen=True)
class Titles:
    """Titles as lists of word numbers (0 stands for a word that the training titles hold once or never)."""

    train: list[list[int]]
    test: list[list[int]]
    y_train: np.ndarray
    y_test: np.ndarray
    vocabulary: dict[str, int]

    @property
    def num_classes(self) -> int:
        """How many answers there are."""
        return int(self.y_train.max()) + 1


@cache
def all_titles() -> tuple[list[list[str]], np.ndarray]:
    """The words of each title of fitting length, and the number of its library."""
    docstrings = datasets.load("docstrings")
    words = [
        re.findall(r"[a-z]+|[^\sa-z]", t.lower()) for t in docstrings.frame["title"]
    ]
    fits = [i for i, title in enumerate(words) if SHORTEST <= len(title) <= LONGEST]
    return [words[i] for i in fits], docstrings.labels[fits]


def titles(task: str, seed: int) -> Titles:
    """Training and test titles of a task; for "order", half as many, each as written and shuffled."""
    if task not in TASKS:
        raise ValueError(f"task: expected one of {', '.join(TASKS)}, got {task!r}")
    rng = np.random.default_rng(seed)
    words, library = all_titles()
    counts = np.array((NUM_TRAIN, NUM_TEST)) // (2 if task == "order" else 1)
    rows = rng.permutation(len(words))
    parts = np.split(rows[: counts.sum()], [counts[0]])
    frequency = Counter(word for row in parts[0] for word in words[row])
    known = sorted(word for word, count in frequency.items() if count > 1)
    vocabulary = {word: number for number, word in enumerate(known, start=1)}
    numbers = [
        [[vocabulary.get(word, 0) for word in words[row]] for row in part]
        for part in parts
    ]
    labels = [library[part] for part in parts]
    if task == "order":
        labels = [np.repeat((1, 0), len(part)) for part in numbers]
        numbers = [part + [list(rng.permutation(t)) for t in part] for part in numbers]
    return Titles(*numbers, *labels, vocabulary)


class Reader(nn.Module):
    """A recurrent network: it reads word by word and keeps a state."""

    def __init__(self, num_words: int, num_classes: int, size: int = SIZE) -> None:
        super().__init__()
        self.words = nn.Embedding(num_words, size)
        self.step = nn.Linear(2 * size, size)
        self.answer = nn.Linear(size, num_classes)

    def forward(self, titles: torch.Tensor) -> torch.Tensor:  # (B, T) -> (B, C)
        """Logits of a batch of titles of equal length."""
        state = torch.zeros(len(titles), self.answer.in_features)  # (B, S)
        for word in self.words(titles).unbind(1):  # T times (B, S)
            both = torch.cat([word, state], dim=1)  # (B, 2S)
            state = torch.tanh(self.step(both))
        return self.answer(state)


class Averager(nn.Module):
    """The same without a loop: the mean of the words' vectors, which forgets their order."""

    def __init__(self, num_words: int, num_classes: int, size: int = SIZE) -> None:
        super().__init__()
        self.words = nn.Embedding(num_words, size)
        self.answer = nn.Linear(size, num_classes)

    def forward(self, titles: torch.Tensor) -> torch.Tensor:  # (B, T) -> (B, C)
        """Logits of a batch of titles of equal length."""
        return self.answer(self.words(titles).mean(dim=1))


def equal_lengths(
    texts: list[list[int]], rng: np.random.Generator, batch_size: int = 64
) -> list[np.ndarray]:
    """Rows of batches in a random order; within a batch all titles are equally long."""
    lengths, batches = np.array([len(text) for text in texts]), []
    for length in np.unique(lengths):
        rows = rng.permutation(np.flatnonzero(lengths == length))
        batches += np.split(rows, np.arange(batch_size, len(rows), batch_size))
    return [batches[place] for place in rng.permutation(len(batches))]


def train_reader(
    data: Titles, seed: int, kind: type[nn.Module] = Reader, learning_rate: float = 0.01
) -> nn.Module:
    """Train a network on the titles, a few passes over all."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = kind(len(data.vocabulary) + 1, data.num_classes)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    for _ in range(NUM_EPOCHS):
        for rows in equal_lengths(data.train, rng):
            batch = torch.tensor([data.train[row] for row in rows])
            answers = torch.from_numpy(data.y_train[rows])
            loss = nn.functional.cross_entropy(model(batch), answers)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def read(model: nn.Module, texts: list[list[int]]) -> np.ndarray:
    """The model's answer to each title."""
    answers = np.empty(len(texts), dtype=int)
    with torch.no_grad():
        for rows in equal_lengths(texts, np.random.default_rng(0), 512):
            batch = torch.tensor([texts[row] for row in rows])
            answers[rows] = model(batch).argmax(1).numpy()
    return answers


def bag_of_words(data: Titles) -> np.ndarray:
    """What scikit-learn answers to the test titles from how often each word occurs in them."""
    count_words = CountVectorizer(analyzer=lambda title: title)
    model = make_pipeline(count_words, LogisticRegression(max_iter=500))
    return model.fit(data.train, data.y_train).predict(data.test)


def scores(task: str, seed: int) -> dict[str, float]:
    """Test accuracy of the three models; the seed also parts the titles."""
    data = titles(task, seed)
    answers = (
        bag_of_words(data),
        read(train_reader(data, seed), data.test),
        read(train_reader(data, seed, Averager), data.test),
    )
    right = (float(np.mean(answer == data.y_test)) for answer in answers)
    return dict(zip(MODELS, right, strict=True))
