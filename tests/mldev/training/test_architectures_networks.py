"""The chapter's networks and data: equal cost, splits that hold, and what each comparison rests on."""

import numpy as np
import pytest
import torch
from statsmodels.tsa.ar_model import AutoReg

from mldev.training import architectures_forecast as forecast
from mldev.training import architectures_heads as heads
from mldev.training import architectures_images as images
from mldev.training import architectures_memory as memory
from mldev.training import architectures_robust as robust
from mldev.training.architectures_convolution import multiply_adds
from mldev.training.architectures_robust import Recipe


@pytest.fixture(scope="module")
def drawn():
    return images.draw(0)


def test_rivals_cost_the_same():
    for costs in (
        [images.cost(build()) for build in images.NETWORKS.values()],
        [memory.cost(reader) for reader in memory.READERS],
        [forecast.cost(network) for network in forecast.NETWORKS],
    ):
        assert max(costs) / min(costs) < 1.05
    two = multiply_adds(heads.ImageAndScript().eval(), torch.zeros(1, 1, 16, 16), torch.zeros(1, dtype=torch.long))
    both = multiply_adds(heads.CharacterAndScript().eval(), torch.zeros(1, 1, 16, 16))
    one = images.cost(images.convolutional())
    assert one < two < 1.01 * one and one < both < 1.01 * one


def test_seeds_draw_new_images_of_the_same_characters(drawn):
    other = images.draw(1)
    assert drawn.names == other.names and torch.equal(drawn.script_of, other.script_of)
    assert not torch.equal(drawn.test.images, other.test.images)
    assert len(drawn.train) == images.NUM_CHARACTERS * images.TRAIN
    assert set(drawn.script_of.tolist()) == {0, 1, 2, 3}
    flat = torch.cat([p.images for p in (drawn.train, drawn.valid, drawn.test)]).flatten(1)
    assert len(torch.unique(flat, dim=0)) == len(flat)  # no image on two sides


def test_shuffling_loses_no_pixel(drawn):
    mixed = images.shuffled(drawn.test.images)
    assert torch.equal(mixed.flatten(1).sort(1)[0], drawn.test.images.flatten(1).sort(1)[0])
    assert not torch.equal(mixed, drawn.test.images)


def test_an_unknown_network_is_named():
    for build, word in ((images.build, "network"), (memory.build, "reader"), (forecast.build, "network")):
        with pytest.raises(ValueError, match=f"{word}: expected one of"):
            build("transformer", 0)


def test_the_marked_symbol_is_where_its_age_says():
    drawn = memory.sequences(200, torch.Generator().manual_seed(0), length=12)
    rows = torch.arange(200)
    places = 11 - drawn.ages
    assert (drawn.inputs[rows, places, memory.NUM_SYMBOLS] == 1).all()
    assert (drawn.inputs[..., memory.NUM_SYMBOLS].sum(1) == 1).all()
    assert (drawn.inputs[rows, places, drawn.symbols] == 1).all()
    with pytest.raises(ValueError, match="length"):
        memory.sequences(2, torch.Generator(), length=0)


def test_a_scripts_share_of_lies():
    data = images.Drawings(torch.zeros(4000, 1), torch.zeros(4000), torch.arange(4000) % 4)
    told = heads.told_scripts(data, 0.2, seed=0)
    assert float((told != data.scripts).float().mean()) == pytest.approx(0.2, abs=0.03)
    assert torch.equal(heads.told_scripts(data, 0.0, seed=0), data.scripts)
    with pytest.raises(ValueError, match="unsure"):
        heads.told_scripts(data, 1.0, seed=0)


