"""The space, the network, the table and the searches: definitions, parity, and claims that fall with their method."""

import random
from collections import Counter, deque

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom, ks_2samp
from torch import nn

from mldev.experiments import interval
from mldev.techniques import nas, nas_search
from mldev.techniques import nas_network as network
from mldev.techniques import nas_noise as noise
from mldev.techniques import nas_space as space
from mldev.techniques.nas_studies import BUDGET, load_table

GENOTYPES = st.tuples(*[st.sampled_from(space.OPERATIONS)] * len(space.EDGES))


def plain_cell(genotype, modules, x):
    """The six edges as they are written, with nothing removed: what the genotype means."""
    nodes = [x] + [torch.zeros_like(x) for _ in range(space.OUTPUT)]
    for (start, end), op, module in zip(space.EDGES, genotype, modules, strict=True):
        if op == "skip":
            nodes[end] = nodes[end] + nodes[start]
        elif op != "none":
            nodes[end] = nodes[end] + module(nodes[start])
    return nodes[-1]


@settings(max_examples=60, deadline=None)
@given(genotype=GENOTYPES, seed=st.integers(0, 1000))
def test_a_graph_computes_what_its_genotype_says(genotype, seed):
    """One linear map per operation: then the canonical graph must give the same sum of products, edge for edge."""
    generator = torch.Generator().manual_seed(seed)
    matrices = {op: torch.randn(3, 3, dtype=torch.double, generator=generator) for op in ("conv1x1", "conv3x3")}
    modules = [(lambda x, m=matrices[op]: torch.tanh(x @ m)) if op in matrices else None for op in genotype]
    x = torch.randn(5, 3, dtype=torch.double, generator=generator)
    graph = space.canonical(genotype)
    nodes = {0: x}
    for node in (1, 2, 3):
        entering = [
            nodes[start] if op == "skip" else torch.tanh(nodes[start] @ matrices[op])
            for start, end, op in graph
            if end == node
        ]
        if entering:
            nodes[node] = sum(entering)
    ours = nodes.get(3, torch.zeros_like(x))
    assert torch.allclose(ours, plain_cell(genotype, modules, x), atol=1e-10)


def test_the_space_is_what_the_page_says():
    graphs = space.architectures()
    assert len(graphs) == len(set(graphs)) == 302
    assert all(space.num_convolutions(graph) <= 3 for graph in graphs)
    assert all(start < end for graph in graphs for start, end, _ in graph)
    words = space.genotypes_of()
    assert sum(len(group) for group in words.values()) == sum(map(space.allowed, space.all_genotypes()))


def test_names_tell_architectures_apart():
    assert len({space.describe(graph) for graph in space.architectures()}) == 302


@pytest.mark.parametrize("genotype", [("none",) * 5, ("none",) * 5 + ("pool",), ()])
def test_a_bad_genotype_is_refused(genotype):
    with pytest.raises(ValueError, match="genotype: .*expected 6 of none, skip"):
        space.canonical(genotype)


def test_mutation_changes_one_edge_and_the_graph():
    rng = np.random.default_rng(0)
    for _ in range(200):
        parent = space.random_genotype(rng)
        child = space.mutate(parent, rng)
        assert sum(a != b for a, b in zip(parent, child, strict=True)) == 1
        assert space.canonical(child) != space.canonical(parent) and space.allowed(child)


def test_random_genotypes_are_uniform_over_architectures():
    rng = np.random.default_rng(0)
    drawn = Counter(space.canonical(space.random_genotype(rng)) for _ in range(302 * 20))
    statistic = sum((drawn[graph] - 20) ** 2 / 20 for graph in space.architectures())
    assert 200 < statistic < 420  # chi-squared with 301 degrees of freedom


# --- the network ---


def small_data():
    data = network.load_data()
    return network.Data(*(part[:200] for part in (
        data.X_train, data.y_train, data.X_valid, data.y_valid, data.X_test, data.y_test,
    )))  # fmt: skip


