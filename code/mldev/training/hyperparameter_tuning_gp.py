"""Bayesian optimisation by hand: a Gaussian process, expected improvement, and the two as an Optuna sampler.

Read from top to bottom: the kernel, the posterior, the fit of the kernel's own parameters, the acquisition, the
sampler. The posterior equals scikit-learn's ``GaussianProcessRegressor`` (see the tests).
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.stats import norm, rankdata

from mldev.training.hyperparameter_tuning_space import UnitCube

SQRT5 = np.sqrt(5.0)


def matern52(A: np.ndarray, B: np.ndarray, length_scales: np.ndarray) -> np.ndarray:
    """Matern-5/2 kernel: how alike two points are, 1 at distance 0, falling with the scaled distance."""
    gaps = (A[:, None, :] - B[None, :, :]) / length_scales  # (n, m, d)
    s = SQRT5 * np.sqrt((gaps**2).sum(axis=2))  # (n, m)
    return (1 + s + s**2 / 3) * np.exp(-s)


@dataclass(frozen=True)
class GaussianProcess:
    """A belief about a function: before the data (kernel) and after it (``condition``, then ``posterior``)."""

    amplitude: float
    length_scales: np.ndarray
    noise: float
    X: np.ndarray | None = None
    factor: np.ndarray | None = None
    weights: np.ndarray | None = None

    def condition(self, X: np.ndarray, y: np.ndarray) -> "GaussianProcess":
        """Belief after seeing targets y at points X."""
        K = self.amplitude * matern52(X, X, self.length_scales) + self.noise * np.eye(
            len(X)
        )
        factor = np.linalg.cholesky(K)  # K = factor @ factor.T
        weights = cho_solve((factor, True), y)  # K^-1 y
        return GaussianProcess(
            self.amplitude, self.length_scales, self.noise, X, factor, weights
        )

    def posterior(self, X_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the function at new points."""
        if self.X is None:
            return np.zeros(len(X_new)), np.full(len(X_new), self.amplitude)
        k = self.amplitude * matern52(self.X, X_new, self.length_scales)  # (n, m)
        mean = k.T @ self.weights
        explained = solve_triangular(self.factor, k, lower=True)
        return mean, np.maximum(self.amplitude - (explained**2).sum(axis=0), 0.0)


def log_likelihood(
    theta: np.ndarray, X: np.ndarray, y: np.ndarray
) -> tuple[float, np.ndarray]:
    """Log marginal likelihood of (X, y) and its gradient in theta = log(amplitude, length scales, noise)."""
    amplitude, length_scales, noise = (
        np.exp(theta[0]),
        np.exp(theta[1:-1]),
        np.exp(theta[-1]),
    )
    gaps = ((X[:, None, :] - X[None, :, :]) / length_scales) ** 2  # (n, n, d)
    s = SQRT5 * np.sqrt(gaps.sum(axis=2))
    decay = amplitude * np.exp(-s)
    K = (1 + s + s**2 / 3) * decay  # (n, n), without noise
    factor = np.linalg.cholesky(K + noise * np.eye(len(X)))
    inverse = cho_solve((factor, True), np.eye(len(X)))
    weights = inverse @ y
    value = (
        -0.5 * y @ weights
        - np.log(np.diag(factor)).sum()
        - 0.5 * len(X) * np.log(2 * np.pi)
    )
    pull = np.outer(weights, weights) - inverse  # d value / d K = pull / 2
    slope_scales = 5 / 3 * np.einsum("ij,ijk->k", pull * decay * (1 + s), gaps)
    slopes = np.concatenate(
        [[np.sum(pull * K)], slope_scales, [noise * np.trace(pull)]]
    )
    return float(value), 0.5 * slopes


def fit(X: np.ndarray, y: np.ndarray) -> GaussianProcess:
    """Choose amplitude, length scales and noise that make the data most likely, then condition on the data."""
    num_columns = X.shape[1]
    start = np.log(np.concatenate([[1.0], np.full(num_columns, 0.5), [1e-2]]))
    bounds = np.log([(0.1, 10.0)] + [(0.05, 5.0)] * num_columns + [(1e-5, 0.3)])

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood(theta, X, y)
        return -value, -gradient

    theta = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    theta = np.round(
        theta, 3
    )  # so that processors which round differently still propose the same point
    return GaussianProcess(
        np.exp(theta[0]), np.exp(theta[1:-1]), np.exp(theta[-1])
    ).condition(X, y)


