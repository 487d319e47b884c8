"""The by-hand engine, the losses, SGD and the fleet: PyTorch's numbers, and clear errors."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mldev.training import neural_networks_engine as engine
from mldev.training import neural_networks_scalar as scalar
from mldev.training.neural_networks_engine import Value
from mldev.training.neural_networks_experiments import best_rate, digits, pick_rows, slipped, table
from mldev.training.neural_networks_fleet import ACTIVATIONS, STARTS, Fleet, cross_entropy, squared_after_softmax, train
from mldev.training.neural_networks_sgd import SGD

PAIRS = {
    "sigmoid": (Value.sigmoid, torch.sigmoid),
    "ReLU": (Value.relu, torch.relu),
    "leaky ReLU": (lambda z: z.relu(0.01), lambda z: nn.functional.leaky_relu(z, 0.01)),
    "tanh": (lambda z: 2 * (2 * z).sigmoid() - 1, torch.tanh),
}


def torch_twin(network):
    """The same numbers as tensors, layer by layer, in double precision."""
    as_tensor = {"dtype": torch.float64, "requires_grad": True}
    return [
        (
            torch.tensor([[w.data for w in row] for row in weights], **as_tensor),
            torch.tensor([b.data for b in biases], **as_tensor),
        )
        for weights, biases in network.layers
    ]


def torch_forward(layers, inputs, activation):
    signal = torch.tensor(inputs, dtype=torch.float64)
    for weights, biases in layers[:-1]:
        signal = activation(weights @ signal + biases)
    weights, biases = layers[-1]
    return weights @ signal + biases


def both_losses(kind, ours, theirs):
    if kind == "cross-entropy":
        return scalar.cross_entropy(ours, 1), nn.functional.cross_entropy(theirs, torch.tensor(1))
    if kind == "softmax and L2":
        aim = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
        by_hand = sum(scalar.squared(p, t) for p, t in zip(scalar.softmax(ours), aim.tolist(), strict=True))
        return by_hand, ((theirs.softmax(0) - aim) ** 2).sum()
    by_hand, library = {"L2": (scalar.squared, nn.MSELoss()), "L1": (scalar.absolute, nn.L1Loss())}[kind]
    return by_hand(ours[0], 0.3), library(theirs[0], torch.tensor(0.3, dtype=torch.float64))


def gradient_gap(network, kind, ours, theirs):
    """The largest difference between our gradients and PyTorch's, over all weights and biases."""
    layers, inputs = torch_twin(network), [0.4, -1.2]
    by_hand, library = both_losses(kind, network(inputs), torch_forward(layers, inputs, theirs))
    by_hand.backward()
    library.backward()
    gaps = [abs(by_hand.data - library.item())]
    for (weights, biases), (W, b) in zip(network.layers, layers, strict=True):
        W_grad = np.zeros(W.shape) if W.grad is None else W.grad.numpy()
        gaps.append(np.abs(np.array([[w.grad for w in row] for row in weights]) - W_grad).max())
        gaps.append(np.abs(np.array([v.grad for v in biases]) - b.grad.numpy()).max())
    return max(gaps)


def worst_gap():
    return max(
        gradient_gap(scalar.ScalarNetwork([2, 4, 4, 3], ours, np.random.default_rng(seed)), kind, ours, theirs)
        for ours, theirs in PAIRS.values()
        for kind in ("L1", "L2", "cross-entropy", "softmax and L2")
        for seed in range(5)
    )


@pytest.mark.parity
def test_gradients_equal_pytorch(record_property):
    worst = worst_gap()
    record_property("parity", {
        "algorithm": "Automatic differentiation: gradients of networks, losses and activations", "library": "torch",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


def test_a_wrong_slope_would_be_noticed(monkeypatch):
    monkeypatch.setattr(Value, "exp", lambda self: Value(np.exp(self.data), (self,), (1.0,)))
    assert worst_gap() > 1e-3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["add", "mul", "sub", "div", "sigmoid", "relu", "abs", "square"]), max_size=12),
       st.floats(-2, 2), st.floats(0.5, 2))  # fmt: skip
