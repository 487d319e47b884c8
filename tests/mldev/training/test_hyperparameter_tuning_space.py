"""The unit cube: every configuration survives the way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from mldev.training.hyperparameter_tuning_space import UnitCube

SPACE = {
    "rate": FloatDistribution(1e-5, 1.0, log=True),
    "drop": FloatDistribution(0.0, 0.9, step=0.1),
    "shift": FloatDistribution(-3.0, 2.0),
    "width": IntDistribution(1, 300, log=True),
    "depth": IntDistribution(2, 11, step=3),
    "kind": CategoricalDistribution(["a", "b", None]),
    "only": IntDistribution(7, 7),
}
CUBE = UnitCube(SPACE)


@given(st.integers(0, 10**6))
def test_there_and_back(seed):
    params = CUBE.random(1, np.random.default_rng(seed))[0]
    again = CUBE.decode(CUBE.encode(params))
    for name, dist in SPACE.items():
        assert dist._contains(dist.to_internal_repr(params[name]))
        assert again[name] == (pytest.approx(params[name]) if isinstance(params[name], float) else params[name])


@given(st.integers(0, 10**6))
def test_snapped_points_are_where_their_configuration_is(seed):
    vectors = np.random.default_rng(seed).random((5, CUBE.num_columns))
    snapped = CUBE.snap(vectors)
    assert np.allclose(snapped, [CUBE.encode(CUBE.decode(v)) for v in vectors])
    assert np.allclose(CUBE.snap(snapped), snapped)


def test_random_draws_give_each_value_its_share():
    draws = CUBE.random(6000, np.random.default_rng(0))
    for name, values in {"depth": [2, 5, 8, 11], "kind": ["a", "b", None]}.items():
        shares = [np.mean([d[name] == v for d in draws]) for v in values]
        assert np.allclose(shares, 1 / len(values), atol=0.03)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="space"):
        UnitCube({})
    with pytest.raises(TypeError, match="rate"):
        UnitCube({"rate": (0, 1)})
    with pytest.raises(KeyError, match="drop"):
        CUBE.encode({"rate": 0.1})
