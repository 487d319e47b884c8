"""Proxies and supernets: definitions, parity with torch, and claims that fall with their method."""

import numpy as np
import pytest
import torch
from torch import nn

from mldev.experiments import paired_difference
from mldev.techniques import nas, nas_search
from mldev.techniques import nas_network as network
from mldev.techniques import nas_noise as noise
from mldev.techniques import nas_proxies as proxies
from mldev.techniques import nas_space as space
from mldev.techniques import nas_studies as studies
from mldev.techniques import nas_supernet as supernet

DEEP = ((0, 1, "conv3x3"), (0, 3, "conv1x1"), (1, 2, "conv1x1"), (2, 3, "skip"), (2, 3, "skip"))


def batch(num=32):
    data = network.load_data()
    return data.X_train[:num], data.y_train[:num]


@pytest.mark.parity
def test_synflow_keeps_its_identities(record_property):
    """Conservation: stem and head each carry all of R. Euler: the terms sum to the slope of R along the weights."""
    X, _ = batch()
    terms = proxies.synflow_terms(proxies.untrained(DEEP, 0), X)
    total = float(terms["R"])
    flows = {name: float(term.sum()) for name, term in terms.items() if name != "R"}
    assert flows["stem.0.weight"] == pytest.approx(total, rel=1e-10)
    assert flows["head"] == pytest.approx(total, rel=1e-10)

    def scaled(factor):
        net = proxies.untrained(DEEP, 0).double()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.forward = lambda x: x
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                parameter.copy_(parameter.abs() * factor * (name != "bias"))
            return float(net(torch.ones_like(X[:1], dtype=torch.double)).sum())

    step = 1e-5
    slope = (scaled(1 + step) - scaled(1 - step)) / (2 * step)
    difference = float(abs(slope - sum(flows.values())) / slope)
    record_property("parity", {
        "algorithm": "Synflow: summed terms against the slope of R along the weights", "library": "torch",
        "version": str(torch.__version__), "tolerance": 1e-8, "difference": difference, "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-8


def test_gradient_norm_equals_torch():
    X, y = batch()
    net = proxies.untrained(DEEP, 0)
    ours = proxies.gradient_norm(net, X, y)
    net = proxies.untrained(DEEP, 0)
    nn.functional.cross_entropy(net(X)[:, 0], y).backward()
    theirs = nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None])
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_code_kernel_counts_agreements():
    codes = torch.tensor(np.random.default_rng(0).integers(0, 2, (6, 40))).double()
    counted = [[(a == b).sum() for b in codes] for a in codes]
    assert torch.equal(proxies.code_kernel(codes), torch.tensor(counted).double())


def test_an_unknown_proxy_is_refused():
    with pytest.raises(KeyError, match="proxy 'jacobian' is unknown; there are parameters"):
        proxies.proxy_scores("jacobian", space.architectures(), *batch())


