"""Repeated runs do not depend on where they run; intervals mean what they say."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from mldev.experiments import Interval, curve_interval, interval, paired_difference, ratio_interval, repeat, run_all

RUNS = st.lists(st.integers(-1000, 1000), min_size=2, max_size=30)
few_draws = settings(derandomize=True, deadline=None, max_examples=60)


def study(num_draws):
    """A small experiment, defined where workers receive it by value."""

    def run(seed, scale):
        return float(np.random.default_rng(seed).normal(scale=scale, size=num_draws).mean()), os.getpid()

    return run


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("MLDEV_BACKEND", "MLDEV_JOBS", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def ray_of_two():
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
    yield
    ray.shutdown()


def values_and_workers(results):
    values, workers = zip(*results, strict=True)
    return list(values), set(workers)


def test_results_come_in_the_order_of_the_seeds():
    assert repeat(lambda seed, offset: seed + offset, [5, 3, 9], offset=100) == [105, 103, 109]
    assert repeat(lambda seed: seed, 4) == [0, 1, 2, 3]
    assert repeat(lambda seed: seed, np.int64(2)) == [0, 1]


def test_two_processes_give_the_results_of_one():
    serial, here = values_and_workers(repeat(study(100), 12, scale=3.0))
    parallel, there = values_and_workers(repeat(study(100), 12, n_jobs=2, scale=3.0))
    assert serial == parallel
    assert here == {os.getpid()} and os.getpid() not in there


def test_ray_gives_the_results_of_one_process(ray_of_two, monkeypatch):
    serial, _ = values_and_workers(repeat(study(100), 20, scale=3.0))
    chosen, there = values_and_workers(repeat(study(100), 20, backend="ray", n_jobs=2, scale=3.0))
    monkeypatch.setenv("MLDEV_BACKEND", "ray")
    from_environment, elsewhere = values_and_workers(repeat(study(100), 20, scale=3.0))
    assert serial == chosen == from_environment
    assert os.getpid() not in there | elsewhere
    assert 1 <= len(elsewhere) <= 2


def test_ray_address_names_the_cluster(ray_of_two, monkeypatch):
    import ray

    address = ray.get_runtime_context().gcs_address
    code = (
        "import ray\n"
        "from mldev.experiments import repeat\n"
        "print(repeat(lambda seed: seed * seed, 5), ray.get_runtime_context().gcs_address)"
    )
    environment = {**os.environ, "RAY_ADDRESS": address, "MLDEV_BACKEND": "ray"}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert f"[0, 1, 4, 9, 16] {address}" in output.stdout.splitlines(), output.stdout  # Ray prints there too


def test_results_are_handed_on_as_they_finish():
    def run(seed):
        if seed == 2:
            raise RuntimeError("the machine went away")
        return seed

    seen = []
    with pytest.raises(RuntimeError, match="the machine went away"):
        for position, result in run_all(run, [{"seed": seed} for seed in range(4)]):
            seen.append((position, result))
    assert seen == [(0, 0), (1, 1)]


def test_dask_is_asked_for_by_name():
    with pytest.raises(ModuleNotFoundError, match="backend 'dask' needs the packages dask and distributed"):
        repeat(lambda seed: seed, 2, backend="dask")


def test_environment_sets_backend_and_workers(monkeypatch):
    monkeypatch.setenv("MLDEV_BACKEND", "loky")
    monkeypatch.setenv("MLDEV_JOBS", "2")
    _, there = values_and_workers(repeat(study(10), 4, scale=1.0))
    assert os.getpid() not in there


@pytest.mark.parametrize(
    ("options", "message"),
    [({"backend": "spark"}, "backend 'spark': expected one of loky, ray, dask"), ({"n_jobs": 0}, "n_jobs 0")],
)
def test_bad_places_to_run_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        repeat(lambda seed: seed, 2, **options)


def test_bad_seeds_are_refused():
    with pytest.raises(ValueError, match="no seeds"):
        repeat(lambda seed: seed, [])
    with pytest.raises(TypeError, match="seed comes from seeds"):
        repeat(lambda seed: seed, 3, seed=1)


def test_bad_number_of_workers_is_refused(monkeypatch):
    monkeypatch.setenv("MLDEV_BACKEND", "loky")
    monkeypatch.setenv("MLDEV_JOBS", "many")
    with pytest.raises(ValueError, match="MLDEV_JOBS=many: expected a number of workers"):
        repeat(lambda seed: seed, 3)


@given(RUNS)
@few_draws
def test_interval_holds_its_estimate(runs):
    found = interval(runs, num_resamples=500)
    assert found.low - 1e-9 <= found.estimate <= found.high + 1e-9
    assert min(runs) <= found.low and found.high <= max(runs)
    assert found.n == len(runs) and math.isclose(found.estimate, np.mean(runs), abs_tol=1e-9)


@given(RUNS, st.integers(-50, 50).filter(bool), st.integers(-100, 100))
@few_draws
def test_interval_moves_with_shift_and_scale(runs, scale, shift):
    found = interval(runs, num_resamples=500)
    moved = interval(scale * np.array(runs) + shift, num_resamples=500)
    ends = sorted([scale * found.low + shift, scale * found.high + shift])
    assert np.allclose([moved.low, moved.high], ends, atol=1e-7)
    assert np.isclose(moved.estimate, scale * found.estimate + shift, atol=1e-7)


@given(st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=2, max_size=30))
@few_draws
def test_paired_difference_is_antisymmetric(pairs):
    a, b = np.array(pairs).T
    one, other = paired_difference(a, b, num_resamples=500), paired_difference(b, a, num_resamples=500)
    assert np.allclose([one.estimate, one.low, one.high], [-other.estimate, -other.high, -other.low], atol=1e-9)


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), min_size=2, max_size=30))
@few_draws
def test_ratio_does_not_depend_on_the_unit(pairs):
    a, b = np.array(pairs).T
    one, other = ratio_interval(a, b, num_resamples=500), ratio_interval(60.0 * a, 60.0 * b, num_resamples=500)
    assert np.allclose([one.estimate, one.low, one.high], [other.estimate, other.low, other.high])
    assert one.low - 1e-9 <= np.mean(a) / np.mean(b) <= one.high + 1e-9


def test_pairing_removes_what_pairs_share():
    rng = np.random.default_rng(0)
    seeds, better = rng.normal(scale=10, size=20), rng.normal(loc=1.0, scale=0.5, size=20)
    assert paired_difference(seeds + better, seeds).above(0)
    shuffled = paired_difference(seeds + better, rng.permutation(seeds))
    assert not shuffled.above(0) and shuffled.high - shuffled.low > 5


def coverage(n, level, num_experiments=1000):
    """How often the interval of n normal runs holds their true mean, 0."""
    rng = np.random.default_rng(0)
    options = {"level": level, "num_resamples": 1000}
    found = [interval(rng.normal(size=n), seed=seed, **options) for seed in range(num_experiments)]
    return np.mean([each.low <= 0 <= each.high for each in found])


def test_interval_covers_the_truth_about_as_often_as_it_says():
    assert 0.93 <= coverage(20, 0.95) <= 0.97
    assert 0.46 <= coverage(20, 0.5) <= 0.54


def test_interval_of_five_runs_is_as_good_as_five_runs_allow():
    """It never leaves the range of its runs, which misses the mean when all lie on one side: in 1 of 16 experiments."""
    assert 0.90 <= coverage(5, 0.95) <= 15 / 16 + 0.02


def plain_level(n, level=0.95):
    """The level of the plain percentile interval that ends where the expanded one of n runs does."""
    student = scipy.stats.t.ppf((1 + level) / 2, n - 1)
    return 1 - 2 * scipy.stats.norm.cdf(-student * math.sqrt(n / (n - 1)))


def test_interval_depends_on_its_seed_alone():
    runs = np.random.default_rng(0).normal(size=20)
    assert interval(runs) == interval(list(runs)) != interval(runs, seed=1)


def test_curve_interval_is_the_interval_of_every_point():
    curves = np.random.default_rng(0).normal(size=(7, 5)).cumsum(axis=1)
    points = [interval(column, num_resamples=2000) for column in curves.T]
    for curve, part in zip(curve_interval(curves, num_resamples=2000), ("estimate", "low", "high"), strict=True):
        assert np.allclose(curve, [getattr(point, part) for point in points])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval([1.0]), "values: expected at least two runs in one dimension, got shape"),
        (lambda: interval(np.ones((3, 3))), "in one dimension"),
        (lambda: interval([1.0, math.nan, 2.0]), "values: 1 of 3 runs are not finite"),
        (lambda: interval([1.0, 2.0], level=95), "level 95"),
        (lambda: interval([1.0, 2.0], num_resamples=0), "num_resamples 0"),
        (lambda: paired_difference([1.0, 2.0], [1.0, 2.0, 3.0]), "expected pairs, got 2 and 3 runs"),
        (lambda: ratio_interval([1.0, 2.0], [1.0, 0.0]), "denominators must be positive, got 0"),
        (lambda: curve_interval([1.0, 2.0]), "runs .rows. of a curve"),
        (lambda: curve_interval([[1.0, 2.0], [1.0, math.inf]]), "1 of 4 are not finite"),
    ],
)
def test_bad_runs_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_interval_decides_and_prints():
    found = Interval(0.123456, 0.101, 0.145, n=20)
    assert found.above(0.1) and not found.above(0.101) and found.below(0.2) and not found.below(0.145)
    assert f"{found:.3f}" == "0.123 [0.101, 0.145]"
    assert f"{found}" == str(found) == "0.123 [0.101, 0.145] (95 % interval, n = 20)"
    assert str(Interval(1234.5, 900.0, 1500.0, n=5, level=0.9)) == "1234 [900, 1500] (90 % interval, n = 5)"
    assert str(Interval(0.5, 0.5, 0.5, n=5)) == "0.5000 [0.5000, 0.5000] (95 % interval, n = 5)"


@pytest.mark.parity
@pytest.mark.parametrize("statistic", [np.mean, np.median])
def test_interval_agrees_with_scipy(statistic, record_property):
    runs = np.random.default_rng(0).lognormal(size=25)
    ours = interval(runs, statistic=statistic, seed=3)
    theirs = scipy.stats.bootstrap(
        (runs,),
        statistic,
        confidence_level=plain_level(len(runs)),
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(3),
    ).confidence_interval
    difference = float(max(abs(ours.low - theirs.low), abs(ours.high - theirs.high)))
    record_parity(record_property, f"bootstrap interval of the {statistic.__name__}", difference)
    assert difference <= 1e-12


@pytest.mark.parity
def test_ratio_interval_agrees_with_scipy(record_property):
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(size=25), rng.lognormal(size=25)
    ours = ratio_interval(a, b, seed=3)
    theirs = scipy.stats.bootstrap(
        (a, b),
        lambda x, y, axis: x.mean(axis=axis) / y.mean(axis=axis),
        confidence_level=plain_level(len(a)),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(3),
    ).confidence_interval
    difference = float(max(abs(ours.low - theirs.low), abs(ours.high - theirs.high)))
    record_parity(record_property, "paired bootstrap interval of a ratio", difference)
    assert difference <= 1e-12


def record_parity(record_property, algorithm, difference):
    library = {"algorithm": algorithm, "library": "SciPy", "version": scipy.__version__}
    record_property("parity", {**library, "tolerance": 1e-12, "difference": difference, "kind": "numbers"})
