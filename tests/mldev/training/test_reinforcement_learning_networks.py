"""Networks and controlled training runs: gradients of libraries, and claims that fail when methods are swapped."""

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import stable_baselines3
import torch

from mldev.experiments import paired_difference, ratio_interval
from mldev.training import reinforcement_learning as rl
from mldev.training import reinforcement_learning_control as control
from mldev.training import reinforcement_learning_networks as nets
from mldev.training import reinforcement_learning_trainings as runs
from mldev.training.reinforcement_learning_pictures import contest, learning_curves, schedules

torch.set_num_threads(1)


def played(agent, seed=0):
    rng = np.random.default_rng(seed)
    return nets.play(gym.make("CartPole-v1"), lambda seen: int(agent.act(seen[None], rng)[0]), seed)


@pytest.mark.parity
def test_the_gradient_is_that_of_a2c(record_property):
    """The same episode through A2C with lambda 1: plain gradient descent by one step shows its gradient."""
    from stable_baselines3 import A2C
    from stable_baselines3.common.logger import configure

    agent = nets.Agent(4, 2, width=8, seed=0)
    episode = played(agent)
    options = {"net_arch": [8], "optimizer_class": torch.optim.SGD, "ortho_init": False}
    model = A2C("MlpPolicy", "CartPole-v1", n_steps=len(episode), gamma=0.99, gae_lambda=1.0, learning_rate=1.0,
                ent_coef=0.0, vf_coef=1.0, max_grad_norm=1e9, seed=0, device="cpu", policy_kwargs=options)  # fmt: skip
    model.set_logger(configure(None, []))
    extractor = model.policy.mlp_extractor
    theirs = [extractor.policy_net[0], model.policy.action_net, extractor.value_net[0], model.policy.value_net]
    ours = [agent.actor[0], agent.actor[2], agent.critic[0], agent.critic[2]]
    for mine, other in zip(ours, theirs, strict=True):
        other.load_state_dict(mine.state_dict())
    seen = torch.from_numpy(episode.observations)
    with torch.no_grad():
        values, chances, _ = model.policy.evaluate_actions(seen, torch.from_numpy(episode.actions))
    buffer = model.rollout_buffer
    buffer.reset()
    for t in range(len(episode)):
        row = (episode.observations[t], episode.actions[t], episode.rewards[t], np.array([t == 0]))
        buffer.add(*row, values[t], chances[t])
    buffer.compute_returns_and_advantage(torch.zeros(1), np.array([True]))
    before = [[p.detach().clone() for p in layer.parameters()] for layer in theirs]
    model.train()
    actor_loss, critic_loss = nets.losses(agent, [episode], 0.99)
    (actor_loss + critic_loss).backward()
    difference = max(
        float(((old - new - mine.grad).abs().max() / mine.grad.abs().max().clamp(min=1)).detach())
        for olds, layer, own in zip(before, theirs, ours, strict=True)
        for old, new, mine in zip(olds, layer.parameters(), own.parameters(), strict=True)
    )
    record_property("parity", {
        "algorithm": "REINFORCE with baseline: gradient of one episode", "library": "Stable-Baselines3 (A2C)",
        "version": stable_baselines3.__version__, "tolerance": 1e-4, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-4


def test_the_loss_is_its_formula():
    agent = nets.Agent(4, 2, seed=1)
    episode = played(agent, 1)
    returns = nets.targets(agent, episode, 0.9)
    with torch.no_grad():
        seen = torch.from_numpy(episode.observations)
        logs = torch.log_softmax(agent.actor(seen), 1)[torch.arange(len(episode)), torch.from_numpy(episode.actions)]
        values = agent.critic(seen)[:, 0]
    for baseline, factor in ((True, returns - values), (False, returns)):
        actor_loss, critic_loss = nets.losses(agent, [episode], 0.9, baseline)
        assert actor_loss.item() == pytest.approx(float(-(logs * factor).mean()), rel=1e-5)
        assert critic_loss.item() == pytest.approx(float(((values - returns) ** 2).mean()), rel=1e-5)


def test_a_cut_episode_goes_on_in_the_critic():
    agent = nets.Agent(4, 2, seed=0)
    seen, rest = np.ones((2, 4), np.float32), np.full(4, 0.5, np.float32)
    ended = nets.Episode(seen, np.array([0, 1]), np.array([1.0, 2.0]))
    cut = nets.Episode(seen, np.array([0, 1]), np.array([1.0, 2.0]), final=rest)
    with torch.no_grad():
        tail = float(agent.critic(torch.from_numpy(rest)[None]))
    assert nets.targets(agent, ended, 0.5).tolist() == [2.0, 2.0]
    assert nets.targets(agent, cut, 0.5).tolist() == pytest.approx([2 + tail / 4, 2 + tail / 2])


def test_the_budget_of_steps_is_kept_and_seeds_decide():
    def lengths(seed):
        agent = nets.Agent(4, 2, seed=seed)
        collect = nets.episodes_of(gym.make("CartPole-v1"), 400, 100, seed)
        return [len(e) for batch in nets.reinforce(agent, collect, nets.Recipe(), seed) for e in batch]

    first = lengths(0)
    assert first == lengths(0) != lengths(1)
    assert sum(first[:-1]) < 400 <= sum(first)


def test_reinforce_learns_a_choice_and_without_rate_does_not():
    """One state, two actions, the second pays: the probability of the second rises."""

    def collect_for(num_batches):
        left = iter(range(num_batches))

        def collect(agent, rng):
            if next(left, None) is None:
                return []
            seen = np.ones((20, 2), np.float32)
            actions = agent.act(seen, rng)
            return [nets.Episode(s[None], a[None], np.array([float(a)])) for s, a in zip(seen, actions, strict=True)]

        return collect

    def chance(rate):
        agent = nets.Agent(2, 2, seed=0)
        list(nets.reinforce(agent, collect_for(40), nets.Recipe(learning_rate=rate), 0))
        with torch.no_grad():
            return float(torch.softmax(agent.actor(torch.ones(1, 2)), 1)[0, 1])

    assert chance(0.02) > 0.9
    assert chance(0.0) < 0.6


@pytest.mark.parity
@pytest.mark.parametrize("adam", [False, True])
def test_training_runs_equal_torch(adam, record_property):
    ours = runs.Trainings([3, 4], runs.MIXED, split=0, adam=adam)
    start = [torch.from_numpy(w[1].copy()).requires_grad_() for w in ours.weights]
    rate = 0.01
    optimizer = torch.optim.Adam(start, lr=rate) if adam else torch.optim.SGD(start, lr=rate, momentum=0.9)
    for picked in ours.batches[1, : runs.STEPS]:
        x = torch.from_numpy(ours.images[picked] * ours.scales[1])
        hidden = torch.relu(x @ start[0] + start[1])
        loss = torch.nn.functional.cross_entropy(hidden @ start[2] + start[3], torch.from_numpy(ours.labels[picked]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ours.train(np.full(2, rate))
    pairs = zip(ours.weights, start, strict=True)
    difference = max(float(np.abs(w[1] - s.detach().numpy()).max()) for w, s in pairs)
    name = "Adam" if adam else "momentum"
    record_property("parity", {
        "algorithm": f"Training run in NumPy, {name}: weights after a phase", "library": "PyTorch",
        "version": str(torch.__version__), "tolerance": 1e-4, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-4


def test_a_run_depends_on_its_seed_alone():
    alone, many = runs.Trainings([7], runs.MIXED), runs.Trainings([5, 7], runs.MIXED)
    for part in (alone, many):
        part.train(np.full(len(part), 0.05))
    assert alone.losses()[0] == pytest.approx(many.losses()[1], rel=1e-4)
    assert alone.losses()[0] != many.losses()[0]


def test_the_data_are_split_and_the_scales_spread():
    images, labels, valid, valid_labels, test, test_labels = runs.digits(0)
    assert (len(images), len(valid), len(test)) == (1000, 400, 397)
    scales = runs.MIXED.scales(range(200))
    assert 0.1 <= scales.min() < 0.2 and 5 < scales.max() <= 10
    assert (runs.SAME.scales(range(5)) == 1).all()


def test_runs_end_and_divergence_is_a_loss_not_an_error():
    part = runs.Trainings([0], runs.MIXED)
    for _ in range(runs.PHASES):
        part.train(np.array([1e6]))
    assert 0 < part.losses()[0] <= runs.WORST
    with pytest.raises(RuntimeError, match="over"):
        part.train(np.array([0.1]))


def test_environment_and_controller_do_the_same():
    env = runs.LearningRateEnv(runs.MIXED, split=1)
    first, _ = env.reset(seed=5)
    seed = int(np.random.default_rng(np.random.PCG64(np.random.SeedSequence(5))).integers(2**31))
    rewards = [env.step(2 if phase < 2 else 1)[1] for phase in range(runs.PHASES)]
    factors = iter([2.0, 2.0] + [1.0] * runs.PHASES)
    log = control.controlled(runs.Trainings([seed], runs.MIXED, 1), lambda seen, rates: rates * next(factors))
    assert np.allclose(first, log.seen[0, 0])
    assert np.allclose(rewards, -np.diff(np.log(log.losses[0])))
    assert sum(rewards) == pytest.approx(float(np.log(log.losses[0, 0] / log.losses[0, -1])))


def test_actions_move_the_rate_within_bounds():
    rates = np.array([0.01, runs.LOWEST, runs.HIGHEST])
    assert runs.moved(rates, np.array([1, 0, 2])).tolist() == rates.tolist()
    assert runs.moved(rates, np.array([2, 2, 0])).tolist() == [0.02, 2 * runs.LOWEST, runs.HIGHEST / 2]
    env = runs.LearningRateEnv()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(3)


@pytest.mark.parametrize("num_runs", [50, 60])
def test_both_sides_use_the_budget_and_no_more(num_runs, monkeypatch):
    used = []

    class Counted(runs.Trainings):
        def __init__(self, seeds, *rest):
            used.extend(seeds)
            super().__init__(seeds, *rest)

    monkeypatch.setattr(control, "Trainings", Counted)
    monkeypatch.setattr(control, "PHASES", 1)
    control.tuned_schedule(runs.SAME, 0, num_runs, seed=1)
    assert len(set(used)) == len(used) == num_runs
    used.clear()
    control.trained_agent(runs.SAME, 0, num_runs, seed=1)
    assert len(set(used)) == len(used) == num_runs
    assert max(used) < control.FIRST_TEST_SEED


def test_schedules_and_replays_are_curves_of_time_alone():
    seen = np.zeros((2, 4), np.float32)
    for phase, share in ((0, 1.0), (10, 0.5), (19, 0.05)):
        seen[:, 0] = 2 * phase / runs.PHASES - 1
        assert control.schedule("linear", 0.4)(seen, None) == pytest.approx(np.full(2, 0.4 * share))
    habits = np.array([[0.1] * 20, [0.4] * 20])
    assert control.replayed(habits)(seen, None) == pytest.approx(np.full(2, 0.2))


def test_tuning_finds_a_better_schedule_than_a_draw():
    fresh = np.arange(10) + control.FIRST_TEST_SEED
    tuned = control.tuned_schedule(runs.SAME, 0, 50, seed=0)
    poor = control.schedule("constant", 0.001)
    good, bad = (control.controlled(runs.Trainings(fresh, runs.SAME, 0), c).test for c in (tuned, poor))
    assert np.log(good).mean() < np.log(bad).mean() - 0.3


def swapped(rows, column, one, other):
    return rows.assign(**{column: rows[column].replace({one: other, other: one})})


def test_claims_on_the_pole_fail_when_learners_are_swapped():
    rows = rl.STUDIES["pole"].rows()
    assert all(gain.above(0) for gain in rl.pole_gains(rows).values())
    for pair in (("PPO", "REINFORCE with baseline"), ("REINFORCE", "REINFORCE with baseline")):
        assert not all(gain.above(0) for gain in rl.pole_gains(swapped(rows, "method", *pair)).values())


@pytest.mark.parametrize("family, method, rival", [
    ("many kinds", "agent", "Adam schedule"), ("one kind", "agent", "schedule"),
    ("many kinds", "schedule", "Adam schedule"),
])  # fmt: skip
def test_claims_of_the_contest_fail_when_methods_are_swapped(family, method, rival):
    rows = rl.STUDIES["control"].rows()
    assert rl.control_gap(rows, family, method, rival).above(0)
    assert not rl.control_gap(swapped(rows, "method", method, rival), family, method, rival).above(0)


def test_the_claim_on_looking_fails_when_the_agent_sees_no_more_than_its_replay():
    rows = rl.STUDIES["control"].rows()
    assert rl.control_gap(rows, "many kinds", "agent", "agent", "replayed").above(0)
    turned = rows.assign(test=rows["replayed"], replayed=rows["test"])
    assert not rl.control_gap(turned, "many kinds", "agent", "agent", "replayed").above(0)
    with pytest.raises(KeyError, match="no rows"):
        rl.control_gap(rows, "one kind", "agent", "nobody")


def test_the_descent_closes_the_gap_and_another_end_does_not(monkeypatch):
    rows = rl.STUDIES["control"].rows()
    found = rl.mended_run(0, rows, num_runs=8)
    gap = found["as learned"] - found["tuned schedule"]
    assert found["as learned"] - found["brought down"] > 0.5 * gap > 0
    monkeypatch.setattr(rl, "fade", lambda rates: rates)
    assert rl.mended_run(0, rows, num_runs=8)["brought down"] == pytest.approx(found["as learned"])


def test_fading_changes_the_last_phases_only():
    faded = rl.fade(np.full(20, 0.9))
    assert (faded[:12] == 0.9).all() and faded[12:] == pytest.approx(0.1 * np.arange(8, 0, -1))


def test_counting_only_improvements_pays_for_ups_and_downs():
    def shaken(seen, rates):
        phase = np.rint((seen[:, 0] + 1) * runs.PHASES / 2).astype(int)
        return np.where(phase % 4 == 3, 0.35, 0.03)

    calm = control.schedule("linear", 0.1)
    wild, steady = rl.praised(shaken, 2), rl.praised(calm, 2)
    assert (wild["improvements only"] > steady["improvements only"]).all()
    assert (wild["all changes"] < steady["all changes"]).all()
    still = rl.praised(lambda seen, rates: 0 * rates + 1e-12, 1).to_numpy()
    assert np.allclose(still, 0, atol=1e-4)  # no steps, no praise


def test_pictures_draw_every_method():
    pole, rows = rl.STUDIES["pole"].rows(), rl.STUDIES["control"].rows()
    curves = {name: rl.pole_curves(pole, name) for name in pole["method"].unique()}
    fig = learning_curves(tuple(range(10)), curves, "length")
    assert len(fig.axes[0].lines) == sum(len(c) + 1 for c in curves.values())
    assert len(schedules(rows, {"agent": "agent", "schedule": "schedule"}).axes) == 2
    found = {"a": {"agent": rl.control_gap(rows, "one kind", "agent", "schedule")}}
    found["b"] = found["a"]
    assert contest(found, "x").axes[1].get_xlabel() == "x"
    assert isinstance(rl.praised(control.schedule("constant", 0.01), 2), pd.DataFrame)


def test_the_claim_on_updates_fails_when_learners_are_swapped():
    def ratio(rows):
        sides = (rl.by_seed(rows, "updates", method=m) for m in ("PPO", "REINFORCE with baseline"))
        return ratio_interval(*sides)

    rows = rl.STUDIES["pole"].rows()
    assert ratio(rows).above(30)
    assert not ratio(swapped(rows, "method", "PPO", "REINFORCE with baseline")).above(30)


def test_the_claim_on_the_step_size_fails_when_sizes_are_swapped():
    def gain(rows):
        sides = (rl.by_seed(rows, "length", method="REINFORCE with baseline", step_size=size) for size in (0.03, 0.01))
        return paired_difference(*sides)

    rows = rl.STUDIES["pole-sizes"].rows()
    assert gain(rows).above(0)
    assert not gain(swapped(rows, "step_size", 0.03, 0.01)).above(0)
