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
        assert tried.nunique() == 1
        assert tried.min() == 5


def beats_scratch(table):
    return all(gain(table, name, "scratch", k).above(0) for name in FOUR[1:] for k in studies.LABELS["letters"])


def test_the_gain_over_scratch_fails_when_names_are_exchanged(rows):
    assert beats_scratch(rows["letters"])
    for name in FOUR[1:]:
        assert not beats_scratch(swapped(rows["letters"], name, "scratch"))


def depth_is_little(table):
    found = [gain(table, "full", "frozen", k) for k in studies.LABELS["letters"]]
    return all(f.above(-0.1) and f.below(0.1) for f in found)


def test_little_difference_fails_with_scratch_in_place_of_frozen(rows):
    assert depth_is_little(rows["letters"])
    assert not depth_is_little(swapped(rows["letters"], "frozen", "scratch"))


LONG = {name: f"{name}, four times the steps" for name in ("scratch", "full")}


def not_only_faster(table):
    return all(gain(table, "frozen", LONG["scratch"], k).above(0) for k in (1, 3, 8))


def smaller_with_time(table):
    soon = column(table, "full", 20) - column(table, "scratch", 20)
    late = column(table, LONG["full"], 20) - column(table, LONG["scratch"], 20)
    return interval(late).above(0) and paired_difference(soon, late).above(0)


def test_claims_about_time_fail_when_names_are_exchanged(rows):
    assert not_only_faster(rows["letters"]) and smaller_with_time(rows["letters"])
    assert not not_only_faster(swapped(rows["letters"], "frozen", LONG["scratch"]))
    assert not smaller_with_time(swapped(rows["letters"], LONG["full"], LONG["scratch"]))
    both = rows["letters"]["strategy"].replace({LONG[n]: n for n in LONG} | {n: LONG[n] for n in LONG})
    assert not smaller_with_time(rows["letters"].assign(strategy=both))


def mean_lost(table, strategy):
    return np.mean([column(table, strategy, 20, f"lost {n}") for n in LAYERS], axis=0)


def stays_near(table):
    found = [gain(table, "scratch", "full", 20, f"moved {n}") for n in LAYERS]
    cheaper = paired_difference(mean_lost(table, "scratch"), mean_lost(table, "full"))
    return all(f.above(0) for f in found) and cheaper.above(0)


def few_moves_needed(table):
    scratch = [interval(column(table, "scratch", 20, f"lost {n}")) for n in LAYERS]
    return all(f.above(0) for f in scratch) and interval(mean_lost(table, "full")).below(0.05)


def later_move_more(table):
    return all(
        paired_difference(column(table, s, 20, f"moved {n}"), column(table, s, 20, "moved first")).above(0)
        for s in ("full", "scratch")
        for n in LAYERS[1:]
    )


def test_claims_about_layers_fail_when_names_are_exchanged(rows):
    table = rows["letters"]
    assert stays_near(table) and few_moves_needed(table) and later_move_more(table)
    other = swapped(table, "full", "scratch")
    assert not stays_near(other) and not few_moves_needed(other)
    assert not later_move_more(table.rename(columns={"moved first": "moved third", "moved third": "moved first"}))


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


MIRRORED, CONTROL, TUNED = "mirrored, frozen", "shifted, frozen", "mirrored, full"
FEW = studies.LABELS["syllables"]


def asked(table):
    return [table[table["question"] == question] for question in ("vowel", "consonant")]


def hurts(table):
    vowel, consonant = asked(table)
    behind = all(gain(vowel, "scratch", MIRRORED, k).above(0) for k in FEW)
    return behind and gain(consonant, MIRRORED, "scratch", 3).above(0)


def cuts_both_ways(table):
    vowel, consonant = asked(table)
    gains = all(gain(consonant, MIRRORED, CONTROL, k).above(0) for k in FEW)
    return gains and all(gain(vowel, MIRRORED, CONTROL, k).below(0) for k in FEW)


