"""Tasks in a row: the Fisher diagonal, the springs, the memory, and what each remedy saves."""

import numpy as np
import pytest
import torch
from torch.func import functional_call, grad, vmap
from torch.nn.functional import log_softmax

from mldev.experiments import interval, paired_difference
from mldev.training import at_scale_continual as continual
from mldev.training import at_scale_studies as studies
from mldev.training.at_scale_continual import Course, Elastic, Reservoir, fisher, learn, letters_of
from mldev.training.at_scale_data import NUM_LETTERS, NUM_TASKS, script_tasks
from mldev.training.at_scale_network import initial_weights, largest_difference, network


def record(record_property, algorithm, library, difference, tolerance, kind="numbers"):
    seen = {
        "algorithm": algorithm,
        "library": library,
        "version": str(torch.__version__),
        "tolerance": tolerance,
        "difference": float(difference),
        "kind": kind,
    }
    record_property("parity", seen)


@pytest.mark.parity
@pytest.mark.parametrize("told", [True, False])
def test_fisher_equals_the_squares_of_per_example_gradients(told, record_property):
    classes = NUM_TASKS * NUM_LETTERS
    model, weights = network(0, 20, 8, classes), initial_weights(0, 20, 8, classes)
    X = torch.rand(6, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    allowed = letters_of(torch.tensor([3]), told)[0]

    def log_chance(leaves, image, answer):
        found = functional_call(model, leaves, (image,)).masked_fill(~allowed, continual.NEVER)
        return log_softmax(found, dim=-1)[answer]

    expected = {name: torch.zeros_like(w) for name, w in weights.items()}
    for answer in allowed.nonzero().flatten().tolist():
        slopes = vmap(grad(log_chance), in_dims=(None, 0, None))(weights, X, answer)
        chances = vmap(log_chance, in_dims=(None, 0, None))(weights, X, answer).exp()
        for name, slope in slopes.items():
            expected[name] += torch.tensordot(chances, slope**2, dims=1) / len(X)
    difference = largest_difference(fisher(weights, X, allowed), expected)
    assert difference < 1e-12
    name = "told" if told else "not told"
    record(record_property, f"Fisher diagonal ({name})", "torch.func", difference, 1e-12)


@pytest.mark.parity
def test_springs_recover_joint_training_where_losses_are_quadratic_and_separable(record_property):
    """Three tasks with losses sum_i s_i (w_i - c_i)^2 / 2: their Hessians are the stiffnesses."""
    rng = np.random.default_rng(0)
    stiff, centre = torch.tensor(rng.uniform(0.5, 2, (3, 5))), torch.tensor(rng.normal(size=(3, 5)))
    springs, weights = Elastic(strength=1.0), {"w": torch.zeros(5, dtype=torch.float64)}
    for s, c in zip(stiff, centre, strict=True):
        for _ in range(400):
            weights = springs.step(weights, {"w": s * (weights["w"] - c)}, 0.3)
        # the spring stands for the task's own loss, so it is fastened at the task's own optimum
        springs.hold({"w": c}, {"w": s})
    joint = (stiff * centre).sum(0) / stiff.sum(0)
    difference = float((weights["w"] - joint).abs().max())
    assert difference < 1e-10
    record(record_property, "Elastic weights on quadratic losses", "closed form of joint training", difference, 1e-10)


def test_the_springs_step_solves_for_the_energy_at_its_end():
    springs = Elastic(strength=50.0)
    springs.hold({"w": torch.tensor([1.0, -1.0])}, {"w": torch.tensor([2.0, 0.5])})
    start, slope = {"w": torch.tensor([0.3, 0.3])}, {"w": torch.tensor([0.1, -0.2])}
    end = springs.step(start, slope, 0.1)["w"]
    pull = 50.0 * torch.tensor([2.0, 0.5]) * (end - torch.tensor([1.0, -1.0]))
    assert torch.allclose(end, start["w"] - 0.1 * (slope["w"] + pull), atol=1e-6)


@pytest.mark.parity
def test_reservoir_keeps_every_item_with_the_same_chance(record_property):
    num_streams, length, capacity = 2000, 30, 6
    kept = np.zeros(length)
    generator = torch.Generator().manual_seed(0)
    stream = torch.arange(length)
    for _ in range(num_streams):
        memory = Reservoir(capacity, generator)
        memory.add(stream, stream)
        kept[[int(label) for _, label in memory.items]] += 1
    share = kept / num_streams
    error = np.sqrt(0.2 * 0.8 / num_streams)
    difference = float(np.abs(share - capacity / length).max())
    assert difference < 4.5 * error
    record(
        record_property,
        "Reservoir sampling",
        "drawing without replacement",
        difference,
        float(4.5 * error),
        "distribution",
    )


def test_a_memory_draws_only_what_it_was_given():
    memory = Reservoir(4, torch.Generator().manual_seed(0))
    memory.add(torch.arange(9.0).view(9, 1), torch.arange(9))
    X, y = memory.draw(50)
    assert len(memory.items) == 4 and memory.seen == 9
    assert torch.equal(X[:, 0].long(), y) and len(set(y.tolist())) <= 4


def test_tasks_have_their_own_letters_and_images():
    tasks = script_tasks(0)
    assert len(set(tasks.names)) == NUM_TASKS
    assert tasks.X_train.shape == (5, 400, 196) and tasks.X_test.shape == (5, 250, 196)
    assert [sorted(set((y // NUM_LETTERS).tolist())) for y in tasks.y_test] == [[t] for t in range(5)]
    pixels = {row.numpy().tobytes() for row in tasks.X_train.flatten(0, 1)}
    assert not any(row.numpy().tobytes() in pixels for row in tasks.X_test.flatten(0, 1))


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="method: 'sleep'; allowed"):
        Course("sleep", True, 0.1)


def end(course, seed):
    tasks, ends = script_tasks(seed), []
    learn(tasks, course, seed, lambda task, w: ends.append(w))
    return tasks, ends


def test_without_springs_elastic_weights_are_no_remedy():
    plain = end(Course("nothing", True, 0.3, steps=20), 0)[1][-1]
    loose = end(Course("elastic", True, 0.3, 0.0, steps=20), 0)[1][-1]
    assert largest_difference(plain, loose) < 1e-12


def test_endlessly_stiff_springs_hold_every_weight_that_mattered():
    tasks, stiff = end(Course("elastic", True, 0.3, 1e9, steps=20), 0)
    loose = end(Course("nothing", True, 0.3, steps=20), 0)[1]
    needed = fisher(stiff[0], tasks.X_train[0], letters_of(tasks.y_train[0][:1], True)[0])
    moved, free = (
        max(float((ends[-1][n] - ends[0][n])[needed[n] > 1e-4].abs().max()) for n in needed) for ends in (stiff, loose)
    )
    assert moved < 1e-3 < free


def test_a_batch_is_as_large_with_replay_as_without(monkeypatch):
    sizes = set()
    real = continual.gradients

    def counted(weights, X, y, allowed):
        sizes.add(len(y))
        return real(weights, X, y, allowed)

    monkeypatch.setattr(continual, "gradients", counted)
    for method in ("nothing", "replay", "joint", "elastic"):
        end(Course(method, False, 0.3, 1.0, steps=3), 0)
    assert sizes == {continual.BATCH}


@pytest.fixture(scope="module")
def chosen():
    rows = studies.STUDIES["tasks"].rows()
    return {
        key: studies.chosen_rows(group, ["learning_rate", "strength"], "valid")
        for key, group in rows.groupby(["told", "method"])
    }


def final(rows):
    return 100 * rows[[f"test_4_{i}" for i in range(5)]].to_numpy().mean(axis=1)


def lost(rows):
    first = rows[[f"test_{i}_{i}" for i in range(4)]].to_numpy()
    return 100 * (first - rows[[f"test_4_{i}" for i in range(4)]].to_numpy()).mean(axis=1)


def test_claims_of_the_remedies_fail_when_they_are_swapped_for_none(chosen):
    none = {told: final(chosen[told, "nothing"]) for told in (True, False)}
    assert paired_difference(final(chosen[True, "elastic"]), none[True]).above(0)
    assert not paired_difference(none[True], none[True]).above(0)
    assert paired_difference(final(chosen[False, "replay"]), none[False]).above(30)
    assert not paired_difference(final(chosen[False, "elastic"]), none[False]).above(30)
    assert paired_difference(final(chosen[False, "elastic"]), none[False]).below(15)
    assert not paired_difference(final(chosen[False, "replay"]), none[False]).below(15)
    joint = final(chosen[False, "joint"])
    assert paired_difference(joint, final(chosen[False, "replay"])).above(0)
    assert not paired_difference(final(chosen[False, "replay"]), joint).above(0)


def test_claim_of_forgetting_fails_when_everything_is_kept(chosen):
    assert interval(lost(chosen[False, "nothing"])).above(70)
    assert not interval(lost(chosen[False, "joint"])).above(70)


def test_claim_of_the_unheard_needs_a_network_that_learned_the_old_letters(monkeypatch):
    def gains(steps):
        course = Course("elastic", False, 0.3, 10.0, steps=steps)
        free, hinted, last = 100 * np.array([studies.last_word(course, seed) for seed in range(2)]).T
        return hinted - free, last

    gain, last = gains(60)
    assert (gain > 30).all() and (last > 60).all()
    gain, last = gains(0)  # never trained: nothing to be unheard, and nobody to outbid it
    assert not (gain > 30).any() and not (last > 60).any()


def test_claim_of_the_compromise_needs_springs():
    rows = studies.STUDIES["tasks"].rows()
    rows = rows[rows["told"] & (rows["learning_rate"] == 1.0) & rows["method"].isin(["nothing", "elastic"])]
    ends = {s: 100 * g.sort_values("seed")[["test_4_0", "test_4_4"]].to_numpy() for s, g in rows.groupby("strength")}
    assert paired_difference(ends[300.0][:, 0], ends[0.0][:, 0]).above(0)
    assert paired_difference(ends[0.0][:, 1], ends[300.0][:, 1]).above(0)
    assert not paired_difference(ends[0.0][:, 0], ends[0.0][:, 0]).above(0)  # swapped for none
    assert not paired_difference(ends[0.0][:, 1], ends[0.0][:, 1]).above(0)


def test_claim_of_the_first_script_fails_for_replay():
    rows = studies.STUDIES["tasks"].rows()
    rows = rows[~rows["told"]]

    def first(method):
        best = rows[rows["method"] == method].groupby(["strength", "seed"])["test_4_0"].max()
        return [interval(100 * g).below(5) for _, g in best.groupby("strength")]

    assert all(first("elastic")) and not any(first("replay"))
