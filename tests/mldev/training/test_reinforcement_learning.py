"""Decisions on tables: values, Q-learning and policy gradients against exact answers and libraries."""

from functools import partial

import gymnasium
import numpy as np
import pytest
import scipy
import stable_baselines3
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from stable_baselines3.common import env_checker

from mldev.experiments import paired_difference
from mldev.training import reinforcement_learning as rl
from mldev.training import reinforcement_learning_policy as climb
from mldev.training.reinforcement_learning import policy_run, q_run, tiny, visits_of, worth_now
from mldev.training.reinforcement_learning_decisions import (
    Decisions,
    best_policy,
    greedy,
    policy_value,
    sweeps,
    value_iteration,
)
from mldev.training.reinforcement_learning_keeper import ModelKeeper, keeper, make_keeper
from mldev.training.reinforcement_learning_q import (
    constant,
    counted,
    decaying,
    planned_shortfalls,
    q_learning,
    q_update,
    shortfall,
    shortfalls,
)
from mldev.training.reinforcement_learning_trainings import MIXED, LearningRateEnv


def random_world(seed, states=6, actions=3, discount=0.9):
    rng = np.random.default_rng(seed)
    return Decisions(rng.dirichlet(np.ones(states), (actions, states)), rng.normal(size=(states, actions)), discount)


def least_values(problem):
    """The optimal values as a linear programme: the least ones that no action can beat."""
    eye = np.eye(problem.num_states)
    above = np.vstack([problem.discount * moves - eye for moves in problem.moves])
    limits = -problem.rewards.T.ravel()
    return linprog(np.ones(problem.num_states), A_ub=above, b_ub=limits, bounds=(None, None)).x


@pytest.mark.parity
def test_value_iteration_equals_the_linear_programme(record_property):
    worlds = [keeper(), tiny(), random_world(0), random_world(1, 12, 4, 0.99)]
    difference = max(float(np.abs(value_iteration(w) - least_values(w)).max()) for w in worlds)
    record_property("parity", {
        "algorithm": "Value iteration: optimal values of four worlds", "library": "SciPy (linprog)",
        "version": scipy.__version__, "tolerance": 1e-6, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-6


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [ModelKeeper, LearningRateEnv, partial(LearningRateEnv, MIXED)])
def test_environments_conform(make, record_property):
    check_env(make(), skip_render_check=True)
    env_checker.check_env(make())
    name = getattr(make, "__name__", "LearningRateEnv, many kinds")
    versions = f"{gymnasium.__version__}, {stable_baselines3.__version__}"
    record_property("parity", {
        "algorithm": f"Environment {name}: check_env", "library": "Gymnasium, Stable-Baselines3",
        "version": versions, "tolerance": 0.0, "difference": 0.0, "kind": "conformance",
    })  # fmt: skip


@given(st.integers(0, 10_000), st.floats(0, 0.97))
@settings(max_examples=25, deadline=None)
def test_values_solve_the_bellman_equation(seed, discount):
    problem = random_world(seed, discount=discount)
    policy = np.random.default_rng(seed).dirichlet(np.ones(3), 6)
    values = policy_value(problem, policy)
    assert np.allclose(values, (policy * problem.lookahead(values)).sum(axis=1))
    best = value_iteration(problem)
    assert (best >= values - 1e-8).all()
    assert np.allclose(policy_value(problem, best_policy(problem)), best, atol=1e-7)


def test_simulation_earns_the_value_of_a_policy():
    env, problem = make_keeper(days=200), keeper()
    policy, totals = best_policy(problem).argmax(axis=1), []
    env.reset(seed=0)
    for _ in range(150):
        state, over, rewards = env.reset()[0], False, []
        while not over:
            state, reward, terminated, over, _ = env.step(int(policy[state]))
            assert not terminated
            rewards.append(reward)
        totals.append(climb.returns_to_go(np.array(rewards), problem.discount)[0])
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - value_iteration(problem)[0]) < 4 * error


def test_sweeps_contract_by_the_discount_and_not_faster_than_patience_allows():
    def factor(problem):
        best, errors = value_iteration(problem), []
        for values, _ in zip(sweeps(problem), range(40), strict=False):
            errors.append(np.abs(values - best).max())
        return max(b / a for a, b in zip(errors, errors[1:], strict=False))

    assert factor(keeper()) <= 0.95 + 1e-6
    assert factor(keeper().with_discount(0.99)) > 0.95 + 1e-6  # the mutant breaks the page's bound


