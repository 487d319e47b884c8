"""The chapter's studies: averaging over unlike clients, averaging over clients that cheat, tasks in a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from mldev.studies import Study
from mldev.training.at_scale_continual import Course, accuracies, learn
from mldev.training.at_scale_data import NUM_TASKS, NUM_TRAIN, digits, script_tasks
from mldev.training.at_scale_federated import (
    CLIENT_ROWS,
    MAX_STEP,
    NUM_CLIENTS,
    Clients,
    average,
    federated_averaging,
    median,
    sample_batches,
    screened_average,
    share_out,
    spread,
    trimmed_mean,
)
from mldev.training.at_scale_network import (
    CLASSES,
    Weights,
    accuracy,
    flat,
    initial_weights,
    scores,
    train,
)

CHAPTER = "training/at-scale"
NUM_SEEDS = 10
TASK_SEEDS = 6
NUM_STEPS = 200
BATCH = 16  # images per client and step
LEARNING_RATES = (0.1, 0.3, 1.0)
SKEWS = (0.1, 0.3, 1.0, 100.0)
LOCAL_STEPS = (1, 10, 50)
LOOKS = (50, 100, 150, 200)
TOLERANCE = 0.03  # of an accuracy: another processor trains a little apart
CHEATS = 2  # of the ten clients
COMBINERS = {
    "mean": average,
    "checked mean": screened_average,
    "median": median,
    "trimmed mean": trimmed_mean,
}


def pooled(X: torch.Tensor, y: torch.Tensor, seed: int) -> Clients:
    """All that the clients hold, in one place."""
    rows = np.random.default_rng([seed, 4]).permutation(NUM_TRAIN)
    rows = torch.tensor(rows[: NUM_CLIENTS * CLIENT_ROWS]).unsqueeze(0)
    return Clients(X[rows], y[rows])


def skew_row(row: dict) -> dict:
    """One federated training: accuracy on validation images along the way, on test images at its end.

    With 0 local steps, all images lie in one place, and a step sees as many of them as ten clients see together.
    """
    seed, data = row["seed"], digits(row["seed"])
    weights = initial_weights(seed)
    central = row["local_steps"] == 0
    if central:
        clients = pooled(data.X_train, data.y_train, seed)
    else:
        clients = share_out(data.X_train, data.y_train, row["skew"], seed)
    num_clients, held = clients.y.shape
    size = (num_clients, BATCH * NUM_CLIENTS // num_clients)
    local_steps = row["local_steps"] or 1
    rounds = federated_averaging(
        weights,
        clients,
        sample_batches(NUM_STEPS, held, size, seed),
        local_steps,
        row["learning_rate"],
    )
    found = {
        f"valid_{look}": accuracy(
            rounds[look // local_steps - 1], data.X_valid, data.y_valid
        )
        for look in LOOKS
    }
    found["test"] = accuracy(rounds[-1], data.X_test, data.y_test)
    return {name: round(value, 5) for name, value in found.items()}


def flipped(clients: Clients) -> Clients:
    """The cheats call every digit by another's name: d becomes 9 - d."""
    y = clients.y.clone()
    y[:CHEATS] = CLASSES - 1 - y[:CHEATS]
    return Clients(clients.X, y)


def broken(local: Weights, weights: Weights) -> Weights:
    """The cheats send what is not a number."""
    return {
        name: torch.cat([torch.full_like(w[:CHEATS], torch.nan), w[CHEATS:]])
        for name, w in local.items()
    }


def scaled(local: Weights, weights: Weights) -> Weights:
    """The cheats send their update turned round, and a hundred times too long."""
    return {
        name: torch.cat(
            [weights[name] - 100 * (w[:CHEATS] - weights[name]), w[CHEATS:]]
        )
        for name, w in local.items()
    }


def honest(local: Weights, weights: Weights) -> Weights:
    """Nobody cheats on the way."""
    return local


