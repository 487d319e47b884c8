"""The chapter's studies: learners with networks, and the contest over the learning rate."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import torch

from mldev.studies import Study
from mldev.training.reinforcement_learning_control import (
    FIRST_TEST_SEED,
    Controller,
    Log,
    controlled,
    controller_of,
    replayed,
    trained_agent,
    tuned_schedule,
)
from mldev.training.reinforcement_learning_decisions import Decisions, greedy
from mldev.training.reinforcement_learning_keeper import DISCOUNT, keeper, make_keeper
from mldev.training.reinforcement_learning_networks import (
    Agent,
    Recipe,
    episodes_of,
    play,
    reinforce,
)
from mldev.training.reinforcement_learning_policy import reinforce_table
from mldev.training.reinforcement_learning_q import shortfall
from mldev.training.reinforcement_learning_trainings import (
    FAMILIES,
    Family,
    Trainings,
)

CHAPTER = "training/reinforcement-learning"
NUM_SEEDS = 5
POLE_STEPS = 30_000
POLE_WINDOW = 3_000
POLE_EXAMS = 20  # episodes after learning, by the most likely action
POLE_SIZES = (0.003, 0.01, 0.03)  # of the actor's steps
POLE_SIZE = 0.01  # in the study `pole`
KEEPER_STEPS = 8_000
MOMENTS = (500, 1_000, 2_000, 4_000, 8_000, 16_000)  # of the learning curves on tables
STEP_SIZES = (0.05, 0.1, 0.25, 0.5, 1.0)
FIRST_TUNING_SEED = 100  # the page compares on seeds from 0 on
TUNING_RUNS = 300
TEST_RUNS = 40


def pole_row(row: dict) -> dict:
    """Learning to balance: mean length of the episodes that ended in each window of steps, and an exam at the end."""
    torch.set_num_threads(1)
    learn = ppo_on_pole if row["method"] == "PPO" else reinforce_on_pole
    lengths, ends, choose, updates = learn(row["method"], row["seed"])
    env = gym.make("CartPole-v1")
    exams = [len(play(env, choose, seed=10_000 + n)) for n in range(POLE_EXAMS)]
    exam = {"exam": float(np.mean(exams)), "updates": updates}
    return pole_windows(lengths, ends) | exam


def pole_windows(lengths: np.ndarray, ends: np.ndarray) -> dict[str, float]:
    """The mean length of the episodes that ended in each window of steps."""
    curve = {}
    for stop in range(POLE_WINDOW, POLE_STEPS + 1, POLE_WINDOW):
        inside = (ends > stop - POLE_WINDOW) & (ends <= stop)
        mean = float(np.mean(lengths[inside])) if inside.any() else float("nan")
        curve[f"steps_{stop}"] = round(mean, 3)
    return curve


def pole_size_row(row: dict) -> dict:
    """REINFORCE with one step size, on seeds of its own: the mean length of episodes, over the whole of learning."""
    torch.set_num_threads(1)
    taught = reinforce_on_pole(
        row["method"], FIRST_TUNING_SEED + row["seed"], row["step_size"]
    )
    return {"length": float(np.nanmean(list(pole_windows(*taught[:2]).values())))}


Taught = tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], int], int]


def reinforce_on_pole(method: str, seed: int, step_size: float = POLE_SIZE) -> Taught:
    """By hand: the episodes' lengths, the steps at which they ended, the greedy choice, and the actor's updates."""
    baseline = method == "REINFORCE with baseline"
    recipe = Recipe(learning_rate=step_size, baseline=baseline)
    agent = Agent(4, 2, recipe.width, seed)
    collect = episodes_of(gym.make("CartPole-v1"), POLE_STEPS, 500, seed)
    batches = list(reinforce(agent, collect, recipe, seed))
    lengths = np.array([len(episode) for batch in batches for episode in batch])
    return (
        lengths,
        lengths.cumsum(),
        lambda seen: int(agent.act(seen[None])[0]),
        len(batches),
    )


def ppo_on_pole(method: str, seed: int) -> Taught:
    """Stable-Baselines3's PPO, with the settings that its authors publish for this task."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    noted: list[tuple[int, int]] = []

    def note(variables: dict, _: dict) -> bool:
        steps = variables["self"].num_timesteps
        found = (i["episode"]["l"] for i in variables["infos"] if "episode" in i)
        noted.extend((int(length), steps) for length in found)
        return True

    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", 8, seed=seed),
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gae_lambda=0.8,
        gamma=0.98,
        learning_rate=lambda left: 0.001 * left,
        clip_range=lambda left: 0.2 * left,
        seed=seed,
        device="cpu",
    ).learn(POLE_STEPS, callback=note)
    lengths, ends = np.array(noted).T
    updates = model._n_updates * model.n_steps * model.n_envs // model.batch_size
    return (
        lengths,
        ends,
        lambda seen: int(model.predict(seen, deterministic=True)[0]),
        updates,
    )