def test_planning_ahead_pays_only_where_the_world_decays(monkeypatch):
    def lost(problem):
        return shortfall(problem, best_policy(problem.with_discount(0.0)))

    assert lost(keeper()) > 0.25
    monkeypatch.setattr("mldev.training.reinforcement_learning_keeper.LOSS", 0.0)
    assert lost(keeper()) < 1e-9


def test_no_patience_no_labels():
    problem = keeper()
    by_days = {d: shortfall(problem, best_policy(problem.with_discount(1 - 1 / d))) for d in (1, 2, 3, 5, 7)}
    assert by_days[1] == pytest.approx(by_days[2]) == pytest.approx(by_days[3])
    assert by_days[3] > by_days[5] > by_days[7]
    assert set(best_policy(problem.with_discount(0.0)).argmax(axis=1)) == {0}
    assert set(best_policy(problem).argmax(axis=1)) == {0, 1, 2}


@pytest.mark.parametrize("terminated, future", [(False, 0.9 * 7.0), (True, 0.0)])
def test_the_update_is_its_formula(terminated, future):
    q = np.array([[1.0, 2.0], [3.0, 7.0]])
    error = q_update(q, 0, 1, 0.5, 1, terminated, step_size=0.25, discount=0.9)
    assert error == pytest.approx(0.5 + future - 2.0)
    assert q.tolist() == [[1.0, pytest.approx(2.0 + 0.25 * error)], [3.0, 7.0]]