def cheat_row(row: dict) -> dict:
    """One federated training in which some clients send garbage: accuracy on test images."""
    seed, data = row["seed"], digits(row["seed"])
    clients = share_out(data.X_train, data.y_train, row["skew"], seed)
    if row["cheat"] == "turned labels":
        clients = flipped(clients)
    size = (NUM_CLIENTS, BATCH)
    rounds = federated_averaging(
        initial_weights(seed),
        clients,
        sample_batches(NUM_STEPS, CLIENT_ROWS, size, seed),
        10,
        0.3,
        COMBINERS[row["combine"]],
        {"not a number": broken, "scaled": scaled}.get(row["cheat"], honest),
    )
    return {"test": round(accuracy(rounds[-1], data.X_test, data.y_test), 5)}


def lengths_sent(
    seed: int, cheat: Callable[[Clients], Clients] = flipped
) -> np.ndarray:
    """How long every client's update is, with like clients and a server that checks: (rounds, clients)."""
    data = digits(seed)
    clients = cheat(share_out(data.X_train, data.y_train, SKEWS[-1], seed))
    lengths: list[np.ndarray] = []

    def look(local: Weights, weights: Weights) -> Weights:
        lengths.append((flat(local) - flat(weights)).norm(dim=1).numpy())
        return local

    batches = sample_batches(NUM_STEPS, CLIENT_ROWS, (NUM_CLIENTS, BATCH), seed)
    start = initial_weights(seed)
    federated_averaging(start, clients, batches, 10, 0.3, screened_average, look)
    return np.array(lengths)


def passing(lengths: np.ndarray) -> np.ndarray:
    """The share of the cheats' updates that the check lets through, round by round."""
    limit = MAX_STEP * torch.tensor(lengths).median(dim=1, keepdim=True).values
    return (lengths[:, :CHEATS] <= limit.numpy()).mean(axis=1)


def forgotten_by_clients(seed: int, skew: float, local_steps: int) -> dict[str, float]:
    """How the accuracy of the clients' copies changes in one round that begins with weights that all data have taught.

    On the digits that a client holds, on those that it lacks, on all of them (`copies`); and that of their `average`.
    """
    data = digits(seed)
    everything = pooled(data.X_train, data.y_train, seed)
    batches = sample_batches(NUM_STEPS, everything.y.shape[1], (1, 160), seed)
    start = federated_averaging(initial_weights(seed), everything, batches, 1, 0.3)[-1]
    clients = share_out(data.X_train, data.y_train, skew, seed)
    rows = sample_batches(local_steps, CLIENT_ROWS, (NUM_CLIENTS, BATCH), seed)
    local = train(spread(start, NUM_CLIENTS), clients.X, clients.y, rows, 0.3)

    def change(after: Weights, rows: torch.Tensor) -> float:
        X, y = data.X_valid[rows], data.y_valid[rows]
        return accuracy(after, X, y) - accuracy(start, X, y)

    everywhere = torch.ones_like(data.y_valid, dtype=torch.bool)
    changes: dict[str, list[float]] = {"held": [], "lacking": [], "copies": []}
    for client, labels in enumerate(clients.y):
        after = {name: w[client] for name, w in local.items()}
        holds = torch.isin(data.y_valid, labels)
        for name, where in zip(changes, (holds, ~holds, everywhere), strict=True):
            if where.any():
                changes[name].append(change(after, where))
    changes["average"] = [change(average(local, start, clients.sizes), everywhere)]
    return {name: float(np.mean(values)) for name, values in changes.items()}


def agreement(seed: int, skew: float, local_steps: int) -> float:
    """The length of the mean update as a share of the mean length, in the first round: 1 when all pull the same way."""
    data = digits(seed)
    clients = share_out(data.X_train, data.y_train, skew, seed)
    start = initial_weights(seed)
    rows = sample_batches(local_steps, CLIENT_ROWS, (NUM_CLIENTS, BATCH), seed)
    local = train(spread(start, NUM_CLIENTS), clients.X, clients.y, rows, 0.3)
    steps = flat(local) - flat(start)
    return float(steps.mean(dim=0).norm() / steps.norm(dim=1).mean())


def by_round(seed: int, skew: float, local_steps: int, num_rounds: int) -> list[float]:
    """The shared network's accuracy on validation images after every round of a federation that has time."""
    data = digits(seed)
    clients = share_out(data.X_train, data.y_train, skew, seed)
    size = (NUM_CLIENTS, BATCH)
    batches = sample_batches(num_rounds * local_steps, CLIENT_ROWS, size, seed)
    rounds = federated_averaging(
        initial_weights(seed), clients, batches, local_steps, 0.3
    )
    return [accuracy(weights, data.X_valid, data.y_valid) for weights in rounds]


