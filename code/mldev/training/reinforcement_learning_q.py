"""Q-learning on a table, and the rival that uses the same experience otherwise: count, then plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from mldev.training.reinforcement_learning_decisions import (
    Decisions,
    best_policy,
    greedy,
    policy_value,
    value_iteration,
)

StepSize = Callable[[int], float]  # of how often the action was taken in the state


def constant(step_size: float) -> StepSize:
    """The same step for ever."""
    return lambda visits: step_size


def decaying(power: float = 0.7) -> StepSize:
    """Steps that shrink with the visits, slowly enough to forget the start."""
    return lambda visits: visits**-power


def q_update(
    q: np.ndarray,
    state: int,
    action: int,
    reward: float,
    next_state: int,
    terminated: bool,
    step_size: float,
    discount: float,
) -> float:
    """Move one entry of the table towards its target, in place; returns the error that it saw."""
    future = 0.0 if terminated else q[next_state].max()
    error = reward + discount * future - q[state, action]
    q[state, action] += step_size * error
    return error


@dataclass(frozen=True)
class Experience:
    """Everything an agent has lived through: one entry for each step."""

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_states: np.ndarray


@dataclass(frozen=True)
class Learned:
    """The table of a Q-learner at some moments of its life, and its experience."""

    steps: tuple[int, ...]
    tables: np.ndarray  # (moments, S, A)
    experience: Experience


def q_learning(
    env: gym.Env,
    moments: tuple[int, ...],
    seed: int,
    discount: float,
    step_size: StepSize,
    epsilon: float = 0.2,
    initial: float = 0.0,
    cut_is_end: bool = False,
) -> Learned:
    """Act epsilon-greedily, learn from every step, and keep the table at the given moments.

    Parameters
    ----------
    env
        A Gymnasium environment with `Discrete` observations and actions.
    moments
        The numbers of steps after which the table is kept, rising; the last is the budget.
    seed, discount, step_size
        The seed of the world and of the choices; the discount; how far an update moves an entry.
    epsilon
        The share of steps in which an action is drawn at random.
    initial
        What every entry of the table is at first. High values make a curious agent.
    cut_is_end
        Whether to treat a time limit as the end of the world: a common error, here to be measured.
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon: {epsilon}; a number from 0 to 1")
    shape = (env.observation_space.n, env.action_space.n)
    q, visits = np.full(shape, float(initial)), np.zeros(shape, int)
    rng = np.random.default_rng(seed)
    state, lived, kept = int(env.reset(seed=seed)[0]), [], []
    for step in range(1, moments[-1] + 1):
        explore = rng.random() < epsilon
        action = int(rng.integers(shape[1]) if explore else q[state].argmax())
        next_state, reward, terminated, truncated, _ = env.step(action)
        visits[state, action] += 1
        size = step_size(int(visits[state, action]))
        over = terminated or (truncated and cut_is_end)
        q_update(q, state, action, reward, next_state, over, size, discount)
        lived.append((state, action, reward, next_state))
        state = int(env.reset()[0]) if terminated or truncated else int(next_state)
        if step in moments:
            kept.append(q.copy())
    columns = [np.array(column) for column in zip(*lived, strict=True)]
    return Learned(tuple(moments), np.stack(kept), Experience(*columns))


def counted(experience: Experience, num_steps: int, like: Decisions) -> Decisions:
    """The world as the first steps of some experience show it: shares of next states, mean rewards.

    An action never tried is taken to change nothing and to earn nothing. Only the sizes and the discount of `like`
    are used.
    """
    states, actions = experience.states[:num_steps], experience.actions[:num_steps]
    arrived = experience.next_states[:num_steps]
    moves = np.zeros_like(like.moves)
    rewards, visits = np.zeros_like(like.rewards), np.zeros_like(like.rewards)
    np.add.at(moves, (actions, states, arrived), 1)
    np.add.at(rewards, (states, actions), experience.rewards[:num_steps])
    np.add.at(visits, (states, actions), 1)
    unseen_states, unseen_actions = np.nonzero(visits == 0)
    moves[unseen_actions, unseen_states, unseen_states] = 1
    tried = np.maximum(visits, 1)
    return Decisions(moves / tried.T[:, :, None], rewards / tried, like.discount)


def shortfall(problem: Decisions, policy: np.ndarray, start: int = 0) -> float:
    """The share of the optimal return that a policy gives away, from the start; exact, without simulation."""
    best = value_iteration(problem)[start]
    return float(1 - policy_value(problem, policy)[start] / best)


def shortfalls(learned: Learned, problem: Decisions) -> np.ndarray:
    """Of the greedy policy of each kept table."""
    return np.array([shortfall(problem, greedy(q)) for q in learned.tables])


def planned_shortfalls(learned: Learned, problem: Decisions) -> np.ndarray:
    """Of the policy that is best in the world as counted so far, from the same experience."""
    plans = (
        best_policy(counted(learned.experience, n, problem)) for n in learned.steps
    )
    return np.array([shortfall(problem, plan) for plan in plans])
