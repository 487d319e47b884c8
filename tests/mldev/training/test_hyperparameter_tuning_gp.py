"""The Gaussian-process sampler: scikit-learn's numbers, Optuna's own suite, and what its parts must satisfy."""

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from mldev.training.hyperparameter_tuning_gp import (
    GaussianProcess,
    GaussianProcessSampler,
    expected_improvement,
    fit,
    log_likelihood,
    normal_scores,
    propose,
    standardise,
)
from mldev.training.hyperparameter_tuning_space import UnitCube

optuna.logging.set_verbosity(optuna.logging.ERROR)


def a_sample(seed, n=25, d=3):
    rng = np.random.default_rng(seed)
    X = rng.random((n, d))
    return X, standardise(np.sin(5 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * rng.normal(size=n)), rng.random((40, d))


class TestOptunaConformance(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: GaussianProcessSampler(num_startup=3, seed=0)


@pytest.mark.parity
def test_optuna_suite_is_recorded(record_property):
    suites = [BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase]
    assert all(issubclass(TestOptunaConformance, suite) for suite in suites)
    names = [name for suite in suites for name in vars(suite) if name.startswith("test_")]
    assert len(names) >= 15
    assert not [name for name in names if name in vars(TestOptunaConformance)], "a test of the suite is overridden"
    record_property("parity", {
        "algorithm": "Gaussian-process sampler", "library": "optuna", "version": optuna.__version__,
        "tolerance": 0, "difference": 0, "kind": "conformance",
    })  # fmt: skip


@pytest.mark.parity
def test_posterior_equals_scikit_learn(record_property):
    import sklearn

    worst = 0.0
    for seed in range(10):
        X, y, X_new = a_sample(seed)
        scales = np.random.default_rng(seed).uniform(0.1, 2.0, X.shape[1])
        ours = GaussianProcess(1.7, scales, 0.03).condition(X, y).posterior(X_new)
        kernel = ConstantKernel(1.7) * Matern(scales, nu=2.5)
        theirs = GaussianProcessRegressor(kernel, alpha=0.03, optimizer=None).fit(X, y).predict(X_new, return_std=True)
        worst = max(worst, np.abs(ours[0] - theirs[0]).max(), np.abs(ours[1] - theirs[1] ** 2).max())
    record_property("parity", {
        "algorithm": "Gaussian process: posterior mean and variance", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 1e-6, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


@pytest.mark.parity
def test_likelihood_and_gradient_equal_scikit_learn(record_property):
    import sklearn

    worst = 0.0
    for seed in range(10):
        X, y, _ = a_sample(seed)
        theta = np.random.default_rng(seed).uniform(-2, 0.5, X.shape[1] + 2)
        kernel = ConstantKernel(1.0) * Matern(np.ones(X.shape[1]), nu=2.5) + WhiteKernel(0.1)
        reference = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(X, y)
        value, gradient = log_likelihood(theta, X, y)
        their_value, their_gradient = reference.log_marginal_likelihood(theta, eval_gradient=True)
        worst = max(worst, abs(value - their_value), np.abs(gradient - their_gradient).max())
    record_property("parity", {
        "algorithm": "Gaussian process: log marginal likelihood and gradient", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 1e-6, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


@pytest.mark.filterwarnings("ignore:The optimal value found")  # scikit-learn says so when it ends at a bound
@pytest.mark.parity
def test_fitted_kernel_equals_scikit_learn(record_property):
    import sklearn

    worst = 0.0
    for seed in range(5):
        X, y, X_new = a_sample(seed)
        kernel = ConstantKernel(1.0, (0.1, 10)) * Matern(np.full(3, 0.5), (0.05, 5), nu=2.5)
        kernel += WhiteKernel(1e-2, (1e-5, 0.3))
        reference = GaussianProcessRegressor(kernel, alpha=0.0).fit(X, y)
        ours = fit(X, y)
        likelihood = log_likelihood(np.log([ours.amplitude, *ours.length_scales, ours.noise]), X, y)[0]
        worst = max(worst, abs(likelihood - reference.log_marginal_likelihood_value_))
    record_property("parity", {
        "algorithm": "Gaussian process: likelihood of the fitted kernel", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 1e-3, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-3


def test_gradient_equals_finite_differences():
    X, y, _ = a_sample(0, n=12)
    theta = np.array([0.2, -1.0, -0.5, 0.3, -3.0])
    numeric = approx_fprime(theta, lambda t: log_likelihood(t, X, y)[0], 1e-6)
    assert np.allclose(log_likelihood(theta, X, y)[1], numeric, atol=1e-4)


def test_posterior_without_data_is_the_prior():
    mean, variance = GaussianProcess(2.0, np.ones(2), 0.1).posterior(np.zeros((3, 2)))
    assert np.all(mean == 0) and np.all(variance == 2.0)


@settings(max_examples=30, deadline=None)
@given(arrays(float, (8, 2), elements=st.floats(0, 1)), st.integers(0, 1000))
def test_variance_lies_between_zero_and_the_prior(X, seed):
    y = np.random.default_rng(seed).normal(size=8)
    _, variance = GaussianProcess(1.5, np.array([0.3, 0.8]), 0.01).condition(X, y).posterior(X)
    assert np.all(variance >= 0) and np.all(variance <= 1.5)


@settings(max_examples=50, deadline=None)
@given(st.floats(-3, 3), st.floats(0, 4), st.floats(-3, 3), st.floats(0, 1))
def test_expected_improvement_is_a_mean(mean, variance, best, xi):
    value = float(expected_improvement(np.array([mean]), np.array([variance]), best, xi)[0])
    grid = mean + np.sqrt(variance) * np.linspace(-8, 8, 20_001)
    density = np.exp(-0.5 * np.linspace(-8, 8, 20_001) ** 2)
    by_integration = float((np.maximum(best - xi - grid, 0) * density).sum() / density.sum())
    assert value >= -1e-12
    assert value == pytest.approx(by_integration, abs=1e-4)


def test_standardise_survives_constant_and_infinite_values():
    assert np.all(standardise(np.ones(4)) == 0)
    assert np.isfinite(standardise(np.array([1.0, 2.0, np.inf]))).all()
    assert np.all(standardise(np.array([np.inf, np.inf])) == 0)


def test_proposal_is_never_a_point_already_tried():
    space = {"k": optuna.distributions.IntDistribution(0, 4)}
    cube = UnitCube(space)
    X = np.array([cube.encode({"k": k}) for k in (0, 1, 2, 4)])
    vector = propose(X, np.array([3.0, 2.0, 1.0, 2.0]), cube, np.random.default_rng(0))
    assert cube.decode(vector) == {"k": 3}


def bowl(trial):
    x, y = trial.suggest_float("x", -2, 2), trial.suggest_float("y", -2, 2)
    return (x - 0.7) ** 2 + (y + 0.3) ** 2


def values_of(study):
    return [t.value for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]


def test_same_seed_same_trials_and_other_seed_other_trials():
    runs = []
    for seed in (1, 1, 2):
        study = optuna.create_study(sampler=GaussianProcessSampler(seed=seed))
        study.optimize(bowl, n_trials=12)
        runs.append(values_of(study))
    assert runs[0] == runs[1] != runs[2]


def test_maximising_the_negative_is_the_same_search():
    down = optuna.create_study(sampler=GaussianProcessSampler(seed=3))
    down.optimize(bowl, n_trials=15)
    up = optuna.create_study(sampler=GaussianProcessSampler(seed=3), direction="maximize")
    up.optimize(lambda trial: -bowl(trial), n_trials=15)
    assert [t.params for t in down.trials] == [t.params for t in up.trials]


def test_a_resumed_study_repeats_the_undisturbed_one():
    whole = optuna.create_study(sampler=GaussianProcessSampler(seed=5))
    whole.optimize(bowl, n_trials=16)
    storage = optuna.storages.InMemoryStorage()
    first = optuna.create_study(storage=storage, study_name="s", sampler=GaussianProcessSampler(seed=5))
    first.optimize(bowl, n_trials=11)
    lost = first.ask()
    bowl(lost)
    first.tell(lost, state=optuna.trial.TrialState.FAIL)
    again = optuna.load_study(storage=storage, study_name="s", sampler=GaussianProcessSampler(seed=5))
    again.optimize(bowl, n_trials=5)
    assert values_of(again) == values_of(whole)


def test_trials_asked_together_differ():
    study = optuna.create_study(sampler=GaussianProcessSampler(seed=0))
    study.optimize(bowl, n_trials=10)
    pair = [study.ask(), study.ask()]
    points = [(t.suggest_float("x", -2, 2), t.suggest_float("y", -2, 2)) for t in pair]
    assert np.abs(np.subtract(*points)).max() > 1e-3


@pytest.mark.parametrize("settings_, word", [({"num_startup": 1}, "num_startup"), ({"xi": -0.1}, "xi")])
def test_bad_settings_are_named(settings_, word):
    with pytest.raises(ValueError, match=word):
        GaussianProcessSampler(**settings_)


@pytest.mark.parametrize(("targets", "same"), [(normal_scores, True), (standardise, False)])
def test_only_the_order_is_blind_to_how_bad_the_failures_are(targets, same):
    """Stretching the losses without changing their order: what the sampler proposes must not change, or it must."""

    def proposals(stretch):
        study = optuna.create_study(sampler=GaussianProcessSampler(num_startup=5, seed=1, targets=targets))
        study.optimize(lambda trial: stretch((trial.suggest_float("x", 0, 1) - 0.3) ** 2), n_trials=8)
        return [trial.params["x"] for trial in study.trials]

    assert (proposals(lambda loss: loss) == proposals(lambda loss: np.exp(20 * loss))) is same
