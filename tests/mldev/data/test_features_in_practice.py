"""Constructed and learned features: parity with pandas, skrub and PCA, and the claims of the chapter's second page."""

import numpy as np
import pandas as pd
import pytest
import skrub
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from mldev import datasets
from mldev.data import features_in_practice as chapter
from mldev.data import features_in_practice_pictures as pictures
from mldev.data import features_learned as learned
from mldev.data import features_rulers as rulers
from mldev.experiments import interval, paired_difference


@pytest.fixture
def shop():
    orders = pd.DataFrame({
        "customer": ["a", "a", "b", "a"], "price": [1.0, 3.0, 5.0, 9.0], "day": [1, 2, 2, 7],
    })  # fmt: skip
    customers = pd.DataFrame({"city": ["x", "x", "y"], "age": [30, 40, 50]}, index=["a", "b", "c"])
    cities = pd.DataFrame({"size": [7, 8]}, index=["x", "y"])
    return chapter.Tables(
        {"orders": orders, "customers": customers, "cities": cities},
        (
            chapter.Relation("orders", "customer", "customers"),
            chapter.Relation("customers", "city", "cities"),
        ),
        {"orders": "day"},
    )


def test_features_of_a_small_shop(shop):
    found = chapter.deep_features(shop.before(2), "customers", 3)
    assert found.loc["a", "mean(orders.price)"] == 2 and found.loc["a", "last(orders.price)"] == 3
    assert found.loc["a", "count(orders)"] == 2 and found.loc["c"].isna()["max(orders.price)"]
    assert found.loc["a", "cities.size"] == 7
    assert found.loc["c", "count(orders)"] == 0, "no rows: none, not unknown"
    assert found.loc["b", "cities.mean(customers.mean(orders.price))"] == (2 + 5) / 2
    assert list(chapter.deep_features(shop, "customers", 0)) == ["age"]


def test_the_future_changes_nothing(shop):
    keys = pd.Series(["a", "b"], index=["first", "second"])
    cutoffs = pd.Series([2, 7], index=keys.index)
    found = chapter.features_at(shop, "customers", keys, cutoffs, 3)
    later = shop.frames["orders"].assign(price=[1.0, 3.0, 5.0, 9000.0])
    changed = chapter.Tables({**shop.frames, "orders": later}, shop.relations, shop.known)
    again = chapter.features_at(changed, "customers", keys, cutoffs, 3)
    assert found.loc["first"].equals(again.loc["first"]), "known only on day 7"
    assert not found.loc["second"].equals(again.loc["second"])
    assert list(found.index) == ["first", "second"]