def task_row(row: dict) -> dict:
    """One course over five scripts: the accuracy on every script so far after each, and the choice's criterion."""
    seed, tasks = row["seed"], script_tasks(row["seed"])
    course = Course(row["method"], row["told"], row["learning_rate"], row["strength"])
    found: dict[str, float] = {}

    def look(task: int, weights: Weights) -> None:
        right = accuracies(weights, tasks.X_test, tasks.y_test, course.told)
        found.update({f"test_{task}_{i}": right[i] for i in range(task + 1)})
        if task == NUM_TASKS - 1:
            valid = accuracies(weights, tasks.X_valid, tasks.y_valid, course.told)
            found["valid"] = float(np.mean(valid))

    learn(tasks, course, seed, look)
    return {name: round(value, 5) for name, value in found.items()}


def last_word(course: Course, seed: int) -> tuple[float, float, float]:
    """After all tasks, on the images of all but the last: two accuracies and how often the last task is the answer.

    The first accuracy is among all answers, the second among those of the right task.
    """
    tasks, ends = script_tasks(seed), []
    learn(tasks, course, seed, lambda task, weights: ends.append(weights))
    asked = tasks.X_test[:-1], tasks.y_test[:-1]
    free, hinted = (
        float(np.mean(accuracies(ends[-1], *asked, told))) for told in (False, True)
    )
    answers = scores(ends[-1], asked[0]).argmax(dim=-1)
    last = torch.isin(answers, tasks.y_test[-1])
    return free, hinted, float(last.double().mean())


STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0)
RATES = (0.3, 1.0)


def task_grid() -> list[dict]:
    """Every method with every setting that may be chosen for it."""
    settings = [(method, 0.0) for method in ("nothing", "replay", "joint")]
    settings += [("elastic", strength) for strength in STRENGTHS]
    return [
        {
            "told": told,
            "method": method,
            "strength": strength,
            "learning_rate": rate,
            "seed": seed,
        }
        for told in (True, False)
        for method, strength in settings
        for rate in RATES
        for seed in range(TASK_SEEDS)
    ]


def cheat_grid() -> list[dict]:
    """All cheats against all combiners where clients are alike, and honest clients that are not alike."""
    asked = [(100.0, cheat) for cheat in ("none", "not a number", "scaled")]
    asked += [(100.0, "turned labels"), (0.1, "none")]
    return [
        {"skew": skew, "cheat": cheat, "combine": combine, "seed": seed}
        for skew, cheat in asked
        for combine in COMBINERS
        for seed in range(NUM_SEEDS)
    ]


STUDIES: dict[str, Study] = {
    "skew": Study(
        f"{CHAPTER}-skew",
        skew_row,
        [
            {"skew": skew, "local_steps": steps, "learning_rate": rate, "seed": seed}
            for skew, steps in [
                *((s, e) for s in SKEWS for e in LOCAL_STEPS),
                (100.0, 0),  # all in one place
            ]
            for rate in LEARNING_RATES
            for seed in range(NUM_SEEDS)
        ],
        tolerance=TOLERANCE,
    ),
    "cheats": Study(f"{CHAPTER}-cheats", cheat_row, cheat_grid(), tolerance=TOLERANCE),
    "tasks": Study(f"{CHAPTER}-tasks", task_row, task_grid(), tolerance=0.06),
}


def best_setting(rows: pd.DataFrame, settings: list[str], criterion: str) -> dict:
    """The setting whose mean criterion over the seeds is best: chosen on validation images alone."""
    means = rows.groupby(settings)[criterion].mean()
    best = means.idxmax()
    return dict(
        zip(settings, best if isinstance(best, tuple) else (best,), strict=True)
    )


def chosen_rows(
    rows: pd.DataFrame, settings: list[str], criterion: str
) -> pd.DataFrame:
    """The rows of the best setting, in the order of the seeds."""
    best = best_setting(rows, settings, criterion)
    picked = np.all([rows[name] == value for name, value in best.items()], axis=0)
    return rows[picked].sort_values("seed")
