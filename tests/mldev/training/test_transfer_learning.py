"""The loop against torch.optim, freezing bit for bit, tasks, and the pieces that the explanation stands on."""

import copy
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mldev.experiments import interval, paired_difference
from mldev.training import transfer_learning_glyphs as letters
from mldev.training import transfer_learning_series as series
from mldev.training import transfer_learning_strategies as strategies
from mldev.training import transfer_learning_text as text
from mldev.training.transfer_learning_loop import (
    MOMENTUM,
    accuracy,
    batches,
    fine_tune,
    freeze,
    matching_loss,
    run,
)

PAGE = Path(__file__).parents[3] / "book" / "training" / "transfer-learning-in-practice.md"


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((50, 1, 20, 20), np.float32)), torch.arange(5).repeat(10)


@pytest.fixture
def small_corpus(monkeypatch):
    """Docstrings made up here, 45 of each module: words of their module, one of their own, and common ones."""
    modules = [(lib, f"{lib}.m{chr(97 + m)}") for lib in ("numpy", "scipy", "sklearn") for m in range(8)]
    rows = []
    for library, module in modules:
        for number in range(45):
            own = f"item{chr(97 + number // 26)}{chr(97 + number % 26)}{module[-1]}{library}"
            body = f"return the mean of {own} with {module.replace('.', '')} words"
            rows.append((own, library, module, f"the {own}", body))
    frame = pd.DataFrame(rows, columns=["name", "library", "module", "title", "body"])
    monkeypatch.setattr(text, "texts", lambda: frame)
    text.vocabulary.cache_clear()
    yield frame
    text.vocabulary.cache_clear()


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def library_loop(model, rates, inputs, labels, num_steps, seed, batch_size):
    """The same descent with torch.optim: one parameter group per layer, the rates falling by LambdaLR."""
    groups = [{"params": layer.parameters(), "lr": rate} for layer, rate in zip(model, rates, strict=True) if rate > 0]
    for layer, rate in zip(model, rates, strict=True):
        layer.requires_grad_(rate > 0)
    optimizer = torch.optim.SGD(groups, momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / num_steps)
    for rows in batches(len(labels), num_steps, seed, batch_size):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
        optimizer.step()
        schedule.step()


@pytest.mark.parity
@pytest.mark.parametrize("rates", [(0.1,) * 4, (0.001, 0.01, 0.05, 0.1), (0, 0, 0.05, 0.1), (0, 0.02, 0, 0.1)])
def test_the_loop_equals_parameter_groups(rates, images, record_property):
    inputs, labels = images
    by_hand = letters.network(5, seed=0)
    library = copy.deepcopy(by_hand)
    fine_tune(by_hand, rates, inputs, labels, num_steps=12, seed=1, batch_size=16)
    library_loop(library, rates, inputs, labels, 12, 1, 16)
    pairs = zip(by_hand.parameters(), library.parameters(), strict=True)
    difference = max(float((a - b).detach().abs().max()) for a, b in pairs)
    assert difference < 1e-6
    record_property(
        "parity",
        {
            "algorithm": f"Fine-tuning, layer rates {', '.join(map(str, rates))}",
            "library": "torch.optim.SGD with parameter groups",
            "version": torch.__version__.split("+")[0],
            "tolerance": 1e-6,
            "difference": difference,
            "kind": "numbers",
        },
    )


@given(st.lists(st.sampled_from([0, 0.01, 0.1]), min_size=4, max_size=4).filter(any), st.integers(0, 5))
@settings(max_examples=12, deadline=None)
def test_frozen_layers_are_the_same_bit_for_bit_and_others_are_not(rates, seed):
    rng = np.random.default_rng(seed)
    inputs, labels = torch.from_numpy(rng.random((12, 1, 20, 20), np.float32)), torch.arange(12) % 3
    model = letters.network(3, seed)
    before = weights_of(model)
    fine_tune(model, rates, inputs, labels, num_steps=2, seed=seed)
    for name, value in model.state_dict().items():
        rate = rates[letters.LAYERS.index(name.split(".")[0])]
        assert torch.equal(value, before[name]) == (rate == 0), name


