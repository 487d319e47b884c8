"""The claims about models: each fails when its method is swapped for the baseline, or the effect is taken out."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from mldev.data import responsible_data_experiments as chapter
from mldev.experiments import interval, paired_difference, repeat

SPLITS = 12
difference = chapter.people_difference


def by_way(splits=SPLITS, **options):
    runs = pd.DataFrame(sum(repeat(chapter.way_run, splits, **options), []))
    return {way: rows.set_index("seed") for way, rows in runs.groupby("way")}


@pytest.fixture(scope="module")
def ways():
    return by_way()


def enlarged(found):
    base = found["as recorded"]
    more = difference(base["parity"], base["recorded"])
    return more.below(0) and difference(base["parity"], base["score gap"]).below(0)


def depends_on_the_share(splits=SPLITS):
    runs = pd.DataFrame(sum(repeat(chapter.share_run, splits), []))
    gaps = runs.pivot(index="seed", columns="who", values="gap")
    at_police = gaps["same share"]
    less, more = (difference(gaps[share], at_police) for share in ("95%", "70%"))
    return less.above(0) and more.below(0)


def left_behind(found):
    return difference(found["colour dropped"]["parity"]).below(-0.1)


def within(found, bound):
    return found.above(-bound) and found.below(bound)


def not_by_guessing(found):
    neutral, dropped = found["colour neutralised"], found["colour dropped"]
    same = within(difference(neutral["parity"], dropped["parity"]), 0.03)
    magnified = difference(neutral["parity"], neutral["score gap"]).below(-0.03)
    return same and difference(neutral["parity"]).below(-0.1) and magnified


def blind_weights_buy_nothing(found):
    blind, dropped = found["reweighed, colour dropped"], found["colour dropped"]
    return within(difference(blind["parity"], dropped["parity"]), 0.04)


def better_than_the_records(found):
    return all(difference(found[way]["parity"], found[way]["recorded"]).above(0) for way in ("reweighed", "resampled"))


def needs_the_column(found):
    base = found["as recorded"]["parity"]
    cut = [difference(found[way]["parity"], base).above(0.1) for way in ("reweighed", "resampled")]
    blind = found["reweighed, colour dropped"]["parity"]
    return all(cut) and difference(found["reweighed"]["parity"], blind).above(0)


def costs(found):
    return difference(found["reweighed"]["auc"], found["as recorded"]["auc"]).below(0)


def test_claims_hold_on_the_arrests(ways):
    assert enlarged(ways) and left_behind(ways) and needs_the_column(ways) and costs(ways)
    assert not_by_guessing(ways) and blind_weights_buy_nothing(ways) and better_than_the_records(ways)
    assert depends_on_the_share()


def test_a_lottery_by_score_enlarges_nothing(ways, monkeypatch):
    def lottery(model, train, test, share):
        scores = model.predict_proba(test)[:, 1]
        return scores, np.random.default_rng(0).random(len(scores)) < scores

    monkeypatch.setattr(chapter, "decided", lottery)
    assert enlarged(ways)
    assert not enlarged(by_way(ways=("as recorded",)))
    neutral = by_way(ways=("colour neutralised", "colour dropped"))
    assert not not_by_guessing(neutral), "without a limit nothing is magnified"
    assert not depends_on_the_share(6)


def test_a_true_substitute_would_show(monkeypatch):
    X, y, black = (array.copy() for array in chapter.numbers())
    X[:, 3] = black  # citizenship replaced by a copy of colour: dropping the column now drops nothing
    monkeypatch.setattr(chapter, "numbers", lambda: (X, y, black))
    found = by_way(6, ways=("colour neutralised", "colour dropped"))
    assert not not_by_guessing(found)


def test_weights_that_see_the_column_are_not_blind(ways):
    seeing = ways | {"reweighed, colour dropped": ways["reweighed"]}
    assert not blind_weights_buy_nothing(seeing)


def test_the_share_of_the_police_is_the_share_of_the_ways(ways):
    rows = {row["who"]: row for row in chapter.share_run(0)}
    assert rows["same share"]["gap"] == ways["as recorded"].loc[0, "parity"]
    assert rows["police"]["gap"] == pytest.approx(ways["as recorded"].loc[0, "recorded"])
    shares = [rows[f"{share:.0%}"]["released"] for share in chapter.SHARES]
    assert np.allclose(shares, chapter.SHARES, atol=0.03)


def test_without_proxies_dropping_the_column_leaves_nothing(ways, monkeypatch):
    X, y, black = (array.copy() for array in chapter.numbers())
    order = np.random.default_rng(0).permutation(len(y))
    X[:, 1:], y = X[order, 1:], y[order]
    monkeypatch.setattr(chapter, "numbers", lambda: (X, y, black))
    found = by_way(6, ways=("as recorded", "colour dropped"))
    assert left_behind(ways) and not left_behind(found)
    assert not enlarged(found)


def test_weights_of_one_change_nothing(ways, monkeypatch):
    monkeypatch.setattr(chapter, "reweighing", lambda group, y, strength=1.0: np.ones(len(y)))
    monkeypatch.setattr(chapter, "resampling", lambda group, y, rng: np.arange(len(y)))
    found = by_way(6)
    assert not needs_the_column(found) and not costs(found) and not better_than_the_records(found)


def test_parity_costs_calibration_only_when_there_is_parity():
    runs = pd.DataFrame(sum(repeat(chapter.strength_run, 6, strengths=(0.0, 1.0)), []))
    drift = {strength: difference(rows["calibration"]) for strength, rows in runs.groupby("strength")}
    assert drift[1.0].above(0.05) and not drift[0.0].above(0.05)
    shares = runs[["released, Black", "released, White", "released too, Black", "released too, White"]]
    assert shares.to_numpy().min() > 0.5 and shares.to_numpy().max() <= 1


def reversal(label_bias):
    rows = repeat(chapter.loan_run, 5, label_bias=label_bias, strengths=(0.0, 1.0))
    books = pd.DataFrame(sum(rows, [])).pivot(index="seed", columns="strength")
    records, truth = (paired_difference(books[by][1.0], books[by][0.0]) for by in ("by the records", "by the truth"))
    return records.below(0) and truth.above(0)


def test_the_cost_reverses_only_where_labels_are_falsified():
    assert reversal(0.3)
    assert not reversal(0.0)


def too_much(**loans):
    rows = repeat(chapter.loan_run, 5, strengths=(0.0, 1.0, 2.0), **loans)
    runs = pd.DataFrame(sum(rows, []))
    truth, parity = (runs.pivot(index="seed", columns="strength", values=name) for name in ("by the truth", "parity"))
    loses = paired_difference(truth[2.0], truth[0.0]).below(0)
    return loses and interval(parity[2.0]).above(0) and interval(parity[1.0]).below(0)


def test_twice_the_weights_wrong_the_other_group(monkeypatch):
    assert too_much()
    weights = chapter.reweighing
    monkeypatch.setattr(chapter, "reweighing", lambda group, y, strength: weights(group, y, strength / 2))
    assert not too_much()


def false_alarms(known):
    learned = interval(repeat(chapter.false_alarm_run, 40, **known))
    completed = sum(repeat(chapter.false_alarm_run, 20, age={"low": 0, "high": 110}, checks={"low": 0, "high": 6}))
    return learned.above(0.01) and completed == 0


def test_only_learned_contracts_cry_wolf():
    assert false_alarms({})
    assert not false_alarms({"age": {"low": 0, "high": 110}})


def hidden(**town):
    towns = pd.DataFrame(repeat(chapter.policing_run, 8, **town))
    return paired_difference(towns["same checks"], towns["all"] / 2).above(0)


def test_conditioning_hides_only_what_policing_made():
    assert hidden()
    assert not hidden(extra=0.0)


def trees():
    return HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8)


def trees_hold(found):
    base = found["as recorded"]
    worse = difference(base["parity"], base["recorded"]).below(0)
    return worse and difference(found["colour dropped"]["parity"]).below(-0.06)


def test_trees_enlarge_too_unless_colour_means_nothing(monkeypatch):
    tried = {"ways": ("as recorded", "colour dropped"), "model": trees}
    assert trees_hold(by_way(10, **tried))
    X, y, black = (array.copy() for array in chapter.numbers())
    X[:, 0] = np.random.default_rng(0).permutation(X[:, 0])
    monkeypatch.setattr(chapter, "numbers", lambda: (X, y, X[:, 0] == 1))
    assert not trees_hold(by_way(4, **tried))


def test_every_way_is_held_to_the_same_share():
    X, y, _ = chapter.numbers()
    train, test = chapter.halves(len(y), 0)
    assert len(train) + len(test) == len(y) and not set(train) & set(test)
    assert len(test) / len(train) == pytest.approx(chapter.RATIO, abs=1e-3)
    model = chapter.fitted(X[train], y[train], np.ones(len(train)))
    _, decision = chapter.decided(model, X[train], X[train], y[train].mean())
    assert decision.mean() == pytest.approx(y[train].mean(), abs=0.01)


def test_noise_shrinks_with_epsilon():
    exact, strict = chapter.noisy_gaps(0.01)
    _, loose = chapter.noisy_gaps(1.0)
    assert exact == pytest.approx(-0.1166, abs=1e-4)
    assert np.abs(strict - exact).mean() > 30 * np.abs(loose - exact).mean()


def test_intervals_over_splits_are_wider_than_over_new_data():
    values = np.random.default_rng(0).normal(size=20)
    corrected, naive = difference(values), interval(values)
    assert corrected.high - corrected.low > 2 * (naive.high - naive.low)
