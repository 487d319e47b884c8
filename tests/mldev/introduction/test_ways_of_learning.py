"""Label spreading and bandits by hand: the library's numbers, exact sums, what each must satisfy, and bad input."""

import itertools
from functools import partial

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.linear_model import Ridge
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from mldev.introduction import ways_of_learning as chapter
from mldev.introduction.ways_of_learning_experiments import hidden, split


def parity(record_property, algorithm, tolerance, difference):
    record_property("parity", {
        "algorithm": algorithm, "library": "scikit-learn", "version": sklearn.__version__,
        "tolerance": tolerance, "difference": float(difference), "kind": "numbers",
    })  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    X, y, X_test, _ = split(0)
    return X[:400].astype(float), y[:400], X_test.astype(float)


@pytest.mark.parity
def test_spreading_equals_scikit_learn(digits, record_property):
    X, y, X_test = digits
    worst = 0.0
    for alpha, size in ((0.2, 60), (0.8, 60), (0.2, 200)):
        theirs = LabelSpreading(alpha=alpha, max_iter=500, tol=1e-12).fit(X, hidden(y, size))
        assert len(theirs.classes_) == 10
        F = chapter.spread_labels(chapter.similarity(X, X), chapter.one_hot(hidden(y, size), 10), alpha, 300)
        new = chapter.similarity(X_test, X) @ (F / F.sum(1, keepdims=True))
        worst = max(worst, np.abs(F / F.sum(1, keepdims=True) - theirs.label_distributions_).max())
        worst = max(worst, np.abs(new / new.sum(1, keepdims=True) - theirs.predict_proba(X_test)).max())
    parity(record_property, "label spreading: scores of known and of new images", 1e-6, worst)
    assert worst < 1e-6


@pytest.mark.parity
def test_propagation_equals_scikit_learn(digits, record_property):
    X, y, _ = digits
    Y, W, difference = chapter.one_hot(hidden(y, 100), 10), chapter.similarity(X, X), 0.0
    for rounds in (1, 10, 200):
        with pytest.warns(ConvergenceWarning):  # both stop after the same number of rounds
            theirs = LabelPropagation(max_iter=rounds, tol=0).fit(X, hidden(y, 100))
        ours = chapter.propagate_labels(W, Y, rounds)
        difference = max(difference, np.abs(ours - theirs.label_distributions_).max())
    parity(record_property, "label propagation", 1e-6, difference)
    assert difference < 1e-6


def test_spreading_reaches_the_limit_of_its_equation(digits):
    """The equation's fixed point is (1 - alpha) (I - alpha S)^-1 Y, and the rounds of the page come close to it."""
    X, y, _ = digits
    W = chapter.similarity(X, X)
    bare = W - np.diag(np.diag(W))
    root = np.sqrt(bare.sum(1))
    S = bare / np.outer(root, root)
    Y = chapter.one_hot(hidden(y, 50), 10)
    limit = 0.8 * np.linalg.solve(np.eye(len(X)) - 0.2 * S, Y)
    assert np.allclose(chapter.spread_labels(W, Y), limit, atol=1e-6)


def test_labels_travel_along_a_chain_and_nearest_neighbour_would_not():
    """Two rows of points: a label at one end reaches the other end, which lies nearer to the other label."""
    low = np.column_stack([np.arange(12) / 6, np.zeros(12)])
    high = low + [0, 0.6]
    X = np.concatenate([low, high])
    y = np.full(24, -1)
    y[0], y[23] = 0, 1  # the left end below, the right end above
    F = chapter.spread_labels(chapter.similarity(X, X), chapter.one_hot(y, 2), alpha=0.99, num_rounds=3000)
    truth = np.repeat([0, 1], 12)
    nearest = np.where(np.linalg.norm(X - X[0], axis=1) < np.linalg.norm(X - X[23], axis=1), 0, 1)
    assert (F.argmax(1) == truth).all() and (nearest != truth).any()


def test_exact_rewards_equal_every_path():
    """`expected_reward` merges paths that meet; here each path of arms and rewards is walked on its own."""
    means, rounds = np.array([0.3, 0.8]), 5
    for policy in (chapter.epsilon_greedy, chapter.ucb1):
        total = 0.0
        for path in itertools.product(itertools.product((0, 1), (0, 1)), repeat=rounds):
            pulls, wins, p = np.zeros(2), np.zeros(2), 1.0
            for arm, reward in path:
                p *= policy(pulls, wins)[arm] * (means[arm] if reward else 1 - means[arm])
                pulls[arm] += 1
                wins[arm] += reward
            total += p * wins.sum()
        assert chapter.expected_reward(policy, means, rounds) == pytest.approx(total, abs=1e-12)


@pytest.mark.parity
def test_simulated_bandits_earn_the_exact_sum(record_property):
    means, rounds, runs = np.array([0.4, 0.5, 0.8]), 8, 600
    worst = 0.0
    for policy in (chapter.epsilon_greedy, chapter.ucb1):
        rng = np.random.default_rng(0)
        earned = [chapter.play(policy, rng.random((rounds, 3)) < means, rng)[1].sum() for _ in range(runs)]
        exact = chapter.expected_reward(policy, means, rounds)
        error = np.std(earned) / np.sqrt(runs)
        worst = max(worst, abs(np.mean(earned) - exact) / error)
    record_property("parity", {
        "algorithm": "epsilon-greedy and UCB1: mean reward, in standard errors", "library": "exact sum over records",
        "version": "of this book", "tolerance": 4, "difference": float(worst), "kind": "distribution",
    })  # fmt: skip
    assert worst < 4