def expected_improvement(
    mean: np.ndarray, variance: np.ndarray, best: float, xi: float = 0.0
) -> np.ndarray:
    """Mean amount by which a point would fall below ``best - xi``, for a function that we minimise."""
    std = np.sqrt(np.maximum(variance, 1e-18))
    gain = best - xi - mean
    z = gain / std
    return gain * norm.cdf(z) + std * norm.pdf(z)


def standardise(values: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1; constant values become zeros. Infinite values count as the worst finite."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return np.zeros_like(values)
    values = np.clip(values, finite.min(), finite.max())
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Keep only the order: the best of n values becomes the lowest quantile of a normal distribution, and so on."""
    return standardise(norm.ppf((rankdata(values) - 0.5) / len(values)))


def candidates(
    best: np.ndarray, num_candidates: int, rng: np.random.Generator
) -> np.ndarray:
    """Points at which to ask the acquisition: half anywhere, half near the best point seen."""
    anywhere = rng.random((num_candidates // 2, len(best)))
    moved = np.clip(best + rng.normal(0, 0.15, anywhere.shape), 0, 1)
    near = np.where(
        rng.random(anywhere.shape) < 0.5, moved, best
    )  # about half of the columns stay
    return np.vstack([anywhere, near])


def propose(
    X: np.ndarray,
    targets: np.ndarray,
    cube: UnitCube,
    rng: np.random.Generator,
    xi: float = 0.0,
    num_candidates: int = 600,
) -> np.ndarray:
    """The unit-cube vector to try next, given vectors X already tried and their targets (to be minimised)."""
    model = fit(X, targets)
    pool = cube.snap(candidates(X[np.argmin(targets)], num_candidates, rng))
    gains = expected_improvement(*model.posterior(pool), best=targets.min(), xi=xi)
    tried = (np.abs(pool[:, None, :] - X[None, :, :]).max(axis=2) < 1e-9).any(axis=1)
    return pool[np.argmax(np.where(tried, -np.inf, gains))]


class GaussianProcessSampler(BaseSampler):
    """Bayesian optimisation as an Optuna sampler.

    Every random draw comes from (seed, number of trials that did not fail), never from a state kept in memory. So
    a proposal depends only on the study's history: a study resumed after a crash goes on as if nothing happened.

    Parameters
    ----------
    num_startup
        Trials drawn at random before the model speaks.
    xi
        Improvement asked for, in standard deviations of the targets; larger explores more.
    targets
        What the model learns from the losses: their order (``normal_scores``) or their size (``standardise``).
    seed
        Seed; None takes fresh entropy.
    """

    def __init__(
        self,
        num_startup: int = 8,
        xi: float = 0.0,
        seed: int | None = None,
        targets: Callable[[np.ndarray], np.ndarray] = normal_scores,
    ) -> None:
        if num_startup < 2:
            raise ValueError(
                f"num_startup: {num_startup}; the model needs at least 2 trials to start from"
            )
        if xi < 0:
            raise ValueError(f"xi: {xi}; the improvement asked for is at least 0")
        self.num_startup = num_startup
        self.xi = xi
        self.targets = targets
        self.seed = _entropy() if seed is None else seed

    def reseed_rng(self) -> None:
        self.seed = _entropy()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        space = IntersectionSearchSpace().calculate(study)
        return {name: dist for name, dist in space.items() if not dist.single()}

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict:
        self._raise_error_if_multi_objective(study)
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        done = [t for t in done if all(name in t.params for name in search_space)]
        if not search_space:
            return {}
        cube = UnitCube(search_space)
        if len(done) < self.num_startup:
            return cube.random(1, self._rng(study, trial))[0]
        running = [
            t
            for t in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            if t.number != trial.number
            and all(name in t.params for name in search_space)
        ]
        X = np.array([cube.encode(t.params) for t in done + running])
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        values = sign * np.array([t.value for t in done])
        # A trial still running gets the mean: it marks the place as taken, and asks for something else.
        y = np.concatenate([values, np.full(len(running), standin(values))])
        return cube.decode(
            propose(X, self.targets(y), cube, self._rng(study, trial), self.xi)
        )

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        self._raise_error_if_multi_objective(study)
        cube = UnitCube({param_name: param_distribution})
        return cube.random(1, self._rng(study, trial, param_name))[0][param_name]

    def _rng(
        self, study: Study, trial: FrozenTrial, name: str = ""
    ) -> np.random.Generator:
        others = study.get_trials(deepcopy=False)
        position = sum(
            t.number < trial.number and t.state != TrialState.FAIL for t in others
        )
        return np.random.default_rng([self.seed, position, zlib.crc32(name.encode())])


def standin(values: np.ndarray) -> float:
    """Value assumed for a trial that has not finished: the mean of the finite ones."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else 0.0


def _entropy() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])
