"""scikit-learn, PyTorch and Keras: everything that does not need TensorFlow, and the claims drawn from kept rows."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC
from torch import nn

from mldev import datasets
from mldev.experiments import Interval, interval, paired_difference, ratio_interval
from mldev.introduction import frameworks as chapter
from mldev.introduction import frameworks_costs as costs
from mldev.introduction import frameworks_text as text
from mldev.introduction.frameworks_digits import NUM_EPOCHS, split_digits
from mldev.introduction.frameworks_torch import keras_start, torch_network, train_torch, uniform_start


@pytest.fixture(scope="module")
def order():
    return text.titles("order", 0)


@pytest.fixture(scope="module")
def rows():
    return chapter.STUDIES["curves"].rows()


@pytest.fixture(scope="module")
def answers():
    return chapter.STUDIES["texts"].rows()


@pytest.mark.parity
def test_the_reader_equals_the_recurrent_layer_of_pytorch(record_property):
    torch.manual_seed(0)
    reader, worst = text.Reader(50, 3), 0.0
    layer = nn.RNN(text.SIZE, text.SIZE, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(reader.step.weight[:, : text.SIZE])
        layer.weight_hh_l0.copy_(reader.step.weight[:, text.SIZE :])
        layer.bias_ih_l0.copy_(reader.step.bias)
        layer.bias_hh_l0.zero_()
        for length in (1, 4, 12):
            titles = torch.randint(0, 50, (5, length))
            states, _ = layer(reader.words(titles))
            theirs = reader.answer(states[:, -1])
            worst = max(worst, float((reader(titles) - theirs).abs().max()))
    assert worst < 1e-6
    record_property("parity", {
        "algorithm": "recurrent network: answers from the last state", "library": "PyTorch (nn.RNN)",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": worst, "kind": "numbers",
    })  # fmt: skip


def test_the_reader_notices_order_and_the_averager_does_not():
    torch.manual_seed(0)
    titles = torch.tensor([[1, 2, 3, 4]])
    for kind, notices in ((text.Reader, True), (text.Averager, False)):
        model = kind(10, 2)
        assert torch.allclose(model(titles), model(titles.flip(1)), atol=1e-6) is not notices


def test_titles_of_the_order_task_come_in_pairs_with_the_same_words(order):
    half = len(order.test) // 2
    assert half == text.NUM_TEST // 2 and order.num_classes == 2
    assert (order.y_test[:half] == 1).all() and (order.y_test[half:] == 0).all()
    pairs = list(zip(order.test[:half], order.test[half:], strict=True))
    assert all(sorted(a) == sorted(b) for a, b in pairs)
    assert np.mean([a != b for a, b in pairs]) > 0.9


def test_the_vocabulary_comes_from_the_training_titles_alone(order):
    library = text.titles("library", 0)
    assert len(library.train) == text.NUM_TRAIN and library.num_classes == 6
    for data in (order, library):
        seen = {number for title in data.train for number in title}
        assert set(data.vocabulary.values()) | {0} >= seen >= set(data.vocabulary.values())
    assert {number for title in library.test for number in title} <= set(library.vocabulary.values()) | {0}


def test_titles_want_a_known_task():
    with pytest.raises(ValueError, match="'topic'"):
        text.titles("topic", 0)


def test_batches_hold_every_title_once_and_lengths_are_equal(order):
    batches = text.equal_lengths(order.test, np.random.default_rng(0))
    assert sorted(np.concatenate(batches)) == list(range(len(order.test)))
    assert all(len({len(order.test[row]) for row in batch}) == 1 for batch in batches)
    assert max(len(batch) for batch in batches) <= 64


def test_only_the_reader_answers_the_question_of_order(order):
    """Swap the reader for a model without a loop, or shuffle all titles, and the claim fails."""

    def score(data, kind=text.Reader):
        return np.mean(text.read(text.train_reader(data, 0, kind), data.test) == data.y_test)

    assert score(order) > 0.65
    assert score(order, text.Averager) == 0.5
    assert np.mean(text.bag_of_words(order) == order.y_test) == 0.5
    rng = np.random.default_rng(1)
    shuffled = [[list(rng.permutation(title)) for title in part] for part in (order.train, order.test)]
    no_order = text.Titles(*shuffled, order.y_train, order.y_test, order.vocabulary)
    assert score(no_order) < 0.6


def test_the_claims_about_text_fail_when_models_are_swapped(answers):
    library, order = (answers[answers["task"] == task] for task in text.TASKS)
    assert paired_difference(library["bag of words"], library["recurrent"]).above(0)
    assert not paired_difference(library["recurrent"], library["recurrent"]).above(0)
    assert not paired_difference(order["bag of words"], order["recurrent"]).above(0)
    assert interval(order["recurrent"]).above(0.65)
    assert not interval(order["mean of words"]).above(0.65)


def test_on_iris_the_claim_fails_for_guessing():
    iris = datasets.load("iris")

    def no_flower(other):
        scores = [cross_val_score(model, iris.X, iris.y, cv=5) for model in (SVC(), other)]
        lead, two = paired_difference(*scores), 2 / len(iris.y)
        return interval(scores[1]).above(0.9) and lead.above(-3 * two) and lead.below(3 * two)

    assert no_flower(LogisticRegression(max_iter=1000))
    assert not no_flower(DummyClassifier())


def test_equivalence_asks_for_the_whole_interval():
    assert chapter.equivalent(Interval(0.0, -0.009, 0.009, 30), 0.01)
    assert not chapter.equivalent(Interval(0.0, -0.011, 0.009, 30), 0.01)
    assert not chapter.equivalent(Interval(0.0, -0.009, 0.011, 30), 0.01)


def test_the_claims_about_curves_fail_when_variants_are_swapped(rows):
    kept = {variant: chapter.curves(rows, variant) for variant in chapter.VARIANTS}
    assert all(c.shape == (chapter.FEW.get(v, chapter.NUM_CURVES), NUM_EPOCHS) for v, c in kept.items())

    def difference(first, second, epoch):
        pairs = min(len(kept[first]), len(kept[second]))
        return paired_difference(kept[first][:pairs, epoch], kept[second][:pairs, epoch])

    assert chapter.equivalent(difference("Keras", "PyTorch", -1))
    assert not chapter.equivalent(difference("Keras", "PyTorch", 0))
    assert not chapter.equivalent(difference("Keras", "PyTorch, uniform_", -1))
    assert difference("Keras", "PyTorch", 0).above(0)
    assert not difference("PyTorch", "PyTorch", 0).above(0)
    assert interval(kept["PyTorch, uniform_"][:, -1]).below(0.15)
    assert not interval(kept["PyTorch"][:, -1]).below(0.15)


def test_start_and_order_explain_the_differences_and_nothing_else_does(rows):
    """Put the reshuffling runs in place of those with one order, and the last claim fails."""
    by_keras, alike = (chapter.curves(rows, v) for v in ("Keras", "PyTorch, Keras's start"))
    by_torch, one_order = (
        chapter.curves(rows, "PyTorch"),
        chapter.curves(chapter.STUDIES["order"].rows(), chapter.ONE_ORDER),
    )

    def ahead(first, second):
        return paired_difference(first[:, :4].mean(axis=1), second[:, :4].mean(axis=1)).above(0)

    assert ahead(by_keras, by_torch) and ahead(alike, by_torch)
    assert not ahead(by_keras, alike) and not ahead(by_torch, by_torch)
    assert paired_difference(by_keras[:, -1], alike[:, -1]).below(0)
    assert paired_difference(one_order[:, -1], alike[:, -1]).below(0)
    assert not paired_difference(alike[:, -1], alike[:, -1]).below(0)
    assert chapter.equivalent(paired_difference(by_keras[:, -1], one_order[:, -1]))


def test_one_order_means_the_same_batches_in_every_epoch(monkeypatch):
    from mldev.introduction import frameworks_torch as module

    def orders(one_order):
        seen = []
        monkeypatch.setattr(module, "train_epoch", lambda model, optimizer, X, y: seen.append(torch.randperm(len(X))))
        module.train_otherwise(split_digits(0), 0, keras_start, one_order)
        return len({tuple(order.tolist()) for order in seen})

    assert orders(True) == 1 and orders(False) == NUM_EPOCHS


def test_curves_want_a_known_variant(rows):
    with pytest.raises(ValueError, match="'JAX'"):
        chapter.curves(rows, "JAX")


def test_the_digits_are_parted_in_proportion_and_by_the_seed():
    digits, again, other = split_digits(0), split_digits(0), split_digits(1)
    assert len(digits.y_train) == 1000 and len(digits.y_test) == 797
    shares = [np.bincount(y) / len(y) for y in (digits.y_train, digits.y_test)]
    assert np.abs(shares[0] - shares[1]).max() < 0.003
    assert np.array_equal(digits.X_train, again.X_train) and not np.array_equal(digits.X_train, other.X_train)


def test_pytorch_learns_the_digits_and_the_seed_decides():
    digits = split_digits(0)
    model, curve = train_torch(digits, 0)
    assert len(curve) == NUM_EPOCHS and curve[-1] > 0.9
    assert curve == train_torch(digits, 0)[1]


def test_starts_draw_from_the_ranges_that_the_page_names():
    torch.manual_seed(0)
    for start, low, high in ((uniform_start, 0, 1), (keras_start, -1, 1)):
        model = torch_network().apply(start)
        limit = 1.0 if start is uniform_start else np.sqrt(6 / (9 * 16 + 9 * 32))
        weights = model[3].weight.detach().numpy()
        assert low * limit <= weights.min() and 0.9 * limit < weights.max() <= high * limit
    assert (model[3].bias == 0).all()


def test_code_lines_leave_out_what_is_not_code():
    def sample(x):
        """A docstring

        of three lines.
        """
        # a comment
        y = x + 1

        return [
            x,
            y,
        ]

    assert costs.code_lines(sample) == 6
    assert costs.code_lines(sample, sample) == 12


def test_what_a_distribution_needs():
    found = costs.needed("scikit-learn")
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= found
    assert "pytest" not in found, "extras are not required"
    assert costs.megabytes(*found) > costs.megabytes("scikit-learn") > 1
    assert costs.distribution_of("sklearn") == "scikit-learn"
    with pytest.raises(ValueError, match="'no_such_module'"):
        costs.distribution_of("no_such_module")


def test_the_import_cost_is_that_of_a_fresh_interpreter():
    modules, seconds = costs.import_cost("json")
    assert 20 < modules < 500 and seconds > 0
    assert "torch" in sys.modules, "here it is loaded, there it is not"
    with pytest.raises(subprocess.CalledProcessError):
        costs.import_cost("no_such_module")


def test_the_claim_about_imports_fails_when_frameworks_are_swapped():
    kept = chapter.STUDIES["imports"].rows()
    seconds = kept.pivot(index="round", columns="framework", values="seconds")
    assert ratio_interval(seconds["Keras"], seconds["PyTorch"]).above(1)
    assert not ratio_interval(seconds["PyTorch"], seconds["Keras"]).above(1)
    modules = kept.groupby("framework")["modules"].max()
    assert modules["Keras"] > modules["PyTorch"] > 100


def test_the_chapter_loads_tensorflow_only_when_keras_is_asked_for():
    code = "import mldev.introduction.frameworks, sys; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_pictures_are_drawn_from_the_rows(rows, answers):
    from mldev.introduction import frameworks_pictures as pictures

    readers = pictures.reader_scores(answers)
    assert [ax.get_title() for ax in readers.axes] == list(pictures.QUESTIONS.values())
    figure = pictures.training_curves(rows, chapter.STUDIES["order"].rows())
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["PyTorch", "Keras"]
    assert lines[1].get_ydata() == pytest.approx(1 - chapter.curves(rows, "Keras").mean(axis=0))


def test_the_chart_holds_losses_and_gaps_of_the_first_seed():
    from mldev.introduction import frameworks_pictures as pictures

    run = pd.DataFrame({"step": [1, 2], "gap": [1e-8, 1e-7], "PyTorch": [2.0, 1.0], "Keras": [2.0, 1.0]})
    runs = pd.concat(
        run.assign(learning_rate=rate, dtype=dtype, seed=seed)
        for rate in pictures.RATES
        for dtype in ("float32", "float64")
        for seed in (0, 1)
    )
    table = pictures.twin_table(runs)
    assert set(table["learning_rate"]) == set(pictures.RATES)
    assert (table.groupby(["learning_rate", "panel"]).size() == 4).all()
    assert set(table[table["panel"] == "gap"]["value"]) == {-8.0, -7.0}
    assert pictures.twin_chart(table).to_dict()["vconcat"]