@pytest.mark.parity
def test_one_step_down_equals_skrub(record_property):
    known = rulers.relation()[0].before(1995)
    ours = chapter.deep_features(known, "countries", 1)
    joiner = skrub.AggJoiner(
        known.frames["spells"], operations=["mean", "max"], key="country", cols=["duration", "end"]
    )
    main = known.frames["countries"].reset_index()[["country"]]
    theirs = joiner.fit_transform(main)
    columns = ["mean(spells.duration)", "max(spells.duration)"]
    pair = theirs[[c for c in theirs if c.startswith("duration")]].to_numpy(float)
    order = [["mean", "max"].index(c.split("_")[-1]) for c in theirs if c.startswith("duration")]
    expected = ours[columns].to_numpy()[:, order]
    assert np.array_equal(np.isnan(pair), np.isnan(expected))
    worst = np.nanmax(np.abs(pair - expected))
    record_property("parity", {
        "algorithm": "deep feature synthesis, one step down", "library": "skrub", "version": skrub.__version__,
        "tolerance": 1e-12, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-12


@pytest.mark.parity
def test_features_at_their_cutoffs_equal_pandas_row_by_row(record_property):
    tables, spells = rulers.relation()
    found = rulers.constructed(1)
    everything, worst = tables.frames["spells"], 0.0
    for index, row in spells.sample(60, random_state=0).iterrows():
        past = everything[(everything["country"] == row["country"]) & (everything["end"] <= row["start_year"])]
        past = past.sort_values("end", kind="stable")
        ours = found.loc[index]
        if past.empty:
            assert np.isnan(ours["mean(spells.duration)"])
            continue
        pairs = (
            ("mean(spells.duration)", past["duration"].mean()),
            ("max(spells.duration)", past["duration"].max()),
            ("last(spells.long)", float(past["long"].iloc[-1])),
            ("count(spells)", len(past)),
        )
        worst = max(worst, *(abs(ours[name] - value) for name, value in pairs))
    record_property("parity", {
        "algorithm": "deep feature synthesis with cut-off times", "library": "pandas", "version": pd.__version__,
        "tolerance": 1e-9, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-9


def test_bad_relations_are_named(shop):
    with pytest.raises(ValueError, match="no table 'towns'"):
        chapter.Tables(shop.frames, (chapter.Relation("customers", "city", "towns"),))
    with pytest.raises(ValueError, match="no column 'town'"):
        chapter.Tables(shop.frames, (chapter.Relation("customers", "town", "cities"),))
    with pytest.raises(ValueError, match="depth -1"):
        chapter.deep_features(shop, "orders", -1)


def test_repeated_indices_and_wrong_times_are_named(shop):
    twice = pd.concat([shop.frames["cities"], shop.frames["cities"]])
    with pytest.raises(ValueError, match="index of 'cities'"):
        chapter.Tables({**shop.frames, "cities": twice}, shop.relations)
    with pytest.raises(ValueError, match="known: no table 'order'"):
        chapter.Tables(shop.frames, shop.relations, {"order": "day"})
    with pytest.raises(ValueError, match="known: table 'orders' has no column 'date'"):
        chapter.Tables(shop.frames, shop.relations, {"orders": "date"})


def test_two_links_between_two_tables_give_features_of_their_own():
    games = pd.DataFrame({"home": ["x", "x", "y"], "guest": ["y", "z", "x"], "goals": [3.0, 1.0, 5.0]})
    teams = pd.DataFrame({"age": [10, 20, 40]}, index=["x", "y", "z"])
    links = (chapter.Relation("games", "home", "teams"), chapter.Relation("games", "guest", "teams"))
    tables = chapter.Tables({"games": games, "teams": teams}, links)
    found = chapter.deep_features(tables, "teams", 2)
    assert found.columns.is_unique
    assert found.loc["x", "mean(games[home].goals)"] == 2 and found.loc["x", "mean(games[guest].goals)"] == 5
    assert found.loc["x", "mean(games[home].teams[guest].age)"] == (20 + 40) / 2, "up the other link"
    assert "mean(games[home].teams[home].age)" not in found, "not straight back up"


def test_countries_are_known_from_their_first_year():
    tables, _ = rulers.relation()
    early, late = (tables.before(year).frames["countries"].index for year in (1971, 2000))
    assert "Ukraine" in late and "Ukraine" not in early
    counts = chapter.deep_features(tables.before(1971), "regions", 1)["count(countries)"]
    assert counts.sum() == len(early) < len(late)


def test_spells_of_one_ruler_are_merged():
    spells = rulers.merged_spells()
    moi = spells[spells["ruler"] == "Daniel Arap Moi"]
    assert len(moi) == 1 and moi["duration"].item() == 24 and moi["start_year"].item() == 1978
    assert moi["regime"].item() == "Civilian Dict", "the later label lies in the future"
    assert len(spells[spells["ruler"] == "Meles Zenawi"]) == 1, "there twice"
    following = spells.shift(-1)
    unbroken = spells["start_year"] + spells["duration"] == following["start_year"]
    same = (spells["country"] == following["country"]) & (spells["ruler"] == following["ruler"])
    assert not (unbroken & same).any()
    assert "democracy" not in rulers.OWN and "regime" not in rulers.OWN, "coded with hindsight"


def test_depth_one_counts():
    assert rulers.constructed(1).shape[1] == (1 + 3 * 2) + (1 + 3)
    assert not rulers.constructed(3).shape[1] == (1 + 3 * 2) + (1 + 3)


# --- rulers ---


def own():
    return rulers.relation()[1][rulers.OWN]


@pytest.fixture(scope="module")
def base():
    return rulers.forecasts(own())


def test_no_answer_is_learned_before_it_is_known():
    _, spells = rulers.relation()
    assert spells["start_year"].max() + rulers.YEARS <= 2008, "every answer is in the data"
    assert (spells["end"] > spells["start_year"]).all()
    assert not spells["start_year"].eq(1946).any(), "spells that began before the data"


def test_without_a_cutoff_the_past_looks_better_and_service_is_worse(base):
    careless = own().join(rulers.constructed(1, cutoff=False))
    honest = own().join(rulers.constructed(1))

    constructed = rulers.forecasts(honest)

    def pretends(features):
        result = rulers.forecasts(features)
        return rulers.saved(result, base).above(0.03) and rulers.saved(result, constructed).above(0.03)

    def harms(features):
        result = rulers.forecasts(features, deployed=honest)
        return rulers.saved(result, base).below(-0.015)

    assert pretends(careless) and harms(careless)
    assert not pretends(honest) and not harms(honest)


def test_restraint_helps_the_past_and_not_shuffled_features(base):
    past = rulers.constructed(1)
    mixed = past.sample(frac=1, random_state=0).set_axis(past.index)

    def helps(features, kind):
        return rulers.saved(rulers.forecasts(own().join(features), kind), base).above(0)

    for kind in ("ridge, chosen", "ten best by F"):
        assert helps(past, kind) and not helps(mixed, kind)
    assert not helps(past, "logistic"), "the fixed penalty"


def test_trees_gain_from_the_past_and_not_from_shuffled_features():
    past = rulers.constructed(1)
    plain = rulers.forecasts(own(), "boosting")

    def helps(features):
        return rulers.saved(rulers.forecasts(own().join(features), "boosting"), plain).above(0)

    assert helps(past)
    assert not helps(past.sample(frac=1, random_state=0).set_axis(past.index))


def test_the_count_of_births_is_a_calendar_and_does_the_harm(base):
    past = rulers.constructed(1)
    beyond = rulers.outside(past)
    assert beyond["count(births)"] > 0.8 and beyond.drop("count(births)").max() < 0.1
    maxima = [name for name in past if name.startswith("max")]

    def gain(columns):
        left = rulers.forecasts(own().join(past.drop(columns=columns)))
        return rulers.saved(left, rulers.forecasts(own().join(past)))

    assert gain(["count(births)"]).above(0)
    assert gain(maxima).below(0.005) and not gain(maxima).above(0)
    year = rulers.relation()[1]["start_year"]
    births = past["count(births)"]
    assert ((year - births)[births > 0] == 1961).mean() > 0.95


def test_the_row_itself_is_over_half_of_the_leak(base):
    tables, _ = rulers.relation()
    everything = tables.frames["spells"]
    lengths = everything.groupby("country")["duration"]
    total, count = lengths.transform("sum"), lengths.transform("count")

    def score(mean):
        return rulers.forecasts(own().assign(mean=mean.loc[own().index]))

    others = score((total - everything["duration"]) / (count - 1).where(count > 1))

    def over_half(full, rest):
        halfway = full.assign(loss=(full["loss"] + base["loss"]) / 2)
        return rulers.saved(halfway, rest).above(0)

    everyone = score(total / count)
    assert over_half(everyone, others)
    assert not over_half(everyone, everyone)


def test_no_distance_separates_right_joins_from_wrong_ones():
    matches = rulers.matched_names()
    differ = matches[matches["country"] != matches["right"]]

    def overlaps(table):
        right = table["name"] == table["right"]
        nearer = table["distance"] < table.loc[right, "distance"].max()
        return right.mean() > 0.5 and bool((nearer & ~right).any())

    assert overlaps(differ)
    assert not overlaps(matches[matches["country"] == matches["right"]]), "equal names are joined rightly"
    known = set(datasets.load("fertility").values)
    assert all(name is None or name in known for name in rulers.TRUE_NAMES.values())
    assert set(rulers.TRUE_NAMES) <= set(datasets.load("rulers").X["country"])


def test_unknown_models_are_named():
    with pytest.raises(ValueError, match="kind 'oracle'"):
        rulers.model("oracle")


# --- learned features ---


@pytest.mark.parity
def test_a_linear_autoencoder_spans_the_principal_components(record_property):
    X = datasets.load("digits").X[:200, 8:24].astype(float)
    components = PCA(4).fit(X).components_.T
    angle = subspace_angles(learned.train_linear(X, 4, seed=0).decoder[0].weight.detach().numpy(), components).max()
    untrained = learned.Autoencoder(16, 4, width=None).decoder[0].weight.detach().numpy()
    record_property("parity", {
        "algorithm": "linear autoencoder: largest angle to the principal subspace", "library": "scikit-learn",
        "version": str(__import__("sklearn").__version__), "tolerance": 1e-3, "difference": float(angle),
        "kind": "numbers",
    })  # fmt: skip
    assert angle < 1e-3
    assert not subspace_angles(untrained, components).max() < 1e-3


def test_the_code_restores_better_and_classifies_no_better():
    runs = pd.DataFrame([row for seed in range(3) for row in learned.digits_run(seed, sizes=(40, 160))])
    error = runs.pivot_table(index="seed", columns="features", values="error")
    accuracy = runs.pivot_table(index="seed", columns="features", values="accuracy")
    assert (error["autoencoder"] < error["components"]).all()
    assert not (error["components"] < error["components"]).any()
    white = accuracy["components, unit variance"]
    assert (accuracy["autoencoder"] - accuracy["components"]).mean() < 0.01
    assert (accuracy["autoencoder"] - white).mean() > 0.01, "the scaling decides"
    assert learned.digits_interval(white, accuracy["components"]).estimate < -0.01
    plain = paired_difference(white, accuracy["components"])
    corrected = learned.digits_interval(white, accuracy["components"])
    assert corrected.high - corrected.low > plain.high - plain.low, "draws share images"
    assert pictures.label_curves(runs).axes


def test_means_over_own_rows_leak_and_cross_fitted_ones_do_not():
    few = rulers.ORIGINS[1::3]
    plain = learned.encoding_forecasts("none", origins=few)

    def leaks(way):
        result = learned.encoding_forecasts(way, shuffled=True, tuned=False, origins=few)
        value = rulers.saved(result, plain)
        return value.below(-0.02)

    assert leaks("means") and leaks("embedding")
    assert not leaks("cross-fitted means") and not leaks("none")


def test_embeddings_are_no_better_than_one_hot():
    one_hot = learned.encoding_forecasts("one-hot")
    embedding = learned.encoding_forecasts("embedding")
    assert rulers.saved(embedding, one_hot).below(0.005)
    assert not rulers.saved(one_hot, embedding).below(0.005)


def test_a_strong_decay_collapses_the_vectors():
    rng = np.random.default_rng(0)
    names, own_columns = rng.integers(0, 40, 400), rng.normal(size=(400, 2))
    y = (rng.random(400) < 0.5).astype(float)
    free, strong = (np.abs(learned.learn_embedding(own_columns, names, y, 40, d)).max() for d in (0.001, 0.1))
    assert strong < 0.1 * free


def test_string_codes_beat_one_hot_words_and_not_tf_idf():
    titles = pd.DataFrame([learned.titles_run(seed) for seed in range(6)])

    def beats(worse, by=0.0):
        return paired_difference(titles["string encoder"], titles[worse]).above(by)

    assert beats("first word, one-hot", 0.1)
    assert not beats("TF-IDF, words") and not beats("TF-IDF, pieces of words")
    assert interval(titles["string encoder"]).above(0.6)


def test_unknown_encodings_are_named():
    names = np.array(["a", "b"])
    with pytest.raises(ValueError, match="way 'runes'"):
        learned.encoded("runes", 1.0, names, names, np.zeros((2, 1)), np.array([0, 1]))


def test_pictures_are_drawn(base):
    value = rulers.saved(base, base)
    both = {"a": {"x": value, "y": value}, "b": {"x": value, "y": value}}
    assert pictures.saved_dots(both).axes and pictures.saved_dots({"a": both["a"]}).axes
    matches = rulers.matched_names()
    assert len(pictures.match_curves(matches[matches["distance"] > 0]).axes[0].lines) == 3


def test_runs_depend_on_the_seed_alone():
    first, again, other = (learned.titles_run(seed) for seed in (1, 1, 2))
    assert first == again and first != other
    assert set(learned.STRENGTHS) == {"none", "one-hot", "means", "cross-fitted means", "embedding"}
