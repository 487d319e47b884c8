"""Episodes, prototypes, baselines: scikit-learn's answers, and claims that fail when a method is swapped."""

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

from mldev.experiments import paired_difference
from mldev.techniques import few_shot_baselines as baselines
from mldev.techniques import few_shot_prototypes as proto
from mldev.techniques.few_shot_episodes import Characters, characters_of, draw_episodes
from mldev.techniques.few_shot_network import embed, encoder

ANSWERS = np.arange(5)


def small_pool(classes=12, drawings=8, seed=0):
    images = torch.from_numpy(np.random.default_rng(seed).random((classes, drawings, 1, 28, 28), np.float32))
    names = tuple(str(i) for i in range(classes))
    return Characters(images, names, names, tuple("ab"[i % 2] for i in range(classes)))


@pytest.fixture(scope="module")
def learned():
    """An encoder trained for a moment on two scripts, and drawings of a third."""
    pool = characters_of(("Cyrillic", "Armenian"), 20)
    model = proto.train_prototypes(pool, seed=0, budget=9000, ways=30)
    return model, characters_of(("Georgian",), 16)


@given(st.integers(2, 12), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_an_episode_never_asks_what_it_has_shown(ways, shots, queries, seed):
    drawn = draw_episodes(small_pool(), 6, ways, shots, queries, seed)
    assert drawn.support.shape == (6, ways, shots) and drawn.query.shape == (6, ways, queries)
    for classes, support, query in zip(drawn.classes, drawn.support, drawn.query, strict=True):
        assert len(set(classes)) == ways
        for shown, asked in zip(support, query, strict=True):
            assert len({*shown, *asked}) == shots + queries


def test_more_shots_keep_the_questions():
    one, four = (draw_episodes(small_pool(), 9, 5, shots, 3, seed=1) for shots in (1, 4))
    assert np.array_equal(one.classes, four.classes) and np.array_equal(one.query, four.query)
    assert np.array_equal(one.support, four.support[..., :1])


def test_episodes_of_one_script_stay_in_it():
    pool = small_pool()
    drawn = draw_episodes(pool, 20, 4, 1, 1, seed=0, within_script=True)
    assert all(len({pool.scripts[c] for c in row}) == 1 for row in drawn.classes)
    mixed = draw_episodes(pool, 20, 4, 1, 1, seed=0)
    assert any(len({pool.scripts[c] for c in row}) == 2 for row in mixed.classes)


def test_pools_and_slices_index_alike():
    pool = small_pool()
    drawn = draw_episodes(pool, 4, 3, 2, 2, seed=0)
    support, query = drawn[1:2].of(pool.images)
    assert support.shape == (1, 3, 2, 1, 28, 28) and query.shape == (1, 3, 2, 1, 28, 28)
    assert torch.equal(support[0, 2, 1], pool.images[drawn.classes[1, 2], drawn.support[1, 2, 1]])
    assert pool.only([3, 5]).letters == ("3", "5")


@pytest.mark.parametrize("wrong, word", [({"ways": 13}, "ways"), ({"shots": 9}, "shots"), ({"queries": 0}, "queries")])
def test_bad_episodes_are_named(wrong, word):
    options = {"ways": 5, "shots": 1, "queries": 1} | wrong
    with pytest.raises(ValueError, match=word):
        draw_episodes(small_pool(), 3, seed=0, **options)


def test_no_script_is_large_enough():
    with pytest.raises(ValueError, match="no script"):
        draw_episodes(small_pool(), 3, 8, 1, 1, seed=0, within_script=True)


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")
def test_prototypes_answer_as_nearest_centroid(learned, record_property):
    model, pool = learned
    found = embed(model, pool.images)
    drawn = draw_episodes(pool, 100, 5, 5, 5, seed=0)
    ours = baselines.nearest_prototype(found, drawn)
    support, query = drawn.of(found)
    theirs = [
        NearestCentroid().fit(s.reshape(25, -1), ANSWERS.repeat(5)).predict(q.reshape(25, -1))
        for s, q in zip(support, query, strict=True)
    ]
    difference = float((ours.reshape(100, 25) != np.array(theirs)).mean())
    record_property("parity", {
        "algorithm": "Prototypical head: share of answers that differ", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 0.0, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference == 0


def test_training_and_answering_use_the_same_distance(learned):
    model, pool = learned
    found = embed(model, pool.images)
    drawn = draw_episodes(pool, 20, 5, 3, 4, seed=1)
    support, query = (torch.from_numpy(part) for part in drawn.of(found))
    near = proto.closeness(query.flatten(1, 2), proto.prototypes(support))
    assert np.array_equal(near.argmax(-1).numpy(), baselines.nearest_prototype(found, drawn).reshape(20, -1))
    one = ((query[0, 0, 0] - support[0, 1].mean(0)) ** 2).sum() / 512**0.5
    assert float(near[0, 0, 1]) == pytest.approx(-float(one), rel=1e-5)


def test_the_episode_loss_is_the_cross_entropy_of_the_equation():
    pool, model = small_pool(), encoder(0)
    drawn = draw_episodes(pool, 1, 3, 2, 2, seed=0)
    support, query = (part[0] for part in drawn.of(pool.images))
    with torch.no_grad():
        centres = model(support.flatten(0, 1)).unflatten(0, (3, 2)).mean(1)
        apart = (model(query.flatten(0, 1))[:, None] - centres[None]).square().sum(-1) / 512**0.5
        by_hand = -torch.log_softmax(-apart, 1)[torch.arange(6), torch.arange(3).repeat_interleave(2)].mean()
        assert float(proto.episode_loss(model, support, query)) == pytest.approx(float(by_hand), rel=1e-5)


@pytest.mark.parity
def test_the_probe_equals_logistic_regression(learned, record_property):
    model, pool = learned
    drawn = draw_episodes(pool, 8, 5, 5, 5, seed=2)
    support, _ = drawn.of(baselines.unit(embed(model, pool.images)).astype(np.float64))
    examples, labels = support.reshape(8, 25, -1), np.eye(5).repeat(5, axis=0)
    ours = baselines.fit_logistic(examples, labels, strength=10.0, num_steps=2000)
    regression = LogisticRegression(C=10.0, fit_intercept=False, tol=1e-10, max_iter=5000)
    theirs = np.stack([regression.fit(x, ANSWERS.repeat(5)).coef_ for x in examples])
    difference = float(np.abs(ours - theirs).max())
    record_property("parity", {
        "algorithm": "Linear probe: weights of 8 episodes fitted at once", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 1e-4, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-4


def test_few_descent_steps_give_the_same_answers(learned):
    model, pool = learned
    found, drawn = embed(model, pool.images), draw_episodes(pool, 50, 5, 5, 5, seed=3)
    usual, long = (baselines.linear_probe(found, drawn, num_steps=n) for n in (300, 3000))
    assert (usual != long).mean() < 0.005


def test_nearest_neighbour_answers_as_scikit_learn(learned):
    pool = learned[1]
    drawn, found = draw_episodes(pool, 20, 5, 3, 4, seed=4), baselines.pixels(pool.images)
    support, query = drawn.of(found)
    theirs = [
        KNeighborsClassifier(1).fit(s.reshape(15, -1), ANSWERS.repeat(3)).predict(q.reshape(20, -1))
        for s, q in zip(support, query, strict=True)
    ]
    assert np.array_equal(baselines.nearest_neighbour(found, drawn).reshape(20, 20), theirs)


def test_learning_is_what_beats_pixels(learned):
    """The claim of the page holds for a trained encoder, and fails for one that is not."""
    model, pool = learned
    drawn = draw_episodes(pool, 200, 5, 1, 10, seed=5)
    plain = baselines.unit(baselines.pixels(pool.images))
    baseline = baselines.accuracies(baselines.nearest_neighbour(plain, drawn))

    def gain(encoder_used):
        found = embed(encoder_used, pool.images)
        return paired_difference(baselines.accuracies(baselines.nearest_prototype(found, drawn)), baseline)

    assert gain(model).above(0.1)
    assert not gain(encoder(0)).above(0.1)


def test_classification_teaches_the_encoder_something_too(learned):
    pool = characters_of(("Cyrillic",), 20)
    model = baselines.train_classifier(pool, seed=0, budget=6000, learning_rate=0.01)
    drawn = draw_episodes(learned[1], 200, 5, 1, 10, seed=5)

    def score(encoder_used):
        found = baselines.unit(embed(encoder_used, learned[1].images))
        return baselines.accuracies(baselines.nearest_prototype(found, drawn))

    assert paired_difference(score(model), score(encoder(0))).above(0)


@pytest.mark.parametrize("train", [proto.train_prototypes, baselines.train_classifier])
def test_training_is_reproducible(train):
    pool = characters_of(("Cyrillic",), 6)
    first, same, other = (list(train(pool, seed=seed, budget=600).parameters())[0] for seed in (3, 3, 4))
    assert torch.equal(first, same) and not torch.equal(first, other)


def test_accuracy_counts_right_answers():
    predicted = np.array([[[0, 0], [1, 0]], [[1, 1], [0, 0]]])
    assert baselines.accuracies(predicted).tolist() == [0.75, 0.0]