@pytest.mark.parity
def test_one_hot_mixture_equals_the_discrete_network(record_property):
    """With one-hot weights the supernet is the architecture: same outputs as its own network with the same weights."""
    X, _ = batch()
    net, worst = supernet.Supernet(0), 0.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        word = space.random_genotype(rng)
        alone = network.Network(tuple(
            (start, end, op) for (start, end), op in zip(space.EDGES, word, strict=True) if op != "none"
        )).train()  # fmt: skip
        with torch.no_grad():
            alone.stem.load_state_dict(net.stem.state_dict(), strict=False)
            alone.head.copy_(net.head)
            alone.bias.copy_(net.bias)
        kept = [net.cells[0].edges[i][op] for i, op in enumerate(word) if op != "none"]
        alone.cells[0].operations = nn.ModuleList(kept)
        alone.cells[0].forward = lambda x, cell=alone.cells[0]: with_dead_ends(cell, x)
        with torch.no_grad():
            worst = max(worst, float((alone(X)[:, 0] - net.run(supernet.one_hot(word), X)).abs().max()))
    record_property("parity", {
        "algorithm": "Mixed operation with one-hot weights", "library": "torch, the discrete network",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": worst, "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


def with_dead_ends(cell, x):
    """A cell as it is written: a node that nothing enters holds zeros, and hands them on."""
    nodes = [x] + [torch.zeros_like(x) for _ in range(3)]
    for (start, end, _), op in zip(cell.graph, cell.operations, strict=True):
        nodes[end] = nodes[end] + op(nodes[start])
    return nodes[-1]


def test_slopes_reach_the_mixture():
    X, y = batch()
    net = supernet.Supernet(0)
    logits = torch.zeros(6, 4, requires_grad=True)
    nn.functional.cross_entropy(net.run(logits.softmax(1), X), y).backward()
    assert (logits.grad.abs().sum(1) > 0).all()


def test_slope_scores_agree_with_brute_force():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    scores = supernet.slope_scores(logits)
    weights = logits.softmax(1).numpy()
    best = max(
        (word for word in space.all_genotypes() if space.allowed(word)),
        key=lambda word: np.prod([weights[i, space.OPERATIONS.index(op)] for i, op in enumerate(word)]),
    )
    assert space.architectures()[scores.argmax()] == space.canonical(best)


def test_costs_count_what_is_run():
    graph = space.architectures()[-1]
    assert supernet.training_cost(graph, 1000, 4, 2000) == network.multiply_adds(graph) * 14_000
    everything = sum(9 + 1 for _ in space.EDGES) * 64 * 49 + 9 * 8 * 49 + 320
    assert supernet.slopes_cost(1) == everything * 2 * 3 * 50
    assert supernet.paths_cost(0, 100) == pytest.approx(
        100 * sum(network.multiply_adds(g) for g in space.architectures())
    )


def test_bad_contender_is_refused():
    with pytest.raises(ValueError, match="kind: 'expert'; allowed: evolution"):
        studies.contender("expert", 0)


def correlation_above_zero(scores):
    return noise.over_architectures(noise.kendall, scores, studies.load_table().mean, num_resamples=300).above(0.3)


def test_claim_of_the_proxy_falls_when_its_scores_are_shuffled():
    scores = proxies.proxy_scores("synflow", space.architectures(), *batch(8))
    assert correlation_above_zero(scores)
    assert not correlation_above_zero(np.random.default_rng(0).permutation(scores))


def supernet_ranks(num_steps):
    data = network.load_data()
    scores = supernet.path_scores(supernet.train_paths(data, num_steps, 0), data, 100)
    return noise.over_architectures(noise.spearman, scores, studies.load_table().mean, num_resamples=300).above(0)


def test_claim_of_the_supernet_falls_with_untrained_weights():
    assert supernet_ranks(160)
    assert not supernet_ranks(0)


def test_claim_of_the_found_cell_falls_with_a_random_cell():
    final = studies.STUDIES["final"].rows().pivot(index="seed", columns="kind", values="test")
    assert paired_difference(final["evolution"], final["random cell"]).above(0)
    other = np.random.default_rng(0).permutation(final["random cell"].to_numpy())
    assert not paired_difference(other, final["random cell"]).above(0)


def test_found_cells_come_from_the_search_that_names_them(monkeypatch):
    """The contender of evolution is what evolution with a final hands over; swapped for one draw, it is another."""
    before = [studies.contender("evolution", seed) for seed in range(5)]
    monkeypatch.setattr(studies, "regularised_evolution", lambda evaluate, budget, seed: (
        nas_search.random_search(evaluate, 10, seed + 50)
    ))  # fmt: skip
    after = [studies.contender("evolution", seed) for seed in range(5)]
    table = studies.load_table()
    assert np.mean([table.true_accuracy(g) for g in before]) > np.mean([table.true_accuracy(g) for g in after])


def test_correlation_within_groups_ignores_what_differs_between_them():
    group = np.repeat([0, 1, 2], 50)
    rng = np.random.default_rng(0)
    scores, accuracy = group + 0.1 * rng.random(150), group + 0.1 * rng.random(150)
    assert noise.spearman(scores, accuracy) > 0.8
    assert abs(nas.correlation_within(noise.spearman, scores, accuracy, group)) < 0.25
    assert nas.correlation_within(noise.spearman, accuracy, accuracy, group) == pytest.approx(1)