@pytest.mark.parity
def test_side_by_side_equals_alone(record_property):
    graph = ((0, 1, "conv3x3"), (0, 3, "skip"), (1, 3, "conv1x1"))
    data = small_data()
    together = network.train(graph, [0, 1, 2], data, num_epochs=2)
    worst = 0.0
    with torch.no_grad():
        outputs = together(data.X_valid.expand(-1, 3, -1, -1))
    for i in range(3):
        alone = network.train(graph, [i], data, num_epochs=2)
        with torch.no_grad():
            worst = max(worst, float((alone(data.X_valid)[:, 0] - outputs[:, i]).abs().max()))
    record_property("parity", {
        "algorithm": "Networks trained side by side as groups of channels", "library": "torch, one network at a time",
        "version": str(torch.__version__), "tolerance": 1e-3, "difference": worst, "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-3


@pytest.mark.parity
def test_parameters_and_multiplications_equal_a_plain_torch_network(record_property):
    """The network rebuilt from torch's own layers: same outputs, same count of parameters, same multiplications."""
    graph = ((0, 1, "conv3x3"), (1, 2, "conv1x1"), (2, 3, "conv3x3"))
    torch.manual_seed(0)
    ours = network.Network(graph).eval()
    channels = network.CHANNELS
    stem = nn.Conv2d(1, channels, 3, 2, 1, bias=False)
    convs = [nn.Conv2d(channels, channels, k, padding=k // 2, bias=False) for k in (3, 1, 3)]
    norms = [nn.BatchNorm2d(channels) for _ in range(5)]
    head = nn.Linear(4 * channels, 10)
    layers = [stem, norms[0]]
    for conv, norm in zip(convs, norms[1:4], strict=True):
        layers += [nn.ReLU(), conv, norm]
    theirs = nn.Sequential(*layers, norms[4], nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), head).eval()
    with torch.no_grad():
        for conv, block in zip(convs, ours.cells[0].operations, strict=True):
            conv.weight.copy_(block[1].weight)
        stem.weight.copy_(ours.stem[0].weight)
        head.weight.copy_(ours.head[0])
        head.bias.copy_(ours.bias[0])
        X = network.load_data().X_train[:50]
        worst = float((ours(X)[:, 0] - theirs(X)).abs().max())
    count = sum(p.numel() for p in theirs.parameters())
    assert network.num_parameters(graph) == count
    places = [49, 49, 49, 49]
    products = sum(c.weight.numel() * n for c, n in zip([stem, *convs], places, strict=True)) + head.weight.numel()
    assert network.multiply_adds(graph) == products
    record_property("parity", {
        "algorithm": "Network built from a graph: outputs and number of parameters", "library": "torch.nn.Sequential",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": worst, "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


def test_bad_operation_and_bad_split_are_refused():
    with pytest.raises(ValueError, match="operation: 'pool'; allowed: skip, conv1x1, conv3x3"):
        network.operation("pool", 8)
    with pytest.raises(ValueError, match="num_train, num_valid: 4000, 1000"):
        network.load_data(4000, 1000)


def test_data_parts_do_not_overlap():
    data = network.load_data()
    parts = [{image.numpy().tobytes() for image in part} for part in (data.X_train, data.X_valid, data.X_test)]
    assert [len(data.y_train), len(data.y_valid), len(data.y_test)] == [1000, 2000, 2000]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


# --- noise ---


def test_ceiling_recovers_a_known_reliability():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    scores = truth[:, None] + rng.normal(scale=1.5, size=(20_000, 6))
    assert noise.ceiling(scores) == pytest.approx(noise.spearman(scores.mean(1), truth), abs=0.01)
    assert noise.noise_std(scores) == pytest.approx(1.5, abs=0.02)


def test_choices_without_noise_take_the_best_tried():
    accuracy = np.arange(10) / 10
    chosen = noise.choices(accuracy, 0.0, num_trainings=10, seeds_each=1, num_runs=50)
    assert (chosen == 9).all()
    with pytest.raises(ValueError, match="try 11 architectures; between 1 and 10"):
        noise.choices(accuracy, 0.0, 11, 1)


def test_half_of_an_odd_number_of_seeds_is_refused():
    with pytest.raises(ValueError, match="scores: 5 seeds"):
        noise.split_half(np.zeros((4, 5)))


# --- searches ---


def reference_evolution(evaluate, budget, seed, population_size=20, sample_size=5):
    """Aging evolution written anew, with the standard library's generator and plain dictionaries."""
    chance = random.Random(seed)
    graphs, words = space.architectures(), space.genotypes_of()
    known, living = {}, deque()

    def score(word):
        graph = space.canonical(word)
        if graph not in known:
            known[graph] = evaluate(graph)
        return known[graph]

    while len(living) < population_size:
        word = chance.choice(words[chance.choice(graphs)])
        living.append({"word": word, "score": score(word)})
    while len(known) < budget:
        tournament = [chance.choice(living) for _ in range(sample_size)]
        parent = max(tournament, key=lambda member: member["score"])["word"]
        while True:
            child = list(parent)
            child[chance.randrange(6)] = chance.choice(space.OPERATIONS)
            if space.allowed(tuple(child)) and space.canonical(tuple(child)) != space.canonical(parent):
                break
        living.append({"word": tuple(child), "score": score(tuple(child))})
        living.popleft()
    return list(known)


@pytest.mark.parity
def test_evolution_is_distributed_like_a_reference(record_property):
    table = load_table()
    ours, _ = nas.run_searches(nas_search.regularised_evolution, table, 60, 200)
    theirs, _ = nas.run_searches(reference_evolution, table, 60, 200)
    result = ks_2samp(ours, theirs)
    record_property("parity", {
        "algorithm": "Regularised evolution: trainings to the top 1 %", "library": "an independent implementation",
        "version": "this book", "tolerance": 0.19, "difference": float(result.statistic), "kind": "distribution",
    })  # fmt: skip
    assert result.statistic < 0.19  # the 0.1 % critical value for 200 against 200


@pytest.mark.parity
def test_random_search_agrees_with_the_hypergeometric_formula(record_property):
    table = load_table()
    size, good = len(table.graphs), len(table.top())
    exact = nas_search.expected_random_evaluations(size, good, BUDGET)
    library = 1 + hypergeom.pmf(0, size, good, np.arange(1, BUDGET + 1)).sum()
    hits, _ = nas.run_searches(nas_search.random_search, table, BUDGET, 400)
    found = interval(hits, level=0.999)
    assert not found.above(exact) and not found.below(exact)
    record_property("parity", {
        "algorithm": "Expected trainings of random search to the top 1 %", "library": "scipy.stats.hypergeom",
        "version": __import__("scipy").__version__, "tolerance": 1e-9, "difference": float(abs(exact - library)),
        "kind": "numbers",
    })  # fmt: skip
    assert abs(exact - library) < 1e-9


def test_nothing_is_trained_twice_and_the_budget_holds():
    for search in (nas_search.random_search, nas_search.regularised_evolution, nas_search.tpe_search):
        calls = []
        trained = search(lambda graph, calls=calls: calls.append(graph) or float(len(graph)), 30, 0)
        assert calls == trained and len(set(trained)) == len(trained) <= 30


def test_a_search_is_the_same_for_the_same_seed():
    table = load_table()
    for search in (nas_search.random_search, nas_search.regularised_evolution):
        assert search(table.true_accuracy, 40, 3) == search(table.true_accuracy, 40, 3)
        assert search(table.true_accuracy, 40, 3) != search(table.true_accuracy, 40, 4)


def test_evaluations_and_regret_on_a_small_table():
    graphs = space.architectures()[:4]
    table = nas_search.Table(graphs, np.array([[0.1, 0.1], [0.9, 0.7], [0.6, 0.6], [0.2, 0.2]]))
    assert table.top(0.25) == {graphs[1]}
    trained = [graphs[0], graphs[2], graphs[1]]
    assert table.evaluations_to(table.top(0.25), trained, 4) == 3
    assert table.evaluations_to(table.top(0.25), trained[:2], 4) == 5
    true = table.true_accuracy
    np.testing.assert_allclose(table.regret(trained, true, true, 4), [0.7, 0.2, 0.0, 0.0])


def test_the_judge_never_uses_what_the_search_has_seen():
    scores = np.arange(12.0).reshape(2, 6)
    table = nas_search.Table(space.architectures()[:2], scores)
    for seed in range(20):
        looks = table.looks(seed)
        assert sorted(looks[0]) == list(scores[0]) and sorted(looks[1]) == list(scores[1])
        for i, graph in enumerate(table.graphs):
            assert table.one_training(seed)(graph) == looks[i, 0]
            assert table.judge(seed)(graph) == pytest.approx(looks[i, 3:].mean())


def final_gain():
    table = load_table()
    with_final = nas.finals(nas_search.regularised_evolution, table, 100)
    _, curves = nas.run_searches(nas_search.regularised_evolution, table, 80, 100)
    return interval(with_final - (table.mean.max() - curves[:, -1]))


def test_claim_of_the_final_needs_second_looks(monkeypatch):
    assert final_gain().above(0)
    looks = nas_search.Table.looks

    def one_look(self, seed):
        seen = looks(self, seed).copy()
        seen[:, 1:3] = seen[:, :1]  # the second looks only repeat the first
        return seen

    monkeypatch.setattr(nas_search.Table, "looks", one_look)
    assert not final_gain().above(0)


def evolution_with_final_gain(search):
    table = load_table()
    random_finals = nas.finals(nas_search.random_search, table, 400)
    return interval(nas.finals(search, table, 400) - random_finals)


def test_claim_of_evolution_with_final_fails_for_random_search():
    def other_random_search(evaluate, budget, seed):
        return nas_search.random_search(evaluate, budget, seed + 1000)

    assert evolution_with_final_gain(nas_search.regularised_evolution).above(0)
    assert not evolution_with_final_gain(other_random_search).above(0)


def evolution_claim(search=nas_search.regularised_evolution):
    table = load_table()
    hits, _ = nas.run_searches(search, table, BUDGET, 100)
    exact = nas_search.expected_random_evaluations(len(table.graphs), len(table.top()), BUDGET)
    return interval(exact - hits).above(0)


def test_claim_of_evolution_needs_selection(monkeypatch):
    assert evolution_claim()
    monkeypatch.setattr(nas_search, "mutate", lambda parent, rng: space.random_genotype(rng))
    assert not evolution_claim()


def test_claim_of_evolution_fails_for_random_search():
    assert not evolution_claim(nas_search.random_search)


def test_the_front_holds_what_nothing_dominates():
    sizes, scores = np.array([3, 1, 2, 2, 4]), np.array([0.5, 0.2, 0.6, 0.4, 0.6])
    assert nas.front(sizes, scores).tolist() == [1, 2]


def test_optuna_says_which_cells_it_may_not_train():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trained = nas_search.tpe_search(lambda graph: float(len(graph)), 25, 1)
    assert all(space.num_convolutions(graph) <= 3 for graph in trained)
