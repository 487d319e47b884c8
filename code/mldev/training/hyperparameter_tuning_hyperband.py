"""Successive halving and Hyperband by hand: give many configurations little, and the few that survive more."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mldev.training.hyperparameter_tuning_space import Params

Score = Callable[[Params, int], float]


@dataclass(frozen=True)
class Rung:
    """So many configurations, each trained up to so much."""

    num_configs: int
    budget: int


@dataclass(frozen=True)
class Look:
    """One score seen during a search, and what it cost to see it."""

    config: Params
    budget: int
    loss: float
    cost: int


def bracket(num_configs: int, budget: int, max_budget: int, eta: int = 3) -> list[Rung]:
    """Rungs of one round of successive halving: keep 1/eta of the configurations, train them eta times longer."""
    if eta < 2:
        raise ValueError(f"eta: {eta}; at least 2, or nothing is ever dropped")
    if num_configs < 1 or not 1 <= budget <= max_budget:
        raise ValueError(
            f"num_configs: {num_configs}, budget: {budget}; at least 1, and budget <= {max_budget}"
        )
    rungs = []
    while num_configs >= 1 and budget <= max_budget:
        rungs.append(Rung(num_configs, budget))
        num_configs, budget = num_configs // eta, budget * eta
    return rungs


def hyperband_brackets(max_budget: int, eta: int = 3) -> list[list[Rung]]:
    """All brackets of Hyperband, from the boldest (many, briefly) to the most careful (few, in full)."""
    if max_budget < 1 or eta < 2:
        raise ValueError(f"max_budget: {max_budget}, eta: {eta}; at least 1 and 2")
    s_max = 0
    while eta ** (s_max + 1) <= max_budget:
        s_max += 1
    return [
        bracket(
            math.ceil((s_max + 1) / (s + 1) * eta**s),
            max_budget // eta**s,
            max_budget,
            eta,
        )
        for s in range(s_max, -1, -1)
    ]


def successive_halving(
    configs: list[Params], rungs: list[Rung], score: Score, resume: bool = True
) -> Iterator[Look]:
    """Train all configurations to the first rung's budget, keep the best for the next rung, and so on.

    Parameters
    ----------
    score
        Loss of a configuration trained up to a budget; lower is better.
    resume
        True when training goes on from where it stopped (epochs, trees), so that only the difference is paid;
        False when every rung starts anew (training-set sizes).
    """
    paid = 0
    for rung in rungs:
        survivors = configs[: rung.num_configs]
        looks = [
            Look(c, rung.budget, score(c, rung.budget), rung.budget - paid)
            for c in survivors
        ]
        yield from looks
        configs = [look.config for look in sorted(looks, key=lambda look: look.loss)]
        paid = rung.budget if resume else 0


def hyperband(
    draw: Callable[[int], list[Params]],
    brackets: list[list[Rung]],
    score: Score,
    resume: bool = True,
) -> Iterator[Look]:
    """Run the brackets one after the other, each with fresh configurations, again and again, for ever."""
    while True:
        for rungs in brackets:
            yield from successive_halving(
                draw(rungs[0].num_configs), rungs, score, resume
            )


def cost_to_reach(
    looks: Iterator[Look], target: float, max_budget: int, cap: int
) -> tuple[int, bool]:
    """What a search paid until a fully trained configuration was at least as good as the target.

    Returns
    -------
    cost, reached
        The cost is cut at ``cap`` when the search had not reached the target by then.
    """
    cost = 0
    for look in looks:
        cost += look.cost
        if cost >= cap:
            break
        if look.budget == max_budget and look.loss <= target:
            return cost, True
    return cap, False
