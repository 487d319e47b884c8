"""Policy gradients on tables: the exact return and its gradient, and REINFORCE that estimates it from episodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from mldev.training.reinforcement_learning_decisions import Decisions

Baseline = Callable[[int, int], float]  # of the step t and the state
Trajectory = list[tuple[int, int, float]]  # state, action, reward of each step


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the actions in each state: (S, A) -> (S, A)."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def returns_to_go(
    rewards: np.ndarray, discount: float, tail: float = 0.0
) -> np.ndarray:
    """The discounted sum of the rewards from each step on; `tail` is the value after the last."""
    returns = np.empty(len(rewards))
    for t in reversed(range(len(rewards))):
        tail = rewards[t] + discount * tail
        returns[t] = tail
    return returns


def score(probabilities: np.ndarray, state: int, action: int) -> np.ndarray:
    """The gradient of log pi(action | state) in all logits: (S, A)."""
    gradient = np.zeros_like(probabilities)
    gradient[state] = -probabilities[state]
    gradient[state, action] += 1
    return gradient


def policy_gradient(
    logits: np.ndarray, trajectory: Trajectory, discount: float, baseline: Baseline
) -> np.ndarray:
    """REINFORCE: one trajectory's estimate of the gradient of the expected return."""
    probabilities = softmax(logits)
    returns = returns_to_go(np.array([r for _, _, r in trajectory]), discount)
    gradient = np.zeros_like(logits)
    for t, (state, action, _) in enumerate(trajectory):
        advantage = returns[t] - baseline(t, state)
        gradient += discount**t * advantage * score(probabilities, state, action)
    return gradient


def values_by_step(
    problem: Decisions, policy: np.ndarray, num_steps: int
) -> np.ndarray:
    """What a policy still earns from each state when t steps are gone: (num_steps + 1, S), the last row zero."""
    values = np.zeros((num_steps + 1, problem.num_states))
    for t in reversed(range(num_steps)):
        values[t] = (policy * problem.lookahead(values[t + 1])).sum(axis=1)
    return values


def exact_return(
    problem: Decisions, logits: np.ndarray, start: int, num_steps: int
) -> float:
    """The expected discounted return of a softmax policy, without simulation."""
    return float(values_by_step(problem, softmax(logits), num_steps)[0, start])


def finite_differences(
    function: Callable[[np.ndarray], float], point: np.ndarray, step: float = 1e-5
) -> np.ndarray:
    """The gradient by nudging one number at a time, up and down."""
    gradient = np.zeros_like(point)
    for place in np.ndindex(*point.shape):
        nudge = np.zeros_like(point)
        nudge[place] = step
        rise = function(point + nudge) - function(point - nudge)
        gradient[place] = rise / (2 * step)
    return gradient


def all_trajectories(
    problem: Decisions, policy: np.ndarray, start: int, num_steps: int
) -> Iterator[tuple[float, Trajectory]]:
    """Every trajectory that can happen, with its probability. They multiply with every step: for tiny problems."""
    if num_steps == 0:
        yield 1.0, []
        return
    for action in range(problem.num_actions):
        chance = policy[start, action] * problem.moves[action, start]
        step = (start, action, float(problem.rewards[start, action]))
        for state in np.flatnonzero(chance):
            for rest, later in all_trajectories(
                problem, policy, int(state), num_steps - 1
            ):
                yield float(chance[state]) * rest, [step, *later]


@dataclass(frozen=True)
class Estimator:
    """Mean and total variance of the REINFORCE estimate over all trajectories, both exact."""

    mean: np.ndarray
    variance: float


def estimator(
    problem: Decisions,
    logits: np.ndarray,
    start: int,
    num_steps: int,
    baseline: Baseline,
) -> Estimator:
    """What REINFORCE estimates from one episode, on average, and how far it scatters around that."""
    chances, gradients = [], []
    for chance, trajectory in all_trajectories(
        problem, softmax(logits), start, num_steps
    ):
        chances.append(chance)
        gradients.append(
            policy_gradient(logits, trajectory, problem.discount, baseline)
        )
    found, weights = np.stack(gradients), np.array(chances)
    mean = np.tensordot(weights, found, axes=1)
    spread = np.square(found - mean).sum(axis=(1, 2))
    return Estimator(mean, float(weights @ spread))


def reinforce_table(
    env: gym.Env,
    num_steps: int,
    seed: int,
    discount: float,
    step_size: float = 0.5,
    episodes_per_update: int = 5,
    use_baseline: bool = True,
) -> Iterator[tuple[int, np.ndarray]]:
    """Learn the logits of a tabular policy by REINFORCE; yields the steps used and the policy after each update.

    The baseline of a state is a running mean of the returns seen from it. That mean also stands for what would have
    come after a cut, with and without baseline, so the two differ in what is subtracted and in nothing else. As is
    usual, the weight discount**t is left out of the update: later steps count in full.
    """
    num_states, num_actions = env.observation_space.n, env.action_space.n
    logits, values = np.zeros((num_states, num_actions)), np.zeros(num_states)
    rng, used = np.random.default_rng(seed), 0
    env.reset(seed=seed)
    while used < num_steps:
        gradient, probabilities = np.zeros_like(logits), softmax(logits)
        for _ in range(episodes_per_update):
            states, actions, rewards, last = _play(env, probabilities, rng)
            returns = returns_to_go(rewards, discount, values[last])
            advantages = returns - values[states] if use_baseline else returns
            np.add.at(gradient, states, -advantages[:, None] * probabilities[states])
            np.add.at(gradient, (states, actions), advantages)
            for state, seen in zip(states, returns, strict=True):
                values[state] += 0.1 * (seen - values[state])
            used += len(states)
        logits = logits + step_size * gradient / episodes_per_update
        yield used, softmax(logits)


def _play(
    env: gym.Env, probabilities: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """One episode: its states, actions, rewards, and the state where it stopped."""
    edges, state = probabilities.cumsum(axis=1), int(env.reset()[0])
    states, actions, rewards, over = [], [], [], False
    while not over:
        action = min(int((edges[state] < rng.random()).sum()), edges.shape[1] - 1)
        states.append(state)
        actions.append(action)
        state, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        over = terminated or truncated
    return np.array(states), np.array(actions), np.array(rewards), int(state)
