"""Tasks that a network sets itself: turn the image and say how, or move it and find it again. No label is read.

The features that it learns on the way are scored by a linear probe with few labels: by a study, since hundreds of
networks are trained, and some of its rows are computed again at every build.
"""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from mldev.introduction.data import stratified_split
from mldev.introduction.data_experiments import NUM_TEST, digits
from mldev.studies import Study

NUM_TRAIN = 1200
SIZES = (10, 20, 40, 80, 160, 320, 640, 1200)
SIDE = 10  # pixels: the digits have 8, with one to spare on each side
MOVES = tuple((down, right) for down in range(-2, 3) for right in range(-2, 3))
NUM_EPOCHS = 40
BATCH_SIZE = 200
TEMPERATURE = 0.2
PRETEXTS = ("pixels", "untrained", "turned", "moved")
PLACES = ("centred", "off centre")
NUM_SEEDS = 20


def framed(X: np.ndarray, place: str, rng: np.random.Generator) -> np.ndarray:
    """Put each 8 x 8 digit into a frame of 10 x 10: in the middle, or anywhere; (N, 100), dark ground."""
    if place not in PLACES:
        raise ValueError(f"place {place!r}: expected one of {', '.join(PLACES)}")
    margin = SIDE - 8
    corners = np.full((len(X), 2), margin // 2)
    if place == "off centre":
        corners = rng.integers(0, margin + 1, (len(X), 2))
    frames = np.zeros((len(X), SIDE, SIDE))
    for frame, image, (top, left) in zip(
        frames, X.reshape(-1, 8, 8), corners, strict=True
    ):
        frame[top : top + 8, left : left + 8] = image
    return frames.reshape(len(X), -1)


def moved_copies(X: np.ndarray) -> np.ndarray:
    """Every image, moved by up to two pixels each way: (25 * N, 100), one move after the other."""
    images = X.reshape(-1, SIDE, SIDE)
    return np.concatenate(
        [np.roll(images, move, (1, 2)).reshape(len(X), -1) for move in MOVES]
    )


def encoder() -> nn.Sequential:
    """The network whose last layer becomes the features."""
    return nn.Sequential(
        nn.Linear(SIDE**2, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()
    )


def turned_loss(
    network: nn.Module, head: nn.Module, images: torch.Tensor
) -> torch.Tensor:
    """Turn every image by 0, 90, 180, 270 degrees; ask which turn it was."""
    squares = images.view(-1, SIDE, SIDE)
    turns = torch.cat([torch.rot90(squares, k, (1, 2)) for k in range(4)])
    answer = torch.arange(4).repeat_interleave(len(images))
    return functional.cross_entropy(head(network(turns.flatten(1))), answer)


def moved_loss(network: nn.Module, head: nn.Module, pair: torch.Tensor) -> torch.Tensor:
    """Of 2B moved images, (2B, 100), ask for each which other is the same."""
    found = functional.normalize(head(network(pair)), dim=1)  # (2B, 32)
    alike = found @ found.T / TEMPERATURE - 1e9 * torch.eye(len(pair))
    partner = torch.arange(len(pair)).roll(len(pair) // 2)
    return functional.cross_entropy(alike, partner)


def learn_features(
    X: np.ndarray, pretext: str, seed: int
) -> tuple[nn.Module, nn.Module]:
    """Train the encoder, and a head for the task's answer, on images (N, 100) without labels."""
    if pretext not in PRETEXTS[1:]:
        raise ValueError(f"pretext {pretext!r}: expected one of {PRETEXTS[1:]}")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network, head = encoder(), nn.Linear(128, 4 if pretext == "turned" else 32)
    if pretext == "untrained":
        return network, head
    loss_of = batch_loss(torch.tensor(X, dtype=torch.float32), pretext, network, head)
    parameters = [*network.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    # turning makes four images of one: half the epochs cost as much
    for _ in range(NUM_EPOCHS // 2 if pretext == "turned" else NUM_EPOCHS):
        for rows in torch.randperm(len(X)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_of(rows).backward()
            optimizer.step()
    return network, head


def batch_loss(
    images: torch.Tensor, pretext: str, network: nn.Module, head: nn.Module
) -> Callable[[torch.Tensor], torch.Tensor]:
    """From the rows of a batch to its loss in the pretext task."""
    if pretext == "turned":
        return lambda rows: turned_loss(network, head, images[rows])
    squares = images.view(-1, SIDE, SIDE)
    copies = torch.stack([torch.roll(squares, m, (1, 2)).flatten(1) for m in MOVES])

    def loss(rows: torch.Tensor) -> torch.Tensor:
        views = [copies[torch.randint(len(MOVES), rows.shape), rows] for _ in range(2)]
        return moved_loss(network, head, torch.cat(views))

    return loss


def turns_named(network: nn.Module, head: nn.Module, X: np.ndarray) -> float:
    """The share of turns of images that the network names rightly."""
    squares = torch.tensor(X, dtype=torch.float32).view(-1, SIDE, SIDE)
    with torch.no_grad():
        answers = [
            head(network(torch.rot90(squares, k, (1, 2)).flatten(1))).argmax(1)
            for k in range(4)
        ]
    right = [(answer == k).float().mean() for k, answer in enumerate(answers)]
    return float(torch.stack(right).mean())


def features(network: nn.Module, X: np.ndarray) -> np.ndarray:
    """What the network makes of images: (N, 128)."""
    with torch.no_grad():
        return network(torch.tensor(X, dtype=torch.float32)).numpy()


def probe(
    A: np.ndarray, y: np.ndarray, A_test: np.ndarray, y_test: np.ndarray, size: int
) -> float:
    """Test accuracy of a linear model on features, trained with the first few labels.

    All features of all images set the scale, which reads no label: a mean squared length of one.
    """
    centre = A.mean(axis=0)
    scale = np.sqrt(((A - centre) ** 2).sum(axis=1).mean())
    model = LogisticRegression(C=100, tol=3e-3, max_iter=300)
    model.fit((A[:size] - centre) / scale, y[:size])
    return float(model.score((A_test - centre) / scale, y_test))


def pretext_row(row: dict) -> dict:
    """One network, trained on one task and one way of placing the digits: its probe's accuracy for each size."""
    X, y = digits()
    train, test = stratified_split(
        y, (NUM_TRAIN, NUM_TEST), np.random.default_rng(row["seed"])
    )
    A = framed(X, row["place"], np.random.default_rng(1000 + row["seed"]))
    named = 0.0
    if row["pretext"] != "pixels":
        network, head = learn_features(A[train], row["pretext"], row["seed"])
        if row["pretext"] == "turned":
            named = round(turns_named(network, head, A[test]), 5)
        A = features(network, A)
    return {"turns_named": named} | {
        f"labels_{size}": round(probe(A[train], y[train], A[test], y[test], size), 5)
        for size in SIZES
    }


# a few of 597 test images: another processor trains a little apart
STUDIES: dict[str, Study] = {
    "pretexts": Study(
        "introduction/ways-of-learning-pretexts",
        pretext_row,
        [
            {"place": place, "pretext": pretext, "seed": seed}
            for place in PLACES
            for pretext in PRETEXTS
            for seed in range(NUM_SEEDS)
        ],
        tolerance=0.03,
    )
}