def test_bayes_rule_is_the_rule():
    """Against the table of joint probabilities, written out."""
    torch.manual_seed(0)
    scores, script_of = torch.randn(5, 6), torch.tensor([0, 0, 1, 1, 2, 3])
    told, unsure = torch.tensor([0, 1, 2, 3, 0]), 0.2
    image = torch.softmax(scores, 1)
    for row in range(5):
        joint = torch.tensor([image[row, c] * (0.8 if script_of[c] == told[row] else 0.2 / 3) for c in range(6)])
        expected = joint / joint.sum()
        found = torch.softmax(heads.bayes(scores, told, script_of, unsure)[row], 0)
        assert torch.allclose(found, expected, atol=1e-6)
    sure = heads.bayes(scores, told, script_of, 0.0).argmax(1)
    assert torch.equal(script_of[sure], told)


def test_the_script_is_read_off_the_character():
    scores, script_of = torch.log(torch.tensor([[0.4, 0.35, 0.25]])), torch.tensor([0, 1, 1])
    found = heads.script_scores(scores, script_of)
    assert torch.allclose(found, torch.tensor([[0.4, 0.6, 0.0, 0.0]]))


def test_rare_names_are_one_for_each_character(drawn):
    rows = heads.named_rows(drawn)
    assert torch.equal(drawn.train.characters[rows], torch.arange(images.NUM_CHARACTERS))


def test_images_without_a_name_teach_no_character():
    """Changing what an unnamed image shows must leave the gradient of the character head alone."""
    torch.manual_seed(0)
    model, images_ = heads.CharacterAndScript().eval(), torch.rand(4, 1, 16, 16)
    names = torch.tensor([3, -1, 5, -1])

    def gradient(batch):
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(batch)[0], names, ignore_index=-1).backward()
        return model.character.weight.grad.clone()

    changed = images_.clone()
    changed[1] = torch.rand(1, 16, 16)
    assert torch.allclose(gradient(images_), gradient(changed))


def test_labels_are_wrong_as_often_as_asked_and_never_in_the_test():
    right, faulty = robust.split(0, 0.0), robust.split(0, 0.2)
    assert torch.equal(right.X, faulty.X) and torch.equal(right.y_test, faulty.y_test)
    assert float((right.y != faulty.y).float().mean()) == pytest.approx(0.2, abs=0.08)
    assert len(right.y) == robust.NUM_LABELLED and len(right.y_test) == robust.NUM_TEST
    other = robust.split(1, 0.0)
    assert torch.equal(right.X_test, other.X_test) and not torch.equal(right.X, other.X)
    with pytest.raises(ValueError, match="wrong"):
        robust.split(0, 1.0)


def test_augmentation_of_strength_zero_changes_nothing():
    X = torch.rand(3, 1, 8, 8)
    assert torch.allclose(robust.augmented(X, 0.0, torch.Generator().manual_seed(0)), X, atol=1e-5)
    moved = robust.augmented(X, 1.0, torch.Generator().manual_seed(0))
    assert moved.shape == X.shape and not torch.allclose(moved, X, atol=0.05)


def test_recipes_switch_their_remedy_and_no_other():
    plain, normed = robust.network(Recipe(), 0), robust.network(Recipe(batch_norm=1), 0)
    assert not any("BatchNorm" in type(m).__name__ for m in plain.modules())
    assert sum("BatchNorm" in type(m).__name__ for m in normed.modules()) == 3
    every = Recipe(0.003, 0.5, 1, 0.3, 1.0, 4)
    assert robust.without(every, "dropout") == Recipe(0.003, 0.0, 1, 0.3, 1.0, 4)
    assert robust.without(every, "early stopping").patience == 0


def test_early_stopping_returns_the_best_look_and_stops(monkeypatch):
    monkeypatch.setattr(robust, "NUM_STEPS", 200)
    data = robust.split(0, 0.2)
    done = robust.train(Recipe(learning_rate=0.01, patience=2), data.X, data.y, 0)
    assert done.num_steps < 200 and done.num_steps == robust.EVERY * len(done.looks)
    held = robust.HELD
    loss = torch.nn.functional.cross_entropy(robust.outputs(done.model, data.X[:held]), data.y[:held])
    assert float(loss) == pytest.approx(min(done.looks), abs=1e-5)
    assert len(done.looks) - 1 - int(np.argmin(done.looks)) == 2


