"""REINFORCE with networks: an actor, a critic as its baseline, and one update from a few episodes.

The actor's update is the policy gradient of the chapter, and nothing else: no clipping, no entropy bonus, no second
pass over the same episodes. An episode that was cut off by a time limit goes on in the critic's estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from mldev.training.reinforcement_learning_policy import returns_to_go

Collect = Callable[["Agent", np.random.Generator], "list[Episode]"]


@dataclass(frozen=True)
class Episode:
    """What an agent saw, did and received, from a start to an end.

    `final` is the observation at which a time limit cut the episode off; None where it ended by itself.
    """

    observations: np.ndarray  # (T, D)
    actions: np.ndarray  # (T,)
    rewards: np.ndarray  # (T,)
    final: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rewards)


def mlp(num_inputs: int, width: int, num_outputs: int) -> nn.Sequential:
    """One hidden layer; the outputs start near zero, so that a new policy is nearly uniform."""
    last = nn.Linear(width, num_outputs)
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.zero_()
    return nn.Sequential(nn.Linear(num_inputs, width), nn.Tanh(), last)


class Agent(nn.Module):
    """An actor that turns observations into logits of actions, and a critic that foretells the return."""

    def __init__(
        self, num_inputs: int, num_actions: int, width: int = 32, seed: int = 0
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.actor = mlp(num_inputs, width, num_actions)
        self.critic = mlp(num_inputs, width, 1)

    @torch.no_grad()
    def act(
        self, observations: np.ndarray, rng: np.random.Generator | None = None
    ) -> np.ndarray:
        """One action for each observation: drawn from the policy, or its most likely one without `rng`."""
        logits = self.actor(torch.from_numpy(observations)).numpy()  # (B, A)
        if rng is not None:
            logits = logits + rng.gumbel(size=logits.shape)
        return logits.argmax(axis=-1)


def targets(agent: Agent, episode: Episode, discount: float) -> torch.Tensor:
    """The return from each step on; after a cut-off, the critic stands for what would have come."""
    tail = 0.0
    if episode.final is not None:
        with torch.no_grad():
            tail = float(agent.critic(torch.from_numpy(episode.final)[None]))
    returns = returns_to_go(episode.rewards, discount, tail)
    return torch.from_numpy(returns.astype(np.float32))  # (T,)


def losses(
    agent: Agent, episodes: list[Episode], discount: float, baseline: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """The actor's loss, whose gradient is minus the policy gradient per step, and the critic's."""
    observations = torch.from_numpy(np.concatenate([e.observations for e in episodes]))
    actions = torch.from_numpy(np.concatenate([e.actions for e in episodes]))
    returns = torch.cat([targets(agent, e, discount) for e in episodes])  # (N,)
    foretold = agent.critic(observations)[:, 0]  # (N,)
    advantage = returns - foretold.detach() if baseline else returns
    chosen = torch.log_softmax(agent.actor(observations), -1)
    chosen = chosen.gather(1, actions[:, None])[:, 0]  # (N,)
    actor_loss = -(chosen * advantage).mean()
    critic_loss = (foretold - returns).square().mean()
    return actor_loss, critic_loss


@dataclass(frozen=True)
class Recipe:
    """How an agent learns: the discount, the two step sizes, the width, with or without baseline."""

    discount: float = 0.99
    learning_rate: float = 0.01
    critic_rate: float = 0.01
    critic_steps: int = 5
    width: int = 32
    baseline: bool = True


def reinforce(
    agent: Agent, collect: Collect, recipe: Recipe, seed: int
) -> Iterator[list[Episode]]:
    """Collect episodes, update, and hand the episodes out; stop when `collect` returns none."""
    rng = np.random.default_rng(seed)
    actor = torch.optim.Adam(agent.actor.parameters(), lr=recipe.learning_rate)
    critic = torch.optim.Adam(agent.critic.parameters(), lr=recipe.critic_rate)
    while episodes := collect(agent, rng):
        actor_loss, _ = losses(agent, episodes, recipe.discount, recipe.baseline)
        actor.zero_grad()
        actor_loss.backward()
        actor.step()
        for _ in range(recipe.critic_steps):
            _, critic_loss = losses(agent, episodes, recipe.discount)
            critic.zero_grad()
            critic_loss.backward()
            critic.step()
        yield episodes


def play(
    env: gym.Env,
    choose: Callable[[np.ndarray], int],
    seed: int | None = None,
) -> Episode:
    """One episode of a Gymnasium environment with observations that are vectors."""
    seen, done, rewards = [env.reset(seed=seed)[0]], [], []
    terminated = truncated = False
    while not (terminated or truncated):
        done.append(choose(seen[-1]))
        observation, reward, terminated, truncated, _ = env.step(done[-1])
        seen.append(observation)
        rewards.append(reward)
    final = None if terminated else seen[-1]
    return Episode(np.stack(seen[:-1]), np.array(done), np.array(rewards), final)


def episodes_of(env: gym.Env, num_steps: int, per_update: int, seed: int) -> Collect:
    """A `Collect` that plays whole episodes, at least `per_update` steps at a time, until `num_steps` are used."""
    env.reset(seed=seed)
    used = 0

    def collect(agent: Agent, rng: np.random.Generator) -> list[Episode]:
        nonlocal used
        found: list[Episode] = []
        while used < num_steps and sum(map(len, found)) < per_update:
            found.append(play(env, lambda seen: int(agent.act(seen[None], rng)[0])))
            used += len(found[-1])
        return found

    return collect
