"""The tasks that a network sets itself, their study, and the claims that rest on it."""

import numpy as np
import pytest
import torch
from torch import nn

from mldev.experiments import interval, paired_difference
from mldev.introduction import ways_of_learning_pretext as chapter
from mldev.introduction.ways_of_learning_experiments import split
from mldev.introduction.ways_of_learning_pictures import probe_curve


@pytest.fixture(scope="module")
def rows():
    return chapter.STUDIES["pretexts"].rows()


def probed(rows, place, pretext, size=80):
    return probe_curve(rows, place, pretext)[:, chapter.SIZES.index(size)]


def test_frames_keep_every_pixel():
    X = np.random.default_rng(0).random((30, 64))
    for place in chapter.PLACES:
        A = chapter.framed(X, place, np.random.default_rng(1))
        assert A.shape == (30, 100) and np.allclose(A.sum(1), X.sum(1))
    centred = chapter.framed(X, "centred", np.random.default_rng(1)).reshape(-1, 10, 10)
    assert np.array_equal(centred[:, 1:9, 1:9].reshape(30, -1), X)
    corners = {tuple(np.argwhere(a.reshape(10, 10))[0]) for a in A}
    assert len(corners) == 9
    with pytest.raises(ValueError, match="place 'top': expected one of centred, off centre"):
        chapter.framed(X, "top", np.random.default_rng(1))


def test_copies_of_an_image_stand_apart_by_the_number_of_images():
    A = np.random.default_rng(0).random((7, 100))
    copies = chapter.moved_copies(A)
    assert copies.shape == (25 * 7, 100)
    assert np.array_equal(copies[chapter.MOVES.index((0, 0)) * 7 :][:7], A)
    assert np.allclose(np.sort(copies[3::7], axis=1), np.sort(A[3]))


class Corner(nn.Module):
    """A network that sees which corner of an image is lit."""

    def forward(self, x):
        squares = x.view(-1, 10, 10)
        return 50 * torch.stack([squares[:, 0, 0], squares[:, -1, 0], squares[:, -1, -1], squares[:, 0, -1]], dim=1)


def test_the_turn_is_the_answer():
    image = torch.zeros(5, 10, 10)
    image[:, 0, 0] = 1  # turned counterclockwise, the lit corner goes down the left side
    loss = chapter.turned_loss(Corner(), nn.Identity(), image.flatten(1))
    assert loss < 1e-6
    assert chapter.turns_named(Corner(), nn.Identity(), image.flatten(1).numpy()) == 1
    assert chapter.turned_loss(Corner(), nn.Identity(), torch.zeros(5, 100)) == pytest.approx(np.log(4))


def test_the_partner_is_the_answer():
    views = torch.eye(100)[:6]
    paired, mixed = torch.cat([views, views]), torch.cat([views, views.roll(1, 0)])
    nothing = nn.Identity()
    assert chapter.moved_loss(nothing, nothing, paired) < 0.1 < chapter.moved_loss(nothing, nothing, mixed)


def test_training_learns_the_task_and_depends_on_the_seed_alone(monkeypatch):
    X, _, X_test, _ = split(0)
    A, A_test = (chapter.framed(t, "centred", np.random.default_rng(0)) for t in (X[:300], X_test[:200]))
    monkeypatch.setattr(chapter, "NUM_EPOCHS", 16)
    network, head = chapter.learn_features(A, "turned", 0)
    again, _ = chapter.learn_features(A, "turned", 0)
    fresh = chapter.learn_features(A, "untrained", 0)
    assert np.array_equal(chapter.features(network, A), chapter.features(again, A))
    assert chapter.turns_named(network, head, A_test) > 0.5 > chapter.turns_named(*fresh, A_test)
    with pytest.raises(ValueError, match="pretext 'pixels'"):
        chapter.learn_features(A, "pixels", 0)


def test_labels_play_no_part_in_the_features():
    """The functions that train take images alone; the probe's scale comes from all images, its weights from few."""
    X, y, X_test, y_test = split(0)
    wrong_later = np.concatenate([y[:80], np.roll(y[80:], 1)])
    assert chapter.probe(X, y, X_test, y_test, 80) == chapter.probe(X, wrong_later, X_test, y_test, 80)
    assert chapter.probe(X, y, X_test, y_test, 80) > 0.8


def test_turns_are_learned_for_nothing_and_the_baseline_is_not_worse_than_itself(rows):
    def lost(pretext):
        return paired_difference(probed(rows, "centred", pretext), probed(rows, "centred", "untrained"))

    named = rows[(rows["place"] == "centred") & (rows["pretext"] == "turned")]["turns_named"]
    assert interval(named).above(0.9) and lost("turned").below(0) and not lost("untrained").below(0)


def test_moves_help_where_digits_move(rows):
    def holds(task, control):
        gain = {p: paired_difference(probed(rows, p, task), probed(rows, p, "pixels")) for p in chapter.PLACES}
        other = paired_difference(probed(rows, "off centre", control), probed(rows, "off centre", "pixels"))
        return gain["off centre"].above(0.2) and other.below(0.1) and gain["centred"].below(0)

    assert holds("moved", "turned") and not holds("turned", "moved") and not holds("untrained", "turned")


def test_the_study_row_is_what_the_code_gives():
    row = {"place": "off centre", "pretext": "pixels", "seed": 2}
    kept = chapter.STUDIES["pretexts"].rows()
    kept = kept[(kept["place"] == row["place"]) & (kept["pretext"] == "pixels") & (kept["seed"] == 2)].iloc[0]
    assert all(kept[name] == pytest.approx(value, abs=0.01) for name, value in chapter.pretext_row(row).items())