def test_weight_decay_shrinks_the_weights(monkeypatch):
    monkeypatch.setattr(robust, "NUM_STEPS", 60)
    data = robust.split(0, 0.0)

    def size(decay):
        model = robust.train(Recipe(weight_decay=decay), data.X, data.y, 0).model
        return sum(float(p.detach().square().sum()) for p in model.parameters())

    assert size(3.0) < 0.9 * size(0.0)


def test_blocks_are_in_order_and_reach_the_end():
    series = forecast.sunspots()
    valid, test = forecast.blocks(len(series))
    starts = [b.start for b in valid + test]
    assert starts == sorted(starts) and test[-1].stop == len(series) and valid[-1].stop == test[0].start
    with pytest.raises(ValueError, match="length"):
        forecast.blocks(100)


@pytest.mark.parametrize("method", ["naive", "linear", "network"])
def test_no_forecast_sees_what_it_forecasts(method):
    """Changing the future of an origin changes nothing of what is forecast from it."""
    series = forecast.sunspots()
    block = forecast.blocks(len(series))[1][0]
    later = series.copy()
    later[block.start :] = series[block.start :][::-1]

    def run(values):
        if method == "naive":
            return forecast.seasonal_naive(values, block)
        if method == "linear":
            return forecast.autoregression(values, block, 6)
        return forecast.network_forecast(values, block, "dense", 0, 0.003, 20)

    first = run(series)[0]  # the first year of the block: nothing of the block is known yet
    assert np.allclose(first, run(later)[0])
    uses_the_block = not np.allclose(run(series)[5:, 0], run(later)[5:, 0])
    assert uses_the_block == (method != "naive")  # a whole cycle back lies before the block


@pytest.mark.parity
def test_the_autoregression_equals_statsmodels(record_property):
    """One year ahead it is the classical model; statsmodels fits it to the same years."""
    import statsmodels

    series = forecast.sunspots()
    block = forecast.blocks(len(series))[1][3]
    order = 9
    ours = forecast.autoregression(series, block, order)[:, 0]
    root = np.sqrt(series)
    known = root[forecast.FIRST_TARGET - order : block.start]
    fitted = AutoReg(known, lags=order).fit()
    rows = forecast.lags(root, np.arange(block.start, block.stop) - 1, order)
    theirs = np.clip(fitted.params[0] + rows[:, :-1] @ fitted.params[1:], 0, None) ** 2
    difference = float(np.abs(ours - theirs).max())
    record_property("parity", {
        "algorithm": "Autoregression, one year ahead (sunspots)", "library": "statsmodels",
        "version": statsmodels.__version__, "tolerance": 1e-6, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-6


def test_each_horizon_takes_its_own_answer(monkeypatch):
    """A network that always answers 1, 2, ..., 11 must give column h the answer h."""

    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return torch.arange(1.0, 12).expand(len(x), 11) + 0 * self.unused

    monkeypatch.setattr(forecast, "build", lambda network, seed: Counting())
    series = forecast.sunspots()
    block = forecast.blocks(len(series))[1][0]
    found = forecast.network_forecast(series, block, "dense", 0, 0.01, 1)
    root = np.sqrt(series[: block.start])
    expected = (np.arange(1, 12) * root.std() + root.mean()) ** 2
    assert np.allclose(found, expected[None, :], rtol=1e-4)


def test_the_naive_forecast_is_one_cycle_old():
    series = np.arange(309.0)
    block = forecast.blocks(309)[1][0]
    found = forecast.seasonal_naive(series, block)
    assert (found == (np.arange(block.start, block.stop) - 11)[:, None]).all()
    assert (forecast.absolute_errors(series, block, found) == 11).all()
