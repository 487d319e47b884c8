"""The chapter's two comparisons, each over three problems: regret after so many trials, and cost to a score."""

import numpy as np
import pandas as pd

from mldev.studies import Study
from mldev.training.hyperparameter_tuning_costs import METHODS, cost
from mldev.training.hyperparameter_tuning_search import SEARCHES, regret
from mldev.training.hyperparameter_tuning_tables import CHAPTER, PROBLEMS

NUM_TRIALS = 50
NUM_SEEDS = 30
NUM_COST_SEEDS = {
    "full training": 200,
    "successive halving": 200,
    "Hyperband": 200,
}  # the cheap ones, by hand


def regret_row(row: dict) -> dict:
    problem = PROBLEMS[row["problem"]]
    losses = SEARCHES[row["method"]](problem, NUM_TRIALS, row["seed"])
    curve = regret(losses, problem.optimum, NUM_TRIALS)
    return {f"trial_{i + 1}": round(float(value), 6) for i, value in enumerate(curve)}


def cost_row(row: dict) -> dict:
    return {"cost": cost(PROBLEMS[row["problem"]], METHODS[row["method"]], row["seed"])}


STUDIES: dict[str, Study] = {
    "regret": Study(f"{CHAPTER}-regret", regret_row, [
        {"problem": problem, "method": method, "seed": seed}
        for problem in PROBLEMS for method in SEARCHES for seed in range(NUM_SEEDS)
    ], tolerance=1e-5),
    "costs": Study(f"{CHAPTER}-costs", cost_row, [
        {"problem": problem, "method": method, "seed": seed}
        for problem in PROBLEMS for method in METHODS for seed in range(NUM_COST_SEEDS.get(method, NUM_SEEDS))
    ]),
}  # fmt: skip


def regret_curves(rows: pd.DataFrame, problem: str, method: str) -> np.ndarray:
    """Regret by seed and trial: (seeds, trials), the seeds in order."""
    chosen = rows[
        (rows["problem"] == problem) & (rows["method"] == method)
    ].sort_values("seed")
    if chosen.empty:
        raise KeyError(f"no rows for problem {problem!r} and method {method!r}")
    return chosen[
        [name for name in rows.columns if name.startswith("trial_")]
    ].to_numpy(float)


def costs_of(rows: pd.DataFrame, problem: str, method: str) -> np.ndarray:
    """Cost by seed, the seeds in order."""
    chosen = rows[
        (rows["problem"] == problem) & (rows["method"] == method)
    ].sort_values("seed")
    if chosen.empty:
        raise KeyError(f"no rows for problem {problem!r} and method {method!r}")
    return chosen["cost"].to_numpy(float)
