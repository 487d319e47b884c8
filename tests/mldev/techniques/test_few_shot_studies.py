"""The comparison, the confusions and the kept rows: what the claims of the chapter stand on."""

import numpy as np
import pandas as pd
import pytest
import torch

from mldev.studies import StudyDisagrees
from mldev.techniques import few_shot as chapter
from mldev.techniques import few_shot_comparison as comparison
from mldev.techniques import few_shot_confusions as confusions
from mldev.techniques import few_shot_shift as shift
from mldev.techniques import few_shot_studies as studies
from mldev.techniques.few_shot_baselines import nearest_prototype, pixels
from mldev.techniques.few_shot_episodes import characters_of, draw_episodes
from mldev.techniques.few_shot_pictures import prototype_chart, prototype_tables, short_name
from mldev.techniques.few_shot_studies import BLOCK, STUDIES, right_shares

LETTERS = ("Armenian", "Hebrew")


@pytest.fixture(scope="module")
def pool():
    return characters_of(LETTERS, 6)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_its_rows(name):
    assert len(STUDIES[name].rows()) == len(STUDIES[name].grid)


def scores_of(*methods):
    rows = {m: STUDIES[name].rows() for m, name in methods}
    return {m: {s.name: right_shares(r, s.ways, s.shots) for s in comparison.SETTINGS} for m, r in rows.items()}


def test_the_claims_over_kept_rows_fail_when_a_method_is_swapped():
    """MAML against scratch, prototypes against the probe, the random split: each against itself is no gain."""
    scores = scores_of(("MAML", "maml"), ("from scratch", "scratch"))
    assert all(g.above(0.1) for g in chapter.gain(scores, "MAML", "from scratch").values())
    assert not any(g.above(0) for g in chapter.gain(scores, "from scratch", "from scratch").values())
    trainings = chapter.by_training(STUDIES["seeds"].rows())
    heads = ("prototypical network", "classifier, linear probe")
    assert all(g.above(0) for g in chapter.gain(trainings, *heads).values())
    assert not any(g.above(0) for g in chapter.gain(trainings, *heads[::-1]).values())


def test_kept_blocks_cover_the_exam_once():
    rows = STUDIES["scratch"].rows()
    shares = right_shares(rows, 5, 1)
    assert len(shares) == comparison.NUM_EPISODES and 0 <= shares.min() and shares.max() <= 1
    assert shares[:BLOCK].sum() * 75 == pytest.approx(rows.iloc[0][[f"right_{i}" for i in range(BLOCK)]].sum())


def test_a_changed_row_is_noticed():
    study = STUDIES["seeds"]
    kept = study.rows()

    class Fake:
        name, grid, tolerance = study.name, study.grid, study.tolerance
        rows = staticmethod(lambda: kept)

        @staticmethod
        def run_row(row):
            return {"5-way 1-shot": 0.2}

    with pytest.raises(StudyDisagrees, match="5-way 1-shot was"):
        studies.agree(Fake, seed=0)
    with pytest.raises(StudyDisagrees, match="no row"):
        studies.agree(Fake, seed=99)
    Fake.run_row = staticmethod(
        lambda row: {
            "5-way 1-shot": kept.loc[
                (kept["seed"] == row["seed"]) & (kept["method"] == row["method"]), "5-way 1-shot"
            ].item()
        }
    )
    assert len(studies.agree(Fake, seed=0)) == 3


