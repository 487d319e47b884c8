"""The kept rows, the claims that stand on them, and what makes each claim fail."""

import numpy as np
import pandas as pd
import pytest

from mldev.experiments import interval, paired_difference
from mldev.studies import StudyDisagrees
from mldev.training import transfer_learning_glyphs as letters
from mldev.training import transfer_learning_series as series
from mldev.training import transfer_learning_studies as studies
from mldev.training.transfer_learning import STUDIES, column, gain, table_of
from mldev.training.transfer_learning_pictures import depth_chart, depth_table
from mldev.training.transfer_learning_strategies import FOUR

LAYERS = letters.LAYERS[:-1]


@pytest.fixture(scope="module")
def rows():
    return {target: STUDIES[target].rows() for target in studies.TARGETS}


def swapped(table, one, other):
    """The same rows, with the names of two strategies exchanged."""
    return table.assign(strategy=table["strategy"].replace({one: other, other: one}))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_its_rows(name):
    assert len(STUDIES[name].rows()) == len(STUDIES[name].grid)


@pytest.mark.parametrize("target", studies.TARGETS)
def test_judged_with_the_rate_chosen_elsewhere(target, rows):
    table = rows[target]
    for row in table.sample(12, random_state=0).to_dict("records"):
        rate = studies.chosen_rate(target, row["strategy"], row["labels"], row.get("question"))
        assert row["rate"] == rate


def test_every_strategy_tries_as_many_rates():
    for target in studies.TARGETS:
        grid = pd.DataFrame(studies.rate_grid(target))
        keys = [k for k in ("question", "strategy", "labels") if k in grid]
        tried = grid.groupby(keys)["rate"].nunique()
        if target != "docstrings":
            assert tried.nunique() == 1
        assert tried.min() >= 4


def beats_scratch(table):
    return all(gain(table, name, "scratch", k).above(0) for name in FOUR[1:] for k in studies.LABELS["letters"])


def test_the_gain_over_scratch_fails_when_names_are_exchanged(rows):
    assert beats_scratch(rows["letters"])
    for name in FOUR[1:]:
        assert not beats_scratch(swapped(rows["letters"], name, "scratch"))


def saves_labels(table):
    return paired_difference(column(table, "frozen", 3), column(table, "scratch", 8)).above(-0.02)


def test_saved_labels_fail_for_random_weights(rows):
    assert saves_labels(rows["letters"])
    assert not saves_labels(swapped(rows["letters"], "frozen", "scratch"))


def depth_is_little(table):
    found = [gain(table, "full", "frozen", k) for k in studies.LABELS["letters"]]
    return all(f.above(-0.1) and f.below(0.1) for f in found)


def test_little_difference_fails_with_scratch_in_place_of_frozen(rows):
    assert depth_is_little(rows["letters"])
    assert not depth_is_little(swapped(rows["letters"], "frozen", "scratch"))


def test_more_steps_do_not_close_the_gap_and_the_claim_can_fail(rows):
    long = "scratch, four times the steps"
    assert gain(rows["letters"], "full", long, 20).above(0)
    assert not gain(swapped(rows["letters"], "full", long), "full", long, 20).above(0)


def stays_near(table):
    found = [gain(table, "scratch", "full", 20, f"{what} {n}") for what in ("moved", "lost") for n in LAYERS]
    return all(f.above(0) for f in found)


def test_staying_near_fails_when_names_are_exchanged(rows):
    assert stays_near(rows["letters"])
    assert not stays_near(swapped(rows["letters"], "full", "scratch"))


def test_frozen_layers_have_not_moved_in_the_kept_rows(rows):
    table = rows["letters"]
    assert (column(table, "frozen", 8, "moved third") == 0).all()
    assert (column(table, "partly frozen", 8, "moved second") == 0).all()
    assert (column(table, "partly frozen", 8, "moved third") > 0).all()