def keeper_row(row: dict) -> dict:
    """Stable-Baselines3's DQN on the world of the model keeper: the share of the optimal return that it gives away."""
    from stable_baselines3 import DQN

    torch.set_num_threads(1)
    faster = dict(
        learning_rate=1e-3, target_update_interval=500, exploration_fraction=0.5
    )
    model = DQN(
        "MlpPolicy",
        make_keeper(),
        gamma=DISCOUNT,
        seed=row["seed"],
        device="cpu",
        **(faster if row["settings"] == "faster" else {}),
    ).learn(KEEPER_STEPS)
    states = torch.arange(keeper().num_states)
    with torch.no_grad():
        worth = model.q_net(states[:, None]).numpy()
    return {
        "shortfall": shortfall(keeper(), greedy(worth)),
        "updates": int(model._n_updates),
    }


def climb_row(row: dict) -> dict:
    """REINFORCE on the table: the share of the return given away, on average over the moments and at the end."""
    found = policy_run(
        FIRST_TUNING_SEED + row["seed"],
        MOMENTS,
        keeper(),
        use_baseline=row["baseline"] == "with",
        step_size=row["step_size"],
    )
    return {"on average": float(found.mean()), "end": float(found[-1])}


def policy_run(
    seed: int, moments: tuple[int, ...], problem: Decisions, **options: object
) -> np.ndarray:
    """What the policy of REINFORCE gives away after so many steps: its state after the last update by then."""
    uniform = np.full_like(problem.rewards, 1 / problem.num_actions)
    found = [(0, uniform)]
    found += reinforce_table(make_keeper(), moments[-1], seed, DISCOUNT, **options)
    latest = [[p for used, p in found if used <= moment][-1] for moment in moments]
    return np.array([shortfall(problem, policy) for policy in latest])


def control_row(row: dict) -> dict:
    """Who sets the learning rate: mean log loss in the test runs, and what was done there."""
    torch.set_num_threads(1)
    family, seed, method = FAMILIES[row["family"]], row["seed"], row["method"]
    choose = controller(method, family, seed)
    log = examined(choose, family, seed, adam=method == "Adam schedule")
    blind = log
    if method.startswith("agent"):
        other = np.arange(TEST_RUNS) + 2 * FIRST_TEST_SEED
        habits = controlled(Trainings(other, family, seed), choose)
        blind = examined(replayed(habits.rates), family, seed)
    rates = np.log10(log.rates).mean(axis=0)
    return {
        "test": score(log.test),
        "valid": score(log.losses[:, -1]),
        "replayed": score(blind.test),
        "spread": float(np.log10(log.rates).std(axis=0).mean()),
    } | {f"rate_{phase + 1}": round(float(r), 5) for phase, r in enumerate(rates)}


def score(losses: np.ndarray) -> float:
    return float(np.log(losses).mean())


def controller(method: str, family: Family, seed: int) -> Controller:
    """Spend the budget of training runs by one method; the seed is also the split of the data."""
    if "schedule" in method:
        adam = method == "Adam schedule"
        return tuned_schedule(family, seed, TUNING_RUNS, seed, adam)
    discount = 0.0 if method == "agent, greedy" else 1.0
    return controller_of(trained_agent(family, seed, TUNING_RUNS, seed, discount))


def examined(choose: Controller, family: Family, seed: int, adam: bool = False) -> Log:
    """The test runs, which no method has seen; the same for all methods of a seed."""
    fresh = np.arange(TEST_RUNS) + FIRST_TEST_SEED
    return controlled(Trainings(fresh, family, seed, adam), choose)


POLE_METHODS = ("REINFORCE", "REINFORCE with baseline", "PPO")
CONTROL_METHODS = ("schedule", "agent", "agent, greedy", "Adam schedule")
STUDIES: dict[str, Study] = {
    "pole": Study(f"{CHAPTER}-pole", pole_row, [
        {"method": method, "seed": seed}
        for seed in range(NUM_SEEDS) for method in POLE_METHODS
    ], tolerance=0.05),
    "pole-sizes": Study(f"{CHAPTER}-pole-sizes", pole_size_row, [
        {"method": method, "step_size": size, "seed": seed}
        for seed in range(3) for method in POLE_METHODS[:2] for size in POLE_SIZES
    ], tolerance=0.05),
    "keeper": Study(f"{CHAPTER}-keeper", keeper_row, [
        {"settings": settings, "seed": seed}
        for seed in range(NUM_SEEDS) for settings in ("default", "faster")
    ], tolerance=0.02),
    "climb": Study(f"{CHAPTER}-climb", climb_row, [
        {"baseline": baseline, "step_size": size, "seed": seed}
        for seed in range(NUM_SEEDS) for baseline in ("with", "without") for size in STEP_SIZES
    ], tolerance=0.02),
    "control": Study(f"{CHAPTER}-control", control_row, [
        {"family": family, "method": method, "seed": seed}
        for seed in range(NUM_SEEDS) for family in FAMILIES for method in CONTROL_METHODS
    ], tolerance=0.02),
}  # fmt: skip
