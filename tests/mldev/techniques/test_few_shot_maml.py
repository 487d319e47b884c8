"""MAML: its gradients against explicit autograd and finite differences, and what meta-training adds."""

import numpy as np
import pytest
import torch
from torch.func import vmap

from mldev.experiments import paired_difference
from mldev.techniques import few_shot_maml as maml
from mldev.techniques.few_shot_baselines import accuracies
from mldev.techniques.few_shot_episodes import characters_of, draw_episodes
from mldev.techniques.few_shot_network import encoder

RATE = 0.05


@pytest.fixture(scope="module")
def task():
    """Double-precision weights and one 3-way 2-shot episode."""
    pool = characters_of(("Hebrew",), 6)
    support, query = draw_episodes(pool, 1, 3, 2, 2, seed=0).of(pool.images.double())
    meta = {name: w.detach().double() for name, w in encoder(1).named_parameters()}
    return meta, support[0], query[0]


def by_hand(meta, support, query, num_steps, second_order):
    """Two plain calls of autograd: one makes each inner step, the other goes back through them all."""
    begin = {name: w.clone().requires_grad_() for name, w in meta.items()}
    last = torch.zeros(len(support), 512, dtype=torch.float64, requires_grad=True)
    now = {**begin, "last": last}
    for _ in range(num_steps):
        slope = torch.autograd.grad(
            maml.loss(now, *maml.labelled(support)), list(now.values()), create_graph=second_order
        )
        now = {name: w - RATE * s for (name, w), s in zip(now.items(), slope, strict=True)}
    slope = torch.autograd.grad(maml.loss(now, *maml.labelled(query)), list(begin.values()))
    return dict(zip(begin, slope, strict=True))


def farthest(a, b):
    return max(float((a[name] - b[name]).abs().max()) for name in b)


@pytest.mark.parity
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_equal_explicit_autograd(task, order, record_property):
    gradient = {1: maml.first_order, 2: maml.second_order}[order]
    difference = max(
        farthest(gradient(*task, num_steps=n, rate=RATE), by_hand(*task, n, order == 2)) for n in (1, 2, 4)
    )
    record_property("parity", {
        "algorithm": f"MAML, gradient of order {order} by torch.func", "library": "torch.autograd",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-6


def test_second_order_equals_finite_differences(task):
    meta, support, query = task
    slope = maml.second_order(meta, support, query, num_steps=2, rate=RATE)
    rng = torch.Generator().manual_seed(0)
    for _ in range(4):
        way = {name: torch.randn(w.shape, generator=rng, dtype=w.dtype) for name, w in meta.items()}
        ahead, behind = (
            maml.query_loss({n: w + sign * 1e-6 * way[n] for n, w in meta.items()}, support, query, 2, RATE)
            for sign in (1, -1)
        )
        expected = sum(float((slope[name] * way[name]).sum()) for name in meta)
        assert float(ahead - behind) / 2e-6 == pytest.approx(expected, abs=1e-6, rel=1e-5)


def test_first_order_is_another_gradient(task):
    first, second = (g(*task, num_steps=2, rate=RATE) for g in (maml.first_order, maml.second_order))
    assert farthest(first, second) > 1e-4
    still = (g(*task, num_steps=2, rate=0.0) for g in (maml.first_order, maml.second_order))
    assert farthest(*still) < 1e-12  # without inner steps there is nothing to ignore


def test_a_batch_of_tasks_is_each_task(task):
    meta, support, query = task
    batch = (torch.stack([support, query]), torch.stack([query, support]))
    both = vmap(lambda s, q: maml.second_order(meta, s, q, 2, RATE))(*batch)
    for place, pair in enumerate([(support, query), (query, support)]):
        alone = maml.second_order(meta, *pair, 2, RATE)
        assert farthest({name: w[place] for name, w in both.items()}, alone) < 1e-10


def test_the_first_step_moves_only_the_last_layer(task):
    meta, support, _ = task
    adapted = maml.adapt(maml.start(meta, 3), *maml.labelled(support), num_steps=1, rate=RATE)
    assert all(torch.equal(adapted[name], meta[name]) for name in meta)
    features = maml.functional_call(maml.MODEL, meta, (support.flatten(0, 1),)).unflatten(0, (3, 2))
    means = features.mean(1)
    assert torch.allclose(adapted["last"], RATE / 3 * (means - means.mean(0)), atol=1e-12)
    further = maml.adapt(maml.start(meta, 3), *maml.labelled(support), num_steps=2, rate=RATE)
    assert not torch.equal(further["0.weight"], meta["0.weight"])


def test_labels_follow_the_classes():
    images, labels = maml.labelled(torch.arange(6.0).reshape(3, 2, 1, 1, 1))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2] and images.flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_passes_are_what_autograd_does(monkeypatch, task):
    """The first order's count is the number of images that go through the network with a gradient."""
    meta, *_ = task
    seen = []
    plain = maml.scores
    monkeypatch.setattr(maml, "scores", lambda w, images: seen.append(len(images)) or plain(w, images))
    support = torch.zeros(maml.WAYS, maml.SHOTS, 1, 28, 28, dtype=torch.float64)
    query = torch.zeros(maml.WAYS, maml.QUERIES, 1, 28, 28, dtype=torch.float64)
    maml.first_order(meta, support, query, num_steps=3, rate=RATE)
    assert sum(seen) == maml.image_passes(order=1, num_steps=3)
    assert maml.image_passes(2, 3) - maml.image_passes(1, 3) == 3 * maml.WAYS * maml.SHOTS


def test_bad_order_is_named():
    with pytest.raises(ValueError, match="order 3"):
        maml.train_maml(characters_of(("Hebrew",), 6), seed=0, order=3)


def test_meta_training_is_what_helps():
    """The claim of the page holds after meta-training, and fails from the initial weights."""
    pool, other = characters_of(("Cyrillic",), 12), characters_of(("Hebrew", "Lao"), 11)
    model = maml.train_maml(pool, seed=0, num_episodes=160, learning_rate=0.01)
    asked = draw_episodes(other, 60, 5, 1, 10, seed=1)
    scores = [accuracies(maml.predict_adapted(m, other.images, asked)) for m in (model, encoder(0), encoder(0))]
    assert paired_difference(scores[0], scores[1]).above(0)
    assert not paired_difference(scores[2], scores[1]).above(0)


def test_answers_do_not_depend_on_the_chunk():
    pool = characters_of(("Hebrew",), 6)
    asked = draw_episodes(pool, 5, 3, 1, 2, seed=0)
    one, all_ = (maml.predict_adapted(encoder(0), pool.images, asked, chunk_size=n) for n in (1, 5))
    assert one.shape == asked.query.shape and np.array_equal(one, all_)
