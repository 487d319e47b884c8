"""The chapter's small world: keeping a deployed model fresh, as tables and as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from mldev.training.reinforcement_learning_decisions import Decisions

ACTIONS = ("serve", "label", "retrain")
COSTS = (0.0, 0.25, 0.6)  # of an action, in days of right answers
STALE = 10  # levels of staleness: 0 (fresh) to 9
BATCHES = 5  # batches of fresh labels that can be held: 0 to 4
REPAIR = 3  # levels that retraining takes off for each batch
LOSS = 0.1  # right answers lost for each level of staleness
DRIFT = 0.35  # chance that the world moves on by one level, each day
DISCOUNT = 0.95
DAYS = 60


def state_of(staleness: int, batches: int, num_batches: int = BATCHES) -> int:
    """The number of a state."""
    return staleness * num_batches + batches


def keeper(
    discount: float = DISCOUNT, stale: int = STALE, num_batches: int = BATCHES
) -> Decisions:
    """The tables of the world: each day serve, buy a batch of labels, or retrain on those you hold."""
    size = stale * num_batches
    moves, rewards = np.zeros((3, size, size)), np.zeros((size, 3))
    for staleness in range(stale):
        for held in range(num_batches):
            here = state_of(staleness, held, num_batches)
            after = {
                "serve": (staleness, held),
                "label": (staleness, min(held + 1, num_batches - 1)),
                "retrain": (max(staleness - REPAIR * held, 0), 0),
            }
            for action, name in enumerate(ACTIONS):
                left, kept = after[name]
                worse = min(left + 1, stale - 1)
                moves[action, here, state_of(left, kept, num_batches)] += 1 - DRIFT
                moves[action, here, state_of(worse, kept, num_batches)] += DRIFT
                rewards[here, action] = 1 - LOSS * staleness - COSTS[action]
    return Decisions(moves, rewards, discount)


class ModelKeeper(gym.Env):
    """The same world for an agent that does not know the tables: it sees states and rewards, and acts."""

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self) -> None:
        tables = keeper()
        self._edges = tables.moves.cumsum(axis=2)  # (A, S, S)
        self._rewards = tables.rewards
        self.observation_space = spaces.Discrete(tables.num_states)
        self.action_space = spaces.Discrete(tables.num_actions)
        self._state = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Begin with a fresh model and no labels, or in the state that `options` name: `{"state": 32}`."""
        super().reset(seed=seed)
        state = (options or {}).get("state", 0)
        if not self.observation_space.contains(state):
            raise ValueError(
                f"options: state {state!r}; a number from 0 to {self.observation_space.n - 1}"
            )
        self._state = int(state)
        return self._state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Spend a day. The world never ends by itself: `terminated` is always false."""
        if not self.action_space.contains(action):
            raise ValueError(f"action: {action!r}; 0, 1 or 2 ({', '.join(ACTIONS)})")
        reward = float(self._rewards[self._state, action])
        row = self._edges[action, self._state]
        drawn = np.searchsorted(row, self.np_random.random(), side="right")
        self._state = min(int(drawn), len(row) - 1)
        return self._state, reward, False, False, {}


def make_keeper(days: int = DAYS) -> gym.Env:
    """The environment, cut off after so many days: `truncated`, not `terminated`."""
    return gym.wrappers.TimeLimit(ModelKeeper(), max_episode_steps=days)