def harm_with_ended_heads(table, heads):
    shifted, mirrored = (heads[heads["change"] == c].sort_values("seed") for c in ("shifted", "mirrored"))
    scratch = {q: column(part, "scratch", 20) for q, part in zip(("vowel", "consonant"), asked(table), strict=True)}
    control = all(paired_difference(scratch[q], shifted[q]).above(0) for q in scratch)
    return control and paired_difference(shifted["vowel"], mirrored["vowel"]).above(0)


def blind(table):
    return gain(asked(table)[0], MIRRORED, CONTROL, 20, "alike before").above(0.2)


def unlearns(table):
    vowel = asked(table)[0]
    before, after = (column(vowel, TUNED, 20, f"alike {when}") for when in ("before", "after"))
    level, early = (gain(vowel, TUNED, "scratch", k) for k in (20, 3))
    gone = paired_difference(before, after).above(0.2) and not interval(after).above(0)
    return gone and level.above(-0.02) and level.below(0.02) and early.below(0)


def test_the_harm_is_gone_without_the_mirroring(rows):
    """The mutation: the control in the mirrored network's place is not better for consonants, nor blind."""
    table = rows["syllables"]
    assert hurts(table) and cuts_both_ways(table) and blind(table)
    control = swapped(table, MIRRORED, CONTROL)
    assert not hurts(control) and not cuts_both_ways(control) and not blind(control)


def test_the_other_claims_about_harm_fail_when_names_are_exchanged(rows):
    table = rows["syllables"]
    heads = STUDIES["syllables-heads"].rows()
    assert harm_with_ended_heads(table, heads) and unlearns(table)
    assert not harm_with_ended_heads(swapped(table, CONTROL, "scratch"), heads)
    exchanged = heads["change"].replace({"shifted": "mirrored", "mirrored": "shifted"})
    assert not harm_with_ended_heads(table, heads.assign(change=exchanged))
    assert not unlearns(swapped(table, TUNED, MIRRORED))


def text_helps(table):
    found = {k: gain(table, "full", "scratch", k) for k in studies.LABELS["docstrings"]}
    return all(found[k].above(0) for k in (1, 3, 8)) and not found[20].above(0) and not found[20].below(0)


def words_must_move(table):
    behind = [gain(table, "scratch", name, 20) for name in ("frozen", "partly frozen")]
    moving = [gain(table, "full", "partly frozen", k) for k in (8, 20)]
    return all(found.above(0) for found in behind + moving)


def counting_wins(table):
    return all(gain(table, "word counts", "full", k).above(0) for k in studies.LABELS["docstrings"])


def test_claims_about_text_fail_when_names_are_exchanged(rows):
    table = rows["docstrings"]
    assert text_helps(table) and words_must_move(table) and counting_wins(table)
    assert not text_helps(swapped(table, "full", "scratch"))
    assert not words_must_move(swapped(table, "partly frozen", "full"))
    assert not counting_wins(swapped(table, "word counts", "full"))
    assert not gain(table, "scratch", "word counts", 20).above(0)  # features that a head can read in the frozen's place


def test_frozen_heads_of_vowels_are_best_at_the_edge_of_the_grid():
    """What the page doubts before it trains these heads to the end."""
    for name in (MIRRORED, CONTROL):
        assert studies.chosen_rate("syllables", name, 20, "vowel") == max(studies.RATES["syllables"])


def test_tables_name_what_is_missing(rows):
    with pytest.raises(ValueError, match="nonsense"):
        column(rows["letters"], "nonsense", 3)
    table = table_of(rows["letters"], FOUR)
    assert list(table.index) == list(FOUR) and list(table.columns) == [1, 3, 8, 20]
    assert table.loc["full", 3] == f"{interval(100 * column(rows['letters'], 'full', 3)):.0f}"


def test_the_chart_offers_every_number_of_labels(rows):
    table = depth_table(rows["letters"])
    assert len(table) == 5 * 4 and set(table["frozen"]) == {-1, 0, 1, 2, 3}
    assert (table["low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["high"]).all()
    text = str(depth_chart(table).to_dict())
    assert "labels_shown" in text and "[1, 3, 8, 20]" in text
    assert depth_chart(table).to_dict()["width"] >= 400  # an ordinal axis is a few pixels wide unless told


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