def test_random_programs_have_pytorchs_gradients(program, first, second):
    def run(a, b, sigmoid, relu):
        for name in program:
            two = {"add": lambda x, y: x + y, "mul": lambda x, y: x * y, "sub": lambda x, y: x - y}
            one = {"sigmoid": sigmoid, "relu": relu, "abs": abs, "square": lambda x: 0.1 * x**2}
            # a appears on both sides, so that paths meet
            a = two[name](a, b + a * 0.1) if name in two else a / (b * b + 1) if name == "div" else one[name](a)
        return a + b * 0

    ours = [Value(first), Value(second)]
    run(*ours, Value.sigmoid, Value.relu).backward()
    theirs = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (first, second)]
    run(*theirs, torch.sigmoid, torch.relu).backward()
    for mine, library in zip(ours, theirs, strict=True):
        assert mine.grad == pytest.approx(library.grad.item(), rel=1e-6, abs=1e-9)


def test_engine_has_under_a_hundred_lines():
    assert len(inspect.getsource(engine).splitlines()) < 100


def test_backward_twice_adds_up_as_in_pytorch():
    x = Value(3.0)
    y = x * x + x
    y.backward()
    y.backward()
    assert x.grad == 2 * 7.0


def test_a_long_chain_does_not_exhaust_the_stack():
    x = Value(0.0)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.backward()
    assert (y.data, x.grad) == (20_000.0, 1.0)


def test_sigmoid_and_softmax_do_not_overflow():
    assert Value(-1000).sigmoid().data == 0 and Value(1000).sigmoid().data == 1
    assert scalar.softmax([Value(1000), Value(0)])[0].data == 1


def sgd_gap(momentum_of_ours, momentum=0.9):
    torch.manual_seed(0)
    ours, theirs = (nn.Linear(5, 3).double() for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    mine = SGD(ours.parameters(), 0.05, momentum_of_ours)
    library = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=momentum)
    X, y = torch.randn(20, 5, dtype=torch.float64), torch.randint(3, (20,))
    gaps = []
    for _ in range(50):
        for model, optimizer in ((ours, mine), (theirs, library)):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(X), y).backward()
            optimizer.step()
        gaps += [(a - b).abs().max().item() for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)]
    return max(gaps)


@pytest.mark.parity
def test_sgd_equals_pytorch(record_property):
    worst = max(sgd_gap(m, m) for m in (0.0, 0.5, 0.9, 0.99))
    record_property("parity", {
        "algorithm": "SGD with momentum: weights after each of 50 steps", "library": "torch",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst < 1e-6


def test_sgd_without_momentum_is_another_method():
    assert sgd_gap(0.0) > 1e-3


@pytest.mark.parity
def test_a_fleet_trains_as_single_networks_do(record_property):
    task, seeds = digits([0, 1]), [0, 1]
    task = replace(task, X=task.X.double())
    fleet = Fleet([64, 16, 10], "ReLU", "He", seeds, dtype=torch.float64)
    singles = []
    for run in seeds:
        model = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).double()
        for layer, W, b in zip((model[0], model[2]), fleet.weights, fleet.biases, strict=True):
            layer.weight.data, layer.bias.data = W.detach()[run].T.clone(), b.detach()[run, 0].clone()
        singles.append(model)
    rates, momenta = (0.125, 0.0625), (0.875, 0.5)  # the same in single precision
    train(fleet, task.X, task.y, task.train, seeds, cross_entropy, learning_rate=rates, momentum=momenta, num_epochs=1)
    gaps = []
    for run, model in enumerate(singles):
        optimizer = torch.optim.SGD(model.parameters(), rates[run], momenta[run])
        order = torch.randperm(1000, generator=torch.Generator().manual_seed(run))
        for batch in task.train[run][order].split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(task.X[batch]), task.y[batch]).backward()
            optimizer.step()
        gaps.append((model(task.X[:50]) - fleet(task.X[:50])[run]).abs().max().item())
    record_property("parity", {
        "algorithm": "Networks trained side by side: outputs after 20 steps", "library": "torch",
        "version": str(torch.__version__), "tolerance": 1e-6, "difference": float(max(gaps)), "kind": "numbers",
    })  # fmt: skip
    assert max(gaps) < 1e-6


