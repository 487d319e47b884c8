"""Markov decision processes as tables: the value of a policy, and value iteration, which finds the best one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Decisions:
    """A Markov decision process with S states and A actions, written out.

    Parameters
    ----------
    moves
        The probability of each next state: (A, S, S), every row a distribution.
    rewards
        The expected reward of an action in a state: (S, A).
    discount
        What a reward is worth if it comes a step later, from 0 up to but not including 1.
    """

    moves: np.ndarray
    rewards: np.ndarray
    discount: float

    def __post_init__(self) -> None:
        num_states, num_actions = self.rewards.shape
        if self.moves.shape != (num_actions, num_states, num_states):
            raise ValueError(
                f"moves: shape {self.moves.shape}; {(num_actions, num_states, num_states)} goes with these rewards"
            )
        if (self.moves < 0).any() or not np.allclose(self.moves.sum(axis=2), 1):
            raise ValueError("moves: every row must be a distribution")
        if not 0 <= self.discount < 1:
            raise ValueError(
                f"discount: {self.discount}; a number from 0 up to but not including 1"
            )

    @property
    def num_states(self) -> int:
        return self.rewards.shape[0]

    @property
    def num_actions(self) -> int:
        return self.rewards.shape[1]

    def with_discount(self, discount: float) -> Decisions:
        """The same world, seen by someone more or less patient."""
        return replace(self, discount=discount)

    def lookahead(self, values: np.ndarray) -> np.ndarray:
        """The worth of each action: its reward, and the discounted value of where it leads. (S,) -> (S, A)."""
        return self.rewards + self.discount * (self.moves @ values).T


def policy_value(problem: Decisions, policy: np.ndarray) -> np.ndarray:
    """The value of every state under a policy (S, A), exactly: the Bellman equation is linear."""
    moves = np.einsum("sa,ast->st", policy, problem.moves)
    rewards = (policy * problem.rewards).sum(axis=1)
    return np.linalg.solve(np.eye(len(rewards)) - problem.discount * moves, rewards)


def sweeps(problem: Decisions) -> Iterator[np.ndarray]:
    """Value iteration: the values after each sweep over all states, without end."""
    values = np.zeros(problem.num_states)
    while True:
        values = problem.lookahead(values).max(axis=1)
        yield values


def value_iteration(problem: Decisions, tolerance: float = 1e-10) -> np.ndarray:
    """The optimal value of every state, at most `tolerance` off."""
    if tolerance <= 0:
        raise ValueError(f"tolerance: {tolerance}; a positive number")
    before = np.zeros(problem.num_states)
    for values in sweeps(problem):
        gap = np.abs(values - before).max()
        if gap * problem.discount <= tolerance * (1 - problem.discount):
            break
        before = values
    return values


def greedy(worth: np.ndarray) -> np.ndarray:
    """The policy that always takes the best action (the first of equals): (S, A), one 1 in each row."""
    return np.eye(worth.shape[1])[worth.argmax(axis=1)]


def best_policy(problem: Decisions) -> np.ndarray:
    """An optimal policy: greedy about the optimal values."""
    return greedy(problem.lookahead(value_iteration(problem)))