def test_random_play_has_the_mean_reward():
    uniform = partial(chapter.epsilon_greedy, epsilon=1.0)
    assert chapter.expected_reward(uniform, np.array([0.2, 0.6]), 10) == pytest.approx(4.0)


def test_ucb1_keeps_its_proved_bound_and_no_exploration_breaks_it():
    """Auer et al.: regret at most 8 ln n times the sum of 1/gap, plus (1 + pi^2/3) times the sum of gaps."""
    means, rounds = np.array([0.5, 0.9]), 1500
    bound = 8 * np.log(rounds) / 0.4 + (1 + np.pi**2 / 3) * 0.4

    def regrets(policy):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            chosen, _ = chapter.play(policy, (rng.random((rounds, 2)) < means).astype(float), rng)
            yield (means.max() - means[chosen]).sum()

    assert np.mean(list(regrets(chapter.ucb1))) < bound
    assert max(regrets(partial(chapter.epsilon_greedy, epsilon=0.0))) > bound


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 1)), min_size=2, max_size=6), st.floats(0, 1))
def test_policies_give_probabilities(record, epsilon):
    pulls = np.array([n for n, _ in record], dtype=float)
    wins = np.array([round(n * share) for n, share in record], dtype=float)
    for policy in (chapter.ucb1, partial(chapter.epsilon_greedy, epsilon=epsilon)):
        p = policy(pulls, wins)
        assert p.shape == pulls.shape and (p >= 0).all() and p.sum() == pytest.approx(1)


def test_untried_arms_come_first_and_the_bonus_shrinks():
    assert chapter.ucb1(np.array([5, 0, 0]), np.array([5, 0, 0])).tolist() == [0, 0.5, 0.5]
    assert chapter.ucb1(np.array([100, 2]), np.array([60, 1])).tolist() == [0, 1]
    assert chapter.epsilon_greedy(np.array([100, 2]), np.array([60, 1]), 0.0).tolist() == [1, 0]


@pytest.mark.parity
def test_the_linear_bandit_equals_scikit_learn(record_property):
    rng = np.random.default_rng(0)
    bandit = chapter.LinearBandit(3, 8, bonus=1.0, penalty=2.0)
    X, seen, worst = rng.normal(size=(120, 8)), [], 0.0
    for x in X:
        arm, reward = bandit.choose(x, rng), float(rng.random() < 0.5)
        bandit.learn(x, np.array([arm]), np.array([reward]))
        seen.append((arm, reward))
    arms, rewards = np.array(seen).T
    for arm in range(3):
        mine = arms == arm
        ridge = Ridge(alpha=2.0, fit_intercept=False).fit(X[mine], rewards[mine])
        worst = max(worst, np.abs(ridge.coef_ - bandit.weights[arm]).max())
        kernel = DotProduct(sigma_0=0, sigma_0_bounds="fixed")
        process = GaussianProcessRegressor(kernel, alpha=2.0, optimizer=None).fit(X[mine], rewards[mine])
        _, width = process.predict(X[:5], return_std=True)
        # a linear Gaussian process with noise 2: its variance is 2 x'(X'X + 2I)^-1 x
        bonus = np.array([bandit.scores(x)[arm] - bandit.weights[arm] @ x for x in X[:5]])
        worst = max(worst, np.abs(width / np.sqrt(2) - bonus).max())
    parity(record_property, "LinUCB: weights and widths of each arm, as ridge and Gaussian process", 1e-8, worst)
    assert worst < 1e-8


def test_several_regressions_learn_at_once_as_they_would_apart():
    rng = np.random.default_rng(1)
    together, apart = (chapter.LinearBandit(3, 4) for _ in range(2))
    for x in rng.normal(size=(20, 4)):
        rewards = rng.random(3)
        together.learn(x, np.arange(3), rewards)
        for arm in range(3):
            apart.learn(x, np.array([arm]), rewards[arm : arm + 1])
    assert np.allclose(together.weights, apart.weights) and np.allclose(together.inverse, apart.inverse)


def test_epsilon_explores_and_ties_are_drawn():
    rng = np.random.default_rng(0)
    bandit = chapter.LinearBandit(4, 2, epsilon=1.0)
    bandit.learn(np.ones(2), np.array([2]), np.array([1.0]))
    assert len({bandit.choose(np.ones(2), rng) for _ in range(60)}) == 4
    bandit.epsilon = 0.0
    assert {bandit.choose(np.ones(2), rng) for _ in range(20)} == {2}
    fresh = chapter.LinearBandit(4, 2)
    assert len({fresh.choose(np.ones(2), rng) for _ in range(60)}) == 4


def test_bad_input_is_named():
    W = np.ones((3, 3))
    with pytest.raises(ValueError, match=r"alpha 1\.0: expected a number between 0 and 1"):
        chapter.spread_labels(W, np.eye(3), alpha=1.0)
    with pytest.raises(ValueError, match="y: expected classes from 0 to 1.*got"):
        chapter.one_hot(np.array([0, 2, -1]), 2)
    with pytest.raises(ValueError, match="epsilon 2"):
        chapter.LinearBandit(2, 2, epsilon=2)
    with pytest.raises(ValueError, match="penalty 0"):
        chapter.LinearBandit(2, 2, penalty=0)