def test_losses_of_a_fleet_are_pytorchs():
    outputs, labels = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0)), torch.arange(21).view(3, 7) % 4
    by_library = [nn.functional.cross_entropy(o, y) for o, y in zip(outputs, labels, strict=True)]
    assert torch.allclose(cross_entropy(outputs, labels), torch.stack(by_library), atol=1e-6)
    aim = nn.functional.one_hot(labels, 4)
    by_library = ((outputs.softmax(2) - aim) ** 2).sum(2).mean(1)
    assert torch.allclose(squared_after_softmax(outputs, labels), by_library, atol=1e-6)


def test_pytorch_start_is_the_range_of_nn_linear():
    fleet, layer = Fleet([400, 300], "ReLU", "PyTorch", [0]), nn.Linear(400, 300)
    drawn = fleet.weights[0].detach()
    assert drawn.abs().max() <= 1 / 20 and drawn.abs().max() > 0.99 / 20
    assert drawn.std().item() == pytest.approx(layer.weight.std().item(), rel=0.02)


def test_only_the_start_of_nn_linear_draws_biases_and_its_weights_are_the_same():
    whole, weights_alone = (Fleet([400, 3000, 2], "ReLU", start, [7]) for start in ("nn.Linear", "PyTorch"))
    assert all(torch.equal(a, b) for a, b in zip(whole.weights, weights_alone.weights, strict=True))
    biases, layer = whole.biases[0].detach(), nn.Linear(400, 3000)
    assert not any(b.any() for b in weights_alone.biases)
    assert biases.abs().max() <= 1 / 20 and biases.abs().max() > 0.99 / 20
    assert biases.std().item() == pytest.approx(layer.bias.std().item(), rel=0.05)


def test_runs_do_not_depend_on_their_neighbours():
    alone, among = Fleet([4, 3, 2], "tanh", "He", [5]), Fleet([4, 3, 2], "tanh", "He", [1, 5, 9])
    assert all(torch.equal(a[0], b[1]) for a, b in zip(alone.weights, among.weights, strict=True))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fleet([2, 2], "swish", "He", [0]), ["activation 'swish'", *ACTIVATIONS]),
        (lambda: Fleet([2, 2], "tanh", "zeros", [0]), ["start 'zeros'", *STARTS]),
        (lambda: SGD([], -0.1), ["learning_rate", "-0.1"]),
        (lambda: SGD([], 0.1, 1.0), ["momentum", "[0, 1)", "1.0"]),
        (lambda: SGD([], torch.tensor([0.1, 0.0])), ["learning_rate", "got 0"]),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert all(word in str(error.value) for word in words)


def test_splits_do_not_overlap_and_only_known_targets_slip():
    task = table("diabetes", 250, 90, [0, 1])
    for run in range(2):
        rows = torch.cat([task.train[run], task.valid[run], task.test[run]])
        assert sorted(rows.tolist()) == list(range(len(task.y)))
        assert task.X[run][task.train[run]].mean().item() == pytest.approx(0, abs=1e-5)
    spoilt = slipped(task, 0.1)
    for run in range(2):
        changed = (spoilt.y[run] != task.y).nonzero()[:, 0]
        assert 15 < len(changed) < 60 and not set(changed.tolist()) & set(task.test[run].tolist())


def test_the_rate_is_chosen_on_validation_rows():
    valid, test = np.array([[0.1, np.nan], [0.9, 0.2]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    assert pick_rows(test, best_rate(valid)).tolist() == [3.0, 4.0]
