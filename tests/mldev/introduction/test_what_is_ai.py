"""What the chapter measures, and that each of its claims fails when its method is swapped for its baseline."""

import numpy as np
import pandas as pd
import pytest
import scipy
import sklearn
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier

from mldev.experiments import interval, paired_difference, ratio_interval, repeat
from mldev.introduction import what_is_ai as chapter
from mldev.introduction import what_is_ai_features as features
from mldev.introduction import what_is_ai_pictures as pictures
from mldev.introduction import what_is_ai_rules as rules
from mldev.introduction import what_is_ai_serving as serving


@pytest.fixture(scope="module")
def few():
    """Bench and sealed images, 100 of each digit in place of all."""
    bench, sealed = chapter.bench_and_sealed()
    rng = np.random.default_rng(0)
    return chapter.draw(bench, range(10), 100, rng), chapter.draw(sealed, range(10), 100, rng)


def mixed(array, seed):
    return np.random.default_rng(seed).permutation(array)


def test_bench_and_sealed_share_no_image_and_hold_all():
    bench, sealed = chapter.bench_and_sealed()
    assert np.bincount(bench.y).tolist() == [chapter.BENCH_PER_CLASS] * 10
    together = {row.tobytes() for row in bench.X} | {row.tobytes() for row in sealed.X}
    assert len(bench.y) + len(sealed.y) == 5000 == len(together)


@pytest.mark.parity
def test_holes_equal_those_of_scipy(few, record_property):
    inks = [features.box(image.reshape(28, 28) >= features.INK) for image in few[0].X]
    by_hand = [sorted(len(patch) for patch in features.enclosed(ink)) for ink in inks]
    difference = 0
    for ink, sizes in zip(inks, by_hand, strict=True):
        numbered, count = ndimage.label(~np.pad(ink, 1))
        theirs = sorted(int((numbered == k).sum()) for k in range(1, count + 1) if k != numbered[0, 0])
        difference = max(difference, int(sizes != theirs))
    assert difference == 0
    seen = {"algorithm": "Holes by flooding", "library": "SciPy", "version": scipy.__version__}
    record_property("parity", seen | {"tolerance": 0, "difference": difference, "kind": "numbers"})


@pytest.mark.parity
def test_nearest_equals_scikit_learn(few, record_property):
    train, test = few
    theirs = KNeighborsClassifier(1, algorithm="brute").fit(train.X, train.y).predict(test.X)
    difference = int((chapter.nearest(train.X, train.y, test.X) != theirs).sum())
    assert difference == 0
    seen = {"algorithm": "Nearest neighbour", "library": "scikit-learn", "version": sklearn.__version__}
    record_property("parity", seen | {"tolerance": 0, "difference": difference, "kind": "numbers"})


def test_features_of_drawn_digits():
    ring = np.zeros((28, 28))
    ring[5:20, 8:18] = 1
    ring[8:17, 11:15] = 0
    seen = features.describe(ring)
    assert seen["holes"] == 1 and seen["hole height"] == pytest.approx(7 / 15) and seen["width"] == 10 / 15
    assert seen["upper left gap"] == seen["top gap"] == 0 and seen["foot"] == 1 and seen["strokes down"] == 2
    moved = np.roll(ring, (3, -4), axis=(0, 1))
    assert features.describe(moved) == seen
    with pytest.raises(ValueError, match="no digit"):
        features.describe(np.zeros((28, 28)))


