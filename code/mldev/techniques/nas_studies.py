"""The chapter's comparisons that are too long for a build."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from mldev.studies import Study
from mldev.techniques.nas_network import accuracy, load_data, train
from mldev.techniques.nas_noise import kendall, spearman
from mldev.techniques.nas_search import (
    Table,
    random_search,
    regularised_evolution,
    tpe_search,
    winner_of_final,
)
from mldev.techniques.nas_space import Graph, architectures
from mldev.techniques.nas_supernet import (
    path_scores,
    slope_scores,
    train_paths,
    train_slopes,
)
from mldev.techniques.nas_table import CHAPTER, SEEDS
from mldev.techniques.nas_table import STUDIES as TABLE_STUDIES

BUDGET = 100  # trainings of one search
NUM_SEARCHES = 100
TPE_START = 6  # trainings of a TPE run that are drawn at random for every seed
NUM_LOOKS = 200  # validation images on which the supernet judges each architecture
PATH_STEPS = (0, 160, 640)
SLOPE_STEPS = 120  # costs as much as 640 steps by paths
NUM_NETS = 10
NUM_FINAL = 20

# What one would draw by hand with three convolutions: a chain, and the same with a way around it.
CHAIN: Graph = ((0, 1, "conv3x3"), (1, 2, "conv3x3"), (2, 3, "conv3x3"))
RESIDUAL: Graph = ((0, 1, "conv3x3"), (0, 3, "skip"), (1, 2, "conv3x3"), (2, 3, "conv3x3"))  # fmt: skip


@cache
def load_table() -> Table:
    """The kept table, its rows in the order of `architectures()`."""
    rows = TABLE_STUDIES["table"].rows()
    scores = rows[[f"valid_{seed}" for seed in SEEDS]].to_numpy(float)
    return Table(architectures(), scores)


def tpe_row(row: dict) -> dict:
    table = load_table()
    evaluate = table.one_training(row["seed"])
    trained = tpe_search(evaluate, BUDGET, row["seed"])
    curve = table.regret(trained, evaluate, table.judge(row["seed"]), BUDGET)
    hit = table.evaluations_to(table.top(), trained, BUDGET)
    return {"evaluations": hit, "trained": len(trained)} | {
        f"regret_{t}": round(float(value), 6) for t, value in enumerate(curve, start=1)
    }


def net_row(row: dict) -> dict:
    """A supernet's ranking against the table, and the accuracy of the architecture that it chooses.

    `rounded` is what the search by slopes would choose if it might also cut edges.
    """
    data, true = load_data(), load_table().mean
    if row["search"] == "slopes":
        logits = train_slopes(data, row["num_steps"], row["seed"])
        scores, choice = slope_scores(logits), slope_scores(logits, with_none=False)
    else:
        net = train_paths(data, row["num_steps"], row["seed"])
        scores = choice = path_scores(net, data, NUM_LOOKS)
    return {
        "kendall": kendall(scores, true),
        "spearman": spearman(scores, true),
        "chosen": float(true[choice.argmax()]),
        "rounded": float(true[scores.argmax()]),
    }


def comparable_tpe_row(row: dict) -> dict:
    """What another processor repeats: how many trainings there are, and those before TPE can break a tie."""
    again = tpe_row(row)
    names = ["trained", *(f"regret_{t}" for t in range(1, TPE_START + 1))]
    return {name: again[name] for name in names}


def comparable_net_row(row: dict) -> dict:
    """The correlations alone: which architecture comes first hangs on near ties."""
    again = net_row(row)
    return {name: again[name] for name in ("kendall", "spearman")}


def contender(kind: str, seed: int) -> Graph:
    """The cells that meet on test data."""
    if kind == "evolution":
        return winner_of_final(regularised_evolution, load_table(), seed)
    if kind == "random search":
        return winner_of_final(random_search, load_table(), seed)
    if kind == "random cell":
        return random_search(lambda graph: 0.0, 1, seed)[0]
    if kind != "residual":
        raise ValueError(f"kind: {kind!r}; allowed: {', '.join(KINDS)}")
    return RESIDUAL


KINDS = ("evolution", "random search", "random cell", "residual")


def final_row(row: dict) -> dict:
    """Train the cell, twice in a row, on all images that the search saw; look at the test images once."""
    data = load_data()
    whole = replace(
        data,
        X_train=torch.cat([data.X_train, data.X_valid]),
        y_train=torch.cat([data.y_train, data.y_valid]),
    )
    graph = contender(row["kind"], row["seed"])
    network = train(graph, [100 + row["seed"]], whole, num_epochs=3, num_cells=2)
    return {"test": float(accuracy(network, data.X_test, data.y_test)[0])}


STUDIES: dict[str, Study] = {
    "tpe": Study(
        f"{CHAPTER}-tpe",
        tpe_row,
        [{"seed": seed} for seed in range(NUM_SEARCHES)],
        tolerance=1e-5,
    ),
    "supernets": Study(
        f"{CHAPTER}-supernets",
        net_row,
        [
            {"search": search, "num_steps": steps, "seed": seed}
            for search, steps in [
                *(("paths", steps) for steps in PATH_STEPS),
                ("slopes", SLOPE_STEPS),
            ]
            for seed in range(NUM_NETS)
        ],
        tolerance=0.1,
    ),
    "final": Study(
        f"{CHAPTER}-final",
        final_row,
        [{"kind": kind, "seed": seed} for seed in range(NUM_FINAL) for kind in KINDS],
        tolerance=0.03,
    ),
}

# Rechecks of these compare what is stable between processors, whose products differ in the last digit.
COMPARABLE_TPE = replace(STUDIES["tpe"], run_row=comparable_tpe_row)
COMPARABLE_NETS = replace(
    STUDIES["supernets"], run_row=comparable_net_row, tolerance=0.25
)