@pytest.mark.parity
def test_the_update_is_a_step_of_dqn(record_property):
    """DQN with a linear network on one-hot states, one row per batch, and targets of the present network."""
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.common.logger import configure

    options = {"net_arch": [], "optimizer_class": torch.optim.SGD}
    model = DQN("MlpPolicy", make_keeper(), learning_rate=0.1, batch_size=1, gamma=0.95, seed=0, device="cpu",
                buffer_size=1, policy_kwargs=options, max_grad_norm=1e9)  # fmt: skip
    model.set_logger(configure(None, []))
    layer, rng, difference = model.q_net.q_net[0], np.random.default_rng(0), 0.0
    layer.bias.requires_grad_(False)
    for _ in range(20):
        table = rng.normal(0, 0.2, (50, 3)).astype(np.float32)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(table.T))
            layer.bias.zero_()
        model.q_net_target.load_state_dict(model.q_net.state_dict())
        state, after, action, reward = *rng.integers(0, 50, 2), rng.integers(3), rng.uniform(-0.3, 0.3)
        row = [np.array([v]) for v in (state, after, action, reward, False)]
        model.replay_buffer.add(*row, [{}])
        model.train(gradient_steps=1, batch_size=1)
        ours = table.astype(float)
        error = q_update(ours, state, action, float(np.float32(reward)), after, False, 0.1, 0.95)
        assert abs(error) < 1  # beyond, DQN's loss is linear
        difference = max(difference, float(np.abs(layer.weight.detach().numpy().T - ours).max()))
    record_property("parity", {
        "algorithm": "Q-learning update: table after one step", "library": "Stable-Baselines3 (DQN)",
        "version": stable_baselines3.__version__, "tolerance": 1e-6, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-6


def test_the_average_target_is_the_worth_of_the_action():
    problem, world = keeper(), ModelKeeper()
    worth = problem.lookahead(value_iteration(problem))
    world.reset(seed=0)
    targets, bare = [], []
    for _ in range(2000):
        world.reset(options={"state": 32})
        arrived, reward, *_ = world.step(2)
        targets.append(reward + 0.95 * worth[arrived].max())
        bare.append(reward)
    error = np.std(targets) / np.sqrt(2000)
    assert abs(np.mean(targets) - worth[32, 2]) < 4 * error
    assert abs(np.mean(bare) - worth[32, 2]) > 1  # a target without the future is not


def test_q_learning_learns_and_no_steps_learn_nothing():
    problem, moments = keeper(), (100, 8_000)
    learned = q_run(2, moments, constant(0.1))
    assert shortfalls(learned, problem)[-1] < 0.05
    idle = q_run(2, moments, constant(0.0))
    assert shortfalls(idle, problem)[-1] == pytest.approx(shortfall(problem, greedy(np.zeros((50, 3)))))
    again = q_run(2, moments, constant(0.1))
    assert np.array_equal(learned.tables, again.tables)
    assert visits_of(learned, problem).sum() == 8_000


def test_falling_steps_lag_behind_constant_ones():
    moments = (16_000,)
    falling, flat = ([q_run(s, moments, size) for s in range(1)] for size in (decaying(), constant(0.1)))
    assert worth_now(falling).max() < worth_now(flat).min()


def test_a_cut_taken_for_an_end_lowers_the_worth():
    moments = (16_000,)
    right, wrong = (q_run(0, moments, constant(0.1), cut_is_end=end) for end in (False, True))
    assert worth_now([wrong])[0] < worth_now([right])[0] - 1
    endless = q_learning(ModelKeeper(), (500,), 0, 0.95, constant(0.1), cut_is_end=True)
    same = q_learning(ModelKeeper(), (500,), 0, 0.95, constant(0.1))
    assert np.array_equal(endless.tables, same.tables)  # without cuts the error has no effect


def test_counting_finds_the_world_and_plans_in_it():
    problem = keeper()
    learned = q_run(0, (500, 4_000), decaying(), epsilon=1.0)
    world = counted(learned.experience, 4_000, problem)
    seen = visits_of(learned, problem) > 0
    assert np.allclose(world.rewards[seen], problem.rewards[seen])
    often = visits_of(learned, problem).T > 200
    assert np.abs(world.moves - problem.moves)[often].max() < 0.1
    assert planned_shortfalls(learned, problem)[-1] < shortfalls(learned, problem)[0]


@pytest.mark.parametrize("wrong, word", [
    ({"discount": 1.0}, "discount"), ({"moves": np.ones((3, 6, 6))}, "moves"), ({"moves": np.ones((2, 6, 6))}, "shape"),
])  # fmt: skip
def test_bad_worlds_are_named(wrong, word):
    good = random_world(0)
    with pytest.raises(ValueError, match=word):
        Decisions(**({"moves": good.moves, "rewards": good.rewards, "discount": 0.9} | wrong))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="tolerance"):
        value_iteration(tiny(), 0)
    with pytest.raises(ValueError, match="epsilon"):
        q_run(0, (10,), constant(0.1), epsilon=2)
    env = ModelKeeper()
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(3)
    with pytest.raises(ValueError, match="state"):
        env.reset(options={"state": 50})


@given(st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_policy_gradient_is_the_slope(seed):
    rng = np.random.default_rng(seed)
    problem, logits, noise = tiny(), rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
    slope = climb.finite_differences(lambda x: climb.exact_return(problem, x, 0, 3), logits)
    found = climb.estimator(problem, logits, 0, 3, lambda t, s: float(noise[t, s]))
    assert np.abs(found.mean - slope).max() < 1e-7  # with any baseline


def test_trajectories_have_all_the_probability_and_the_exact_return():
    problem, policy = tiny(), climb.softmax(np.random.default_rng(1).normal(size=(4, 3)))
    chances, returns = [], []
    for chance, steps in climb.all_trajectories(problem, policy, 0, 4):
        chances.append(chance)
        returns.append(climb.returns_to_go(np.array([r for *_, r in steps]), problem.discount)[0])
    assert sum(chances) == pytest.approx(1)
    exact = climb.values_by_step(problem, policy, 4)[0, 0]
    assert np.dot(chances, returns) == pytest.approx(exact)


def test_only_the_values_as_baseline_divide_the_variance_by_ten():
    problem, logits = tiny(), np.random.default_rng(0).normal(size=(4, 3))
    foretold = climb.values_by_step(problem, climb.softmax(logits), 4)
    plain, good, bad = (
        climb.estimator(problem, logits, 0, 4, b).variance
        for b in (lambda t, s: 0.0, lambda t, s: foretold[t, s], lambda t, s: -foretold[t, s])
    )
    assert plain > 10 * good and bad > plain  # with the wrong sign the claim fails


def test_returns_to_go():
    assert climb.returns_to_go(np.array([1.0, 2.0, 4.0]), 0.5).tolist() == [3.0, 4.0, 4.0]
    assert climb.returns_to_go(np.array([1.0]), 0.5, tail=10.0).tolist() == [6.0]


def test_reinforce_climbs_and_without_steps_stands_still():
    problem, moments = keeper(), (0, 6_000)
    lost = policy_run(0, moments, problem)
    assert lost[1] < lost[0] - 0.1
    still = policy_run(0, moments, problem, step_size=0.0)
    assert still[1] == pytest.approx(still[0])


def test_patience_pays_only_where_the_world_decays(monkeypatch):
    def pays():
        problem = keeper()
        lost = [shortfall(problem, best_policy(problem.with_discount(1 - 1 / d))) for d in range(1, 9)]
        gains = [a - b for a, b in zip(lost, lost[2:], strict=False)]
        return abs(lost[2] - lost[0]) < 1e-9 and max(gains) > 0.8 * lost[0] > 0

    assert pays()
    monkeypatch.setattr("mldev.training.reinforcement_learning_keeper.LOSS", 0.0)
    assert not pays()


def test_the_maps_show_what_their_caption_says():
    problem = keeper()
    today = policy_value(problem, best_policy(problem.with_discount(0.0)))
    assert value_iteration(problem).min() > np.median(today)


def test_planning_is_ahead_early_and_not_of_itself():
    problem = keeper()
    lives = [q_run(seed, (500,), constant(0.1)) for seed in range(10)]
    learned, planned = (np.array([f(x, problem)[0] for x in lives]) for f in (shortfalls, planned_shortfalls))
    early = paired_difference(learned, planned)
    assert early.above(0) and not paired_difference(planned, learned).above(0)
    assert not rl.undecided(early)  # what is decided early must not pass for undecided
    assert rl.undecided(paired_difference([1.0, -1.0, 0.5, -0.5, 0.1], np.zeros(5)))


def test_most_pairs_are_rare_until_every_state_is_visited_on_purpose():
    problem = keeper()
    assert np.mean(visits_of(q_run(0, (16_000,), decaying()), problem) < 10) > 0.5
    life = q_run(3, (16_000,), decaying())
    plan = planned_shortfalls(life, problem)[-1]
    assert rl.repaired_plan(life, problem, "rare") < plan - 0.02
    assert rl.repaired_plan(life, problem, "often") > plan - 0.02  # the truth elsewhere mends nothing
    rng = np.random.default_rng(0)
    states, actions = rng.integers(0, 50, 16_000), rng.integers(0, 3, 16_000)
    counts = np.zeros((50, 3))
    np.add.at(counts, (states, actions), 1)
    assert np.mean(counts < 10) == 0  # the same steps, spread over the pairs, leave none rare


def test_the_claim_on_dqn_fails_when_its_settings_are_swapped():
    rows = rl.STUDIES["keeper"].rows()
    problem = keeper()
    lost = shortfall(problem, best_policy(problem.with_discount(0.0)))

    def holds(rows):
        slow, fast = (rl.by_seed(rows, "shortfall", settings=name) for name in ("default", "faster"))
        return bool(np.all(np.abs(slow - lost) < 1e-9)) and paired_difference(slow, fast).above(2 / 3 * lost)

    assert holds(rows)
    assert not holds(rows.assign(settings=rows["settings"].replace({"default": "faster", "faster": "default"})))


def test_a_gradient_without_its_weights_is_not_the_slope(monkeypatch):
    problem, logits = tiny(), np.random.default_rng(0).normal(size=(4, 3))
    slope = climb.finite_differences(lambda x: climb.exact_return(problem, x, 0, 4), logits)

    def off():
        return np.abs(climb.estimator(problem, logits, 0, 4, lambda t, s: 0.0).mean - slope).max()

    assert off() < 1e-7
    monkeypatch.setattr(climb, "score", lambda p, s, a: np.eye(12).reshape(4, 3, 4, 3)[s, a])
    assert off() > 0.01


def test_shifted_rewards_hurt_without_baseline_and_a_shift_of_zero_does_not():
    logits = np.random.default_rng(0).normal(size=(4, 3))

    def variances(shift, based):
        problem = Decisions(tiny().moves, tiny().rewards + shift, tiny().discount)
        values = climb.values_by_step(problem, climb.softmax(logits), 4)
        return climb.estimator(problem, logits, 0, 4, lambda t, s: values[t, s] if based else 0.0).variance

    assert variances(10, False) > 10 * variances(0, False)
    assert variances(10, True) == pytest.approx(variances(0, True))


def test_claims_on_the_baseline_fail_when_the_sides_are_swapped():
    rows = rl.STUDIES["climb"].rows()
    other = rows.assign(baseline=rows["baseline"].replace({"with": "without", "without": "with"}))

    def bears(rows):
        size = rows["step_size"].max()
        sides = (rl.by_seed(rows, "on average", baseline=b, step_size=size) for b in ("without", "with"))
        return paired_difference(*sides).above(0)

    assert bears(rows) and not bears(other)
    sizes = [rl.best_step_size(rows, use) for use in ("with", "without")]
    assert sizes == [rl.best_step_size(other, use) for use in ("without", "with")]
    lost = [
        np.mean([policy_run(s, (2_000, 4_000), keeper(), use_baseline=u, step_size=z) for s in range(3)])
        for u, z in zip((True, False), sizes, strict=True)
    ]
    assert lost[0] < lost[1]