def test_a_loop_that_forgets_the_rates_moves_frozen_layers(images):
    """The mutation: without its list of rates the loop is plain training, and nothing stays."""
    inputs, labels = images
    model = letters.network(5, seed=0)
    before = weights_of(model)
    fine_tune(model, (0.1, 0.1, 0.1, 0.1), inputs, labels, num_steps=2, seed=0)
    assert not any(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_frozen_front_runs_once(images, monkeypatch):
    inputs, labels = images
    model, seen = letters.network(5, seed=0), []
    model[0].register_forward_hook(lambda layer, args, out: seen.append(len(out)))
    fine_tune(model, (0, 0.1, 0.1, 0.1), inputs, labels, num_steps=7, seed=0)
    assert seen == [len(inputs)]
    seen.clear()
    fine_tune(model, (0.1, 0.1, 0.1, 0.1), inputs, labels, num_steps=7, seed=0)
    assert len(seen) == 7


@pytest.mark.parametrize("rates", [(0, 0, 0, 0), (0.1, 0.1), (-0.1, 0, 0, 0.1)])
def test_bad_rates_are_named(rates):
    with pytest.raises(ValueError, match="rates"):
        freeze(letters.network(3, 0), rates)


def test_batches_pass_over_all_rows():
    rows = np.concatenate(list(batches(80, 2, 0, 40)))
    assert sorted(rows) == list(range(80))
    assert all(len(step) == 30 for step in batches(30, 3, 0, 40))


def test_a_new_head_leaves_the_rest_alone():
    model = letters.network(7, 0)
    other = letters.with_new_head(model, 3, 1)
    assert other[-1][-1].out_features == 3 and model[-1][-1].out_features == 7
    assert all(torch.equal(a, b) for a, b in zip(model[:3].parameters(), other[:3].parameters(), strict=True))


def test_tasks_keep_their_test_and_share_no_drawing():
    few, many = (letters.letters_task("Hebrew", labels, 0) for labels in (2, 20))
    assert torch.equal(few.test_inputs, many.test_inputs) and few.names == many.names
    learned = {image.numpy().tobytes() for image in many.inputs}
    asked = {image.numpy().tobytes() for image in many.test_inputs}
    assert len(learned) == 400 and len(asked) == 300 and not learned & asked
    assert {image.numpy().tobytes() for image in few.inputs} <= learned


def test_scripts_are_on_one_side_only():
    sides = (letters.SOURCE, letters.CHOOSING, letters.JUDGING)
    assert sum(map(len, sides)) == len(set().union(*sides))
    source = {image.numpy().tobytes() for image in letters.source()[0]}
    task = letters.letters_task("Georgian", 20, 0)
    assert not source & {image.numpy().tobytes() for image in task.inputs}
    with pytest.raises(ValueError, match="Latin"):
        letters.letters_task("Latin", 1, 0)
    with pytest.raises(ValueError, match="labels_per_class"):
        letters.letters_task("Georgian", 21, 0)


def test_mirroring_is_exact():
    image = torch.arange(6.0).reshape(1, 1, 2, 3).repeat(4, 1, 1, 1)
    left = series.mirror(image, np.arange(4))
    assert torch.equal(left[0], image[0])
    assert left[1, 0, 0].tolist() == [2, 1, 0] and left[2, 0, 0].tolist() == [3, 4, 5]
    assert torch.equal(left[3], torch.rot90(image[3], 2, dims=(1, 2)))


def test_syllables_of_a_consonant_are_mirror_images():
    """The premise of the case where transfer hurts, against random pairs of letters."""
    drawn = series.syllables(0)
    shapes = {name: four.mean(dim=1)[:, 0] for name, four in drawn.items()}

    def nearest_mirror(one, other):
        options = [other, other.flip(1), other.flip(0), other.flip((0, 1)), other.T, other.rot90(), other.rot90(3)]
        return min(float(torch.dist(one, option)) for option in options)

    same = [nearest_mirror(four[0], four[v]) for four in shapes.values() for v in (1, 2, 3)]
    names = list(shapes)
    pairs = list(zip(names, names[1:], strict=False))
    other = [nearest_mirror(shapes[a][0], shapes[b][v]) for a, b in pairs for v in (1, 2, 3)]
    assert np.median(same) < 0.7 * np.median(other)


def test_likeness_knows_blind_features():
    images = torch.from_numpy(np.random.default_rng(0).random((20, 1, 20, 20), np.float32))

    class Blind(nn.Module):
        def forward(self, x):
            return x + x.flip(3) + x.flip(2) + x.flip((2, 3))

    assert series.likeness(Blind(), images) == pytest.approx(1, abs=1e-4)
    assert abs(series.likeness(nn.Identity(), images)) < 0.3


def test_movement_and_setting_back():
    task = letters.letters_task("Hebrew", 2, 0)
    strategy = strategies.Strategy("scratch", (0, 0.5, 1, 1), num_steps=5)
    before, after = strategies.transfer(strategy, task, 0.1, 0)
    found = strategies.moved(before, after)
    assert found[0] == 0 and min(found[1:]) > 0
    weight = [dict(m.named_parameters())["second.0.weight"].detach() for m in (before, after)]
    assert found[1] == pytest.approx(float((weight[1] - weight[0]).norm() / weight[0].norm()), rel=1e-5)
    lost = strategies.set_back(before, after, task)
    assert lost[0] == 0
    mixed = copy.deepcopy(after)
    mixed[2] = before[2]
    there = accuracy(after, task.test_inputs, task.test_labels) - accuracy(mixed, task.test_inputs, task.test_labels)
    assert lost[2] == pytest.approx(there)


def test_texts_are_encoded_and_padded(small_corpus):
    rows = text.encode(["Return the mean", "zzyzx qwop"], 4)
    numbers = text.vocabulary()
    assert rows[0].tolist() == [numbers["return"], numbers["the"], numbers["mean"], 0]
    assert min(rows[1, :2].tolist()) > len(numbers) and rows[1, 2:].tolist() == [0, 0]
    model = text.reader(3, 0)
    assert torch.allclose(run(model, rows), run(model, text.encode(["Return the mean", "zzyzx qwop"], 9)), atol=1e-6)


def test_libraries_are_on_one_side_only():
    sides = (text.SOURCE, text.CHOOSING, text.JUDGING)
    assert sum(map(len, sides)) == len(set().union(*sides))


def test_texts_to_learn_from_are_not_those_of_the_test(small_corpus):
    learn, judge = text.module_rows("scipy", 20, 0)
    assert learn.shape == (8, 20) and judge.shape == (8, 18)
    assert not set(learn.ravel()) & set(judge.ravel())
    assert (text.texts()["library"].iloc[learn.ravel()] == "scipy").all()
    for wrong, word in ((("numpy", 5, 0), "library"), (("scipy", 99, 0), "labels_per_class")):
        with pytest.raises(ValueError, match=word):
            text.module_task(*wrong)


def test_matching_prefers_its_own_partner():
    vectors = torch.eye(6)
    assert matching_loss(vectors, vectors, 10) < matching_loss(vectors, vectors.roll(1, 0), 10)


def test_code_for_readers_online_compiles():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf8"), flags=re.S)
    assert len(blocks) >= 2
    for block in blocks:
        compile(block, PAGE.name, "exec")
    assert any("from_pretrained" in block for block in blocks)


def tells_the_rate(model, task):
    found = {
        rate: fine_tune(copy.deepcopy(model), (rate,) * 4, task.inputs, task.labels, 40, 0)
        for rate in (0.0003, 0.01, 3)
    }
    guess = np.log(20)
    return found[0.0003][-1] > guess / 2 and max(found[3]) > 2 * guess and found[0.01][-1] < guess / 10


def test_the_middle_rate_is_not_enough_for_random_weights():
    """The mutation of the exercise's claim: its signs belong to the trained network, whose page checks them."""
    task = letters.letters_task("Georgian", 3, 0)
    assert not tells_the_rate(letters.network(20, 0), task)


def test_a_layer_that_gains_over_one_that_learns_nothing_is_seen():
    """The mutation of the inverted drawings' claim: against a strategy that learns nothing the first layer gains."""
    gains = []
    for script in letters.JUDGING:
        task = letters.letters_task(script, 8, 0)
        untouched = letters.network(20, 0)
        tuned = copy.deepcopy(untouched)
        fine_tune(tuned, (0.03, 0, 0, 0.03), 1 - task.inputs, task.labels, 40, 0)
        gains.append([accuracy(m, 1 - task.test_inputs, task.test_labels) for m in (tuned, untouched)])
    tuned, untouched = np.array(gains).T
    assert not paired_difference(tuned, untouched).below(0.03)


def test_a_layer_in_evaluation_mode_keeps_its_running_mean():
    """The mutation: begun in evaluation mode, the normalisation's mean does not move, and the claim would fail."""
    layer = nn.BatchNorm1d(3).requires_grad_(False)
    batch = torch.from_numpy(np.random.default_rng(0).normal(5, 1, (64, 3))).float()
    first = layer.running_mean.clone()
    layer.eval()(batch)
    assert torch.equal(layer.running_mean, first)
    layer.train()(batch)
    assert not torch.equal(layer.running_mean, first)


def test_what_is_alike_to_shifts_depends_on_the_network():
    """A network that averages over places is blind to shifts; raw pixels are not."""
    drawn = series.syllables(0)["L"][:, 0]

    def likeness_to_shifts(features):
        upright = features(drawn).flatten(1)
        moved = [features(series.shift(drawn, np.full(4, how))).flatten(1) for how in range(4)]
        return np.mean([float(F.cosine_similarity(upright, there).mean()) for there in moved])

    blind = likeness_to_shifts(lambda x: x.mean(dim=(2, 3)))
    assert blind == pytest.approx(1, abs=1e-4) and likeness_to_shifts(nn.Identity()) < 0.8


def matched(model, others):
    some = text.texts().query("library == 'sklearn'").sample(128, random_state=0)
    with torch.no_grad():
        titles = F.normalize(model(text.encode(list(some["title"]), text.WINDOW)))
        bodies = F.normalize(model(text.encode(list(some["body"]), text.READ_LENGTH)))
    return (titles @ bodies[others].T).argmax(dim=1).eq(torch.arange(128)).numpy()


def test_strangers_bodies_are_not_found(small_corpus):
    """The mutation: when every title gets the next one's body, matches are not ahead of random weights."""
    found, right = (matched(text.reader(text.WIDTH, 0), torch.arange(128).roll(by)) for by in (1, 0))
    assert paired_difference(right, found).above(0)
    assert not paired_difference(found, right).above(0)


def nearest(model, seed, turned):
    """The exercise's rule: the label of the nearest of one text per module; `turned` gives each text another's."""
    task = text.module_task("scipy", 1, seed)
    known, new = (F.normalize(run(model, some)) for some in (task.inputs, task.test_inputs))
    named = task.labels.roll(turned)[(new @ known.T).argmax(dim=1)]
    return float((named == task.test_labels).float().mean())


def test_the_nearest_text_says_nothing_under_another_modules_label(small_corpus):
    """The mutation: with the labels of the known texts exchanged, the rule is not ahead of chance."""
    model = text.reader(text.WIDTH, 0)
    right, wrong = ([nearest(model, seed, turned) for seed in range(6)] for turned in (0, 1))
    assert interval(right).above(1 / 8)
    assert not interval(wrong).above(1 / 8)


def test_known_words_do_not_matter_where_only_new_words_tell_modules_apart(small_corpus, monkeypatch):
    """The mutation: in the made-up libraries no word of the source tells two modules apart, and the claim fails."""
    monkeypatch.setattr(strategies, "pretrained_reader", lambda seed: text.reader(text.WIDTH, seed))
    known, other = np.array([strategies.words_set_back(text.module_task("scipy", 5, draw), 0.3) for draw in range(5)]).T
    assert interval(other).above(0.2)
    assert not paired_difference(known, other).above(0)