def test_upright_takes_out_the_slant():
    leaning = np.zeros((20, 28), bool)
    for row in range(20):
        leaning[row, 20 - row // 2 - 3 : 20 - row // 2] = True
    straight = features.upright(leaning)
    assert straight.sum() == leaning.sum()
    assert features.box(straight).shape[1] <= 5 < features.box(leaning).shape[1]


def test_rules_count_a_near_miss_in_part():
    exact = {name: 0.0 for name in features.FEATURES} | {name: high for name, (_, high) in rules.RULES[1].items()}
    near = exact | {"width": rules.RULES[1]["width"][1] + rules.SLACK["width"] / 2}
    far = exact | {"width": 9.0}
    assert rules.broken(pd.DataFrame([exact, near, far]), rules.RULES[1]).tolist() == pytest.approx([0, 0.5, 1])
    assert rules.recognise(pd.DataFrame([exact]), [0, 1, 8]).tolist() == [1]


def test_every_rule_is_a_range_of_a_known_feature():
    for ranges in rules.RULES.values():
        assert set(ranges) <= set(features.FEATURES) == set(rules.SLACK)
        assert all(low <= high for low, high in ranges.values())


@pytest.mark.parametrize("digits", [[], [3, 11]])
def test_unknown_digits_are_named(few, digits):
    with pytest.raises(ValueError, match="digits"):
        rules.recognise(few[0].features, digits)


def test_a_contest_gives_all_the_same_images_and_repeats():
    calls = []

    def watch(train, test, seed):
        calls.append((train.X.sum(), test.X.sum(), seed))
        assert len(train.y) == 15 and len(test.y) == 3 * chapter.TEST_PER_CLASS
        assert set(train.y) == set(test.y)
        return test.y

    for _ in range(2):
        assert chapter.contest(3, 3, 5, {"one": watch, "other": watch}) == {"one": 1, "other": 1}
    assert len(set(calls)) == 1
    with pytest.raises(ValueError, match="per_class: expected 1 to 200"):
        chapter.contest(0, 2, 201)


def rules_on_mixed_features(train, test, seed=0):
    return chapter.by_rules(train, chapter.Digits(test.X, test.features.sample(frac=1, random_state=0), test.y))


def memory_of_mixed_labels(train, test, seed=0):
    return chapter.nearest(train.X, mixed(train.y, 0), test.X)


def weights_from_mixed_labels(train, test, seed=0):
    return chapter.by_learned_weights(chapter.Digits(train.X, train.features, mixed(train.y, 0)), test)


def runs(entrants, **settings):
    return pd.DataFrame(repeat(chapter.contest, 5, recognisers=entrants, **settings))


def test_rules_claims_fail_on_features_of_other_images():
    entrants = {"rules": chapter.by_rules, "broken": rules_on_mixed_features, "memory": chapter.by_memory}
    two = runs(entrants, num_classes=2, per_class=10)
    ten = runs(entrants, num_classes=10, per_class=10)
    assert interval(two["rules"]).low > 0.9 and not interval(two["broken"]).above(0.95)
    assert paired_difference(ten["rules"], ten["memory"]).above(0)
    assert not paired_difference(ten["broken"], ten["memory"]).above(0)


def test_learning_claims_fail_on_mixed_labels():
    entrants = {
        "rules": chapter.by_rules,
        "memory": chapter.by_memory,
        "weights": chapter.by_learned_weights,
        "no memory": memory_of_mixed_labels,
        "no weights": weights_from_mixed_labels,
    }
    ten = runs(entrants, num_classes=10, per_class=100)
    for name in ("memory", "weights"):
        assert paired_difference(ten[name], ten["rules"]).above(0)
        assert not paired_difference(ten[f"no {name}"], ten["rules"]).above(0)


def test_the_lead_does_not_grow_when_both_use_rules():
    entrants = {"rules": chapter.by_rules, "again": chapter.by_rules}
    two, ten = (runs(entrants, num_classes=k, per_class=5) for k in (2, 10))
    assert not paired_difference(ten["again"] - ten["rules"], two["again"] - two["rules"]).above(0)


def test_a_network_of_mixed_labels_does_not_beat_the_rules(few):
    test = few[1]
    train = chapter.draw(few[0], range(10), 30, np.random.default_rng(0))
    wrong = chapter.Digits(train.X, train.features, mixed(train.y, 0))
    rules_right = (chapter.by_rules(train, test) == test.y).astype(float)
    for data, wins in ((wrong, False), (train, None)):
        right = (chapter.by_network(data, test) == test.y).astype(float)
        if wins is None:
            assert right.mean() > 0.7
        else:
            assert paired_difference(right, rules_right).above(0) is wins


def test_rules_hold_on_new_images_and_answers_learned_by_heart_do_not():
    bench, sealed = chapter.bench_and_sealed()

    def holds(recogniser):
        seen, new = (recogniser(bench, data) == data.y for data in (bench, sealed))
        return interval(new).above(seen.mean() - 0.02)

    assert holds(chapter.by_rules)
    assert not holds(chapter.by_memory)


def test_found_ranges_hold_the_middle_of_their_digit(few):
    seen = {}

    def catch(features, digits, found):
        seen.update(found)
        return rules.recognise(features, digits, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chapter, "recognise", catch)
        assert (chapter.by_learned_ranges(*few) == few[1].y).mean() > 0.7
    for digit, ranges in seen.items():
        assert set(ranges) == set(rules.RULES[digit])
        low, high = ranges["upper left gap" if digit != 4 else "foot"]
        values = few[0].features.loc[few[0].y == digit, "upper left gap" if digit != 4 else "foot"]
        assert 0.75 <= values.between(low, high).mean() <= 0.95


def test_the_form_decides_and_not_who_chose_the_numbers():
    entrants = {"rules": chapter.by_rules, "ranges": chapter.by_learned_ranges, "weights": chapter.by_learned_weights}
    ten = runs(entrants | {"no weights": weights_from_mixed_labels}, num_classes=10, per_class=100)
    assert paired_difference(ten["rules"], ten["ranges"]).above(0)
    assert paired_difference(ten["weights"], ten["ranges"]).above(0)
    assert not paired_difference(ten["ranges"], ten["ranges"]).above(0)
    assert not paired_difference(ten["no weights"], ten["ranges"]).above(0)


def test_features_need_fewer_examples_than_pixels_and_pixels_not_fewer_than_pixels():
    entrants = {"rules": chapter.by_rules, "weights": chapter.by_learned_weights, "memory": chapter.by_memory}
    twenty = runs(entrants, num_classes=10, per_class=20)

    def claim_holds(first, later):
        passed = paired_difference(twenty[first], twenty["rules"]).above(0)
        return passed and paired_difference(twenty["rules"], twenty[later]).above(0)

    assert claim_holds("weights", "memory")
    assert not claim_holds("memory", "memory") and not claim_holds("weights", "weights")


@pytest.fixture(scope="module")
def deep():
    """The network's contest in small: five runs with 5 and with 50 images of each digit."""
    entrants = {
        "features": chapter.by_learned_weights,
        "network": chapter.by_network,
        "network on features": chapter.by_network_on_features,
    }
    return {n: runs(entrants, num_classes=10, per_class=n) for n in (5, 50)}


def test_features_beat_the_network_until_it_gets_them(deep):
    for few_images in deep.values():
        assert paired_difference(few_images["features"], few_images["network"]).above(0)
        assert paired_difference(few_images["network on features"], few_images["network"]).above(0)
    assert not paired_difference(deep[50]["features"], deep[50]["network on features"]).above(0)


def test_features_matter_less_with_more_images_only_to_who_lacks_them(deep):
    def shrinks(name):
        return paired_difference(*(deep[n]["features"] - deep[n][name] for n in (5, 50))).above(0)

    assert shrinks("network")
    assert not shrinks("features")


def test_the_network_starts_differently_in_each_run():
    first, again, other = (chapter.network(seed).fit(np.eye(3), [0, 1, 2]).coefs_[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_single_answers_equal_those_of_a_batch_unless_the_batch_is_prepared_by_itself(few):
    train, test = few
    model = chapter.LogisticRegression(max_iter=1000).fit(train.features, train.y)
    X = test.features.to_numpy()[::10]

    def by_own_mean(batch):
        return model.predict(pd.DataFrame(batch - batch.mean(axis=0), columns=features.FEATURES))

    def plain(batch):
        return model.predict(pd.DataFrame(batch, columns=features.FEATURES))

    def agrees(predict):
        return bool(np.all(predict(X) == [predict(row[None])[0] for row in X]))

    assert agrees(plain) and not agrees(by_own_mean)


def test_first_ahead_wants_every_later_size_ahead():
    base = np.zeros((5, 4))
    assert chapter.first_ahead(base + [-1, 1, 0, 1], base, [1, 2, 3, 4]) == 4
    assert chapter.first_ahead(base + [-1, 1, 1, 1], base, [1, 2, 3, 4]) == 2
    assert chapter.first_ahead(base + 1, base, [1, 2, 3, 4]) == 1
    assert chapter.first_ahead(base, base, [1, 2, 3, 4]) is None


def test_learning_curves_have_a_row_per_seed():
    curves = chapter.learning_curves(2, [1, 4], num_seeds=3)
    assert set(curves) == set(chapter.RECOGNISERS)
    assert all(values.shape == (3, 2) for values in curves.values())
    assert np.ptp(curves["rules"], axis=1).max() == 0


def test_stump_finds_the_best_threshold():
    threshold, right = chapter.stump(np.array([0.1, 0.2, 0.6, 0.9, 0.15]), np.array([0, 0, 1, 1, 0], bool))
    assert threshold == 0.2 and right == 1


def test_pixels_lose_to_rules_on_shifted_images_and_not_on_still_ones(few):
    train, test = few
    some = test.take(np.arange(0, 1000, 4))

    def lead(step):
        moved = np.roll(some.X.reshape(-1, 28, 28), step, axis=2)
        by_rule = rules.recognise(features.describe_all(moved), range(10)) == some.y
        return paired_difference(by_rule, chapter.nearest(train.X, train.y, moved.reshape(250, -1)) == some.y)

    assert lead(3).above(0) and not lead(0).above(0)


def test_serve_calls_with_batches_of_one_size_and_goes_round(tmp_path, monkeypatch):
    monkeypatch.delenv("MLDEV_TIMINGS_DIR", raising=False)
    monkeypatch.delenv("MLDEV_REPLAY", raising=False)
    seen = []
    X = np.arange(5)[:, None]
    seconds = serving.serve(lambda batch: seen.append(batch[:, 0].tolist()), X, 3, 3)
    assert seen == [[0, 1, 2], [3, 4, 0], [1, 2, 3]] and (seconds > 0).all()
    with pytest.raises(ValueError, match="batch_size: expected 1 to 5, got 6"):
        serving.serve(lambda batch: batch, X, 6, 1)


def test_times_are_summed_up():
    calls = {1: np.full(10, 0.001), 100: np.r_[np.full(9, 0.002), 1.0]}
    table = serving.summary(calls)
    assert table["images/s"].tolist() == [1000, round(100 / 0.1018)], "slow calls count"
    assert table["median"].tolist() == pytest.approx([1, 2])
    assert table.loc[100, "95th"] > 500 > table.loc[1, "95th"]
    assert serving.answer_time(101, 0.5, per_second=100) == pytest.approx(1.5)


@pytest.mark.parametrize(("fixed", "each"), [(1.0, 0.01), (0.0, 0.01), (1.0, 0.0)])
def test_batches_raise_throughput_and_latency_by_the_costs_of_call_and_image(monkeypatch, fixed, each):
    """Both claims on a clock that counts; without a cost of the call, or of the image, one of them fails."""

    def counted(name, run):
        return run(), fixed + each * run()

    monkeypatch.setattr(serving, "timed", counted)
    calls = {b: serving.serve(len, np.zeros((1000, 1)), b, 10) for b in (1, 1000)}
    assert ratio_interval(calls[1], calls[1000] / 1000).above(5) is (fixed > 0)
    assert ratio_interval(calls[1000], calls[1]).above(2) is (each > 0)


def test_the_chart_holds_both_digits_and_the_true_share():
    bench, _ = chapter.bench_and_sealed()
    images = pictures.image_table(bench, (2, 3), ["lower left gap", "foot"])
    assert len(images) == 2 * 2 * pictures.SHOWN and set(images["digit"]) == {"2", "3"}
    table = pictures.accuracy_table(images, 3).set_index(["feature", "threshold"])["accuracy"]
    chosen = images[images["feature"] == "foot"]
    by_count = ((chosen["value"] > 0.5) == (chosen["digit"] == "3")).mean()
    assert table["foot", 0.5] == pytest.approx(by_count, abs=1e-3) and table["foot", 1.0] == 0.5
    assert pictures.montage(bench, 3).shape == (280, 84)
    assert pictures.threshold_chart(images, (2, 3)).to_dict()["params"]