def test_a_block_is_compared_by_its_accuracy(monkeypatch):
    """Answers may move from one episode of a block to another; a block as a whole may not get worse."""
    study = STUDIES["scratch"]
    kept = study.rows()[[f"right_{i}" for i in range(BLOCK)]]

    def faked(change):
        def block_row(row):
            counts = kept.iloc[study.grid.index(row)].to_numpy()
            return {f"right_{i}": int(n) for i, n in enumerate(change(counts))}

        monkeypatch.setattr(studies, "block_row", block_row)
        return study.recheck(num_rows=5)

    assert faked(lambda counts: np.roll(counts, 3))["difference"].max() == pytest.approx(0)
    with pytest.raises(StudyDisagrees, match="right was"):
        faked(lambda counts: counts // 2)


def test_joining_keeps_classes_and_names(pool):
    both = studies.joined(pool.only([0, 1]), pool.only([4]))
    assert both.letters == (pool.letters[0], pool.letters[1], pool.letters[4])
    assert torch.equal(both.images[2], pool.images[4])


def kind(kinds, pool, first, second):
    place = {letter: i for i, letters in enumerate(pool.letters) for letter in letters}
    return confusions.KINDS[kinds[place[first], place[second]]]


def test_kinds_of_pairs(pool):
    kinds = confusions.pair_kinds(pool)
    assert np.array_equal(kinds, kinds.T)
    assert kind(kinds, pool, "Ա", "ա") == "another form of the letter"
    assert kind(kinds, pool, "ե", "բ") == "turned or mirrored"
    assert kind(kinds, pool, "Յ", "Ց") == "near twin"
    assert kind(kinds, pool, "Ա", "Ծ") == "other"


def test_forms_of_a_letter_share_their_base():
    assert confusions.bases("ﺑ") == confusions.bases("ب") != confusions.bases("ت")


def test_every_mistake_is_counted_once(pool):
    kinds = confusions.pair_kinds(pool)
    asked = draw_episodes(pool, 30, 20, 1, 4, seed=0)
    predicted = nearest_prototype(pixels(pool.images), asked)
    found = confusions.mistakes(kinds, asked, predicted)
    wrong = (predicted != np.arange(20)[None, :, None]).sum(axis=(1, 2))
    assert np.array_equal(found.given.sum(axis=1), wrong)
    assert (found.offered.sum(axis=1) == 20 * 19 * 4).all()


def test_easy_pairs_are_no_more_frequent_when_answers_are_drawn_blindly(pool):
    """The claim about look-alikes fails when the learner is swapped for chance."""
    kinds = confusions.pair_kinds(pool)
    asked = draw_episodes(pool, 300, 20, 1, 4, seed=0)
    blind = np.random.default_rng(0).integers(0, 20, asked.query.shape)
    seen = nearest_prototype(pixels(pool.images), asked)
    for predicted, holds in ((seen, True), (blind, False)):
        given, offered = chapter.easy_pairs(confusions.mistakes(kinds, asked, predicted))
        assert (given.low > 1.5 * offered.high) == holds


def test_turning_by_ninety_degrees_is_exact(pool):
    turned = shift.turned(pool.images[:2], 90)
    assert torch.allclose(turned, torch.rot90(pool.images[:2], 1, dims=(3, 4)), atol=1e-4)
    assert torch.allclose(shift.turned(pool.images[:2], 0), pool.images[:2], atol=1e-4)


def test_only_the_queries_are_turned(pool):
    images, asked = shift.turned_questions(pool_with(16), 60, num_episodes=4)
    assert (asked.query >= 16).all() and (asked.support < 16).all() and images.shape[1] == 32


def pool_with(drawings):
    return characters_of(LETTERS, drawings)


def test_handwritten_digits_are_a_pool():
    digits = shift.handwritten(4)
    assert digits.images.shape == (10, 4, 1, 28, 28) and digits.letters[3] == "3"
    assert 0 <= float(digits.images.min()) and float(digits.images.max()) <= 1


def test_the_chart_says_which_queries_are_answered(pool):
    features = pixels(pool.images)
    episode = draw_episodes(pool, 1, 5, 3, 3, seed=0)
    labels = [short_name(pool, c) for c in episode.classes[0]]
    points, means = prototype_tables({"pixels": features}, episode, labels)
    assert len(points) == 15 and len(means) == 15 and set(means["shots"]) == {1, 2, 3}
    for shots in (1, 3):
        told = points["right"].str[shots - 1].astype(int).to_numpy().reshape(5, 3)
        now = type(episode)(episode.classes, episode.support[..., :shots], episode.query)
        assert np.array_equal(told, nearest_prototype(features, now)[0] == np.arange(5)[:, None])
    assert "shots" in str(prototype_chart(points, means).to_dict())


def test_tables_by_training_keep_the_order_of_seeds():
    rows = pd.DataFrame({"method": ["a", "a"], "seed": [1, 0], "x": [0.1, 0.2]})
    assert chapter.by_training(rows)["a"]["x"].tolist() == [0.2, 0.1]