def rates_not_larger(rates):
    trained = [[rates(name, k) for k in studies.LABELS["letters"]] for name in FOUR[1:]]
    scratch = [rates("scratch", k) for k in studies.LABELS["letters"]]
    full = np.array(trained[-1])
    return bool((np.array(trained) <= scratch).all() and (full < scratch).sum() == 3)


def test_the_claim_about_rates_fails_when_names_are_exchanged():
    names = {"full": "scratch", "scratch": "full"}
    assert rates_not_larger(lambda name, k: studies.chosen_rate("letters", name, k))
    assert not rates_not_larger(lambda name, k: studies.chosen_rate("letters", names.get(name, name), k))


def hurts(table):
    vowel, consonant = (table[table["question"] == q] for q in ("vowel", "consonant"))
    behind = gain(vowel, "scratch", "mirrored, frozen", 20)
    ahead = gain(consonant, "mirrored, frozen", "scratch", 20)
    return behind.above(0) and ahead.above(0)


def blind(table):
    vowel = table[table["question"] == "vowel"]
    alike = gain(vowel, "mirrored, frozen", "paired, frozen", 20, "alike before")
    return alike.above(0.2) and gain(vowel, "paired, frozen", "mirrored, frozen", 20).above(0)


def test_the_harm_is_gone_without_the_mirroring(rows):
    """The mutation: the control in the mirrored network's place harms no one, and sees mirror images."""
    assert hurts(rows["syllables"]) and blind(rows["syllables"])
    control = swapped(rows["syllables"], "mirrored, frozen", "paired, frozen")
    assert not hurts(control) and not blind(control)


def test_tables_name_what_is_missing(rows):
    with pytest.raises(ValueError, match="nonsense"):
        column(rows["letters"], "nonsense", 3)
    table = table_of(rows["letters"], FOUR)
    assert list(table.index) == list(FOUR) and list(table.columns) == [1, 3, 8, 20]
    assert table.loc["full", 3] == f"{interval(100 * column(rows['letters'], 'full', 3)):.1f}"


def test_the_chart_offers_every_number_of_labels(rows):
    table = depth_table(rows["letters"])
    assert len(table) == 5 * 4 and set(table["frozen"]) == {-1, 0, 1, 2, 3}
    assert (table["low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["high"]).all()
    text = str(depth_chart(table).to_dict())
    assert "labels_shown" in text and "[1, 3, 8, 20]" in text


def test_a_changed_row_is_noticed(monkeypatch):
    study = STUDIES["letters"]
    kept = study.rows()

    class Fake:
        name, grid, tolerance, path = study.name, study.grid, study.tolerance, study.path
        rows = staticmethod(lambda: kept)
        change = 0.0

        @classmethod
        def run_row(cls, row):
            old = kept.iloc[study.grid.index(row)]
            return {"accuracy": old["accuracy"] + cls.change}

    assert len(studies.agree(Fake, 3, seed=0)) == 3
    Fake.change = -0.1
    with pytest.raises(StudyDisagrees, match="accuracy was"):
        studies.agree(Fake, 3, seed=0)
    with pytest.raises(StudyDisagrees, match="no row"):
        studies.agree(Fake, 3, seed=99)


def test_questions_have_their_own_consonants():
    assert not set(series.CHOOSING) & set(series.JUDGING)
    for choosing, names in ((True, series.CHOOSING), (False, series.JUDGING)):
        assert series.tasks_of("consonant", choosing, 4, 0)[0].names == names
        assert [task.names for task in series.tasks_of("vowel", choosing, 4, 0)] == [series.VOWELS] * 2
    with pytest.raises(ValueError, match="question"):
        series.tasks_of("tone", True, 4, 0)


def test_labels_of_a_consonant_show_its_vowels_in_turn():
    task = series.consonant_task(("L", "R"), 4, 0)
    drawn = series.syllables(0)
    assert np.array_equal(task.inputs[:4].numpy(), drawn["L"][:, 0].numpy())
    assert task.labels.tolist() == [0] * 4 + [1] * 4
