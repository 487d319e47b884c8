"""Convolution and recurrent cells by hand against `torch.nn`; the count of multiplications; the chart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mldev.training import architectures_cells as cells
from mldev.training import architectures_convolution as convolution
from mldev.training.architectures_convolution import Slide, conv2d
from mldev.training.architectures_pictures import KERNELS, MARGIN, kernel_chart, kernel_tables
from mldev.training.architectures_training import accuracy, descend, outputs, width_for


def parity(record_property, algorithm, difference):
    record_property("parity", {
        "algorithm": algorithm, "library": "PyTorch", "version": torch.__version__.split("+")[0],
        "tolerance": 1e-6, "difference": float(difference), "kind": "numbers",
    })  # fmt: skip
    assert difference < 1e-6


def largest(ours, theirs):
    return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))


def of_values(run, *tensors):
    """What a function gives, and its gradients, where the output is weighted unevenly."""
    fresh = [t.detach().clone().requires_grad_(True) for t in tensors]
    out = run(*fresh)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    (out * weights).sum().backward()
    return [out.detach(), *(t.grad for t in fresh)]


@pytest.mark.parity
def test_convolution_equals_torch(record_property):
    """Forward, and the gradients with respect to images, kernels and biases."""
    rng, worst = torch.Generator().manual_seed(0), 0.0
    for stride in (1, 2, 3):
        for padding in (0, 1, 2):
            for dilation in (1, 2):
                x = torch.randn(2, 3, 11, 13, generator=rng, dtype=torch.float64)
                w = torch.randn(4, 3, 3, 3, generator=rng, dtype=torch.float64)
                b = torch.randn(4, generator=rng, dtype=torch.float64)
                how = {"stride": stride, "padding": padding, "dilation": dilation}
                ours = of_values(lambda *a, how=how: conv2d(*a, **how), x, w, b)
                theirs = of_values(lambda *a, how=how: nn.functional.conv2d(*a, **how), x, w, b)
                worst = max(worst, largest(ours, theirs))
    parity(record_property, "Convolution with stride, padding, dilation; forward and gradients", worst)


@pytest.mark.parity
@pytest.mark.parametrize("kind", list(cells.CELLS))
def test_cells_equal_torch(kind, record_property):
    """All states, and the gradients with respect to the inputs and all weights."""
    torch.manual_seed(1)
    layer = cells.LAYERS[kind](5, 7, batch_first=True).double()
    x = torch.randn(3, 9, 5, dtype=torch.float64)
    names = list(cells.weights_of(layer))
    weights = list(cells.weights_of(layer).values())

    def ours(x, *weights):
        return cells.run(kind, x, dict(zip(names, weights, strict=True)))

    def theirs(x, *weights):
        inside = dict(zip((n for n, _ in layer.named_parameters()), weights, strict=True))
        return torch.func.functional_call(layer, inside, (x,))[0]

    difference = largest(of_values(ours, x, *weights), of_values(theirs, x, *weights))
    parity(record_property, f"{kind} cell over a sequence; forward and gradients", difference)


def test_a_wrong_gate_order_is_noticed():
    """The parity test can fail: an LSTM whose gates i and f are exchanged is another function."""
    torch.manual_seed(1)
    layer = nn.LSTM(5, 7, batch_first=True)
    w = {name: t.detach() for name, t in cells.weights_of(layer).items()}
    swapped = {n: torch.cat([t[7:14], t[:7], t[14:]]) for n, t in w.items()}
    x = torch.randn(3, 9, 5)
    with torch.no_grad():
        right = layer(x)[0]
    assert torch.allclose(cells.run("LSTM", x, w), right, atol=1e-6)
    assert not torch.allclose(cells.run("LSTM", x, swapped), right, atol=1e-2)


@given(st.integers(5, 30), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_map_size_is_the_size_of_the_map(size, kernel, stride, padding, dilation):
    expected = convolution.map_size(size, kernel, stride, padding, dilation)
    x, w, b = torch.zeros(1, 1, size, size), torch.zeros(1, 1, kernel, kernel), torch.zeros(1)
    if convolution.map_size(size, kernel, 1, padding, dilation) < 1:
        with pytest.raises(ValueError, match="does not fit"):
            conv2d(x, w, b, stride, padding, dilation)
    else:
        assert conv2d(x, w, b, stride, padding, dilation).shape[2:] == (expected, expected)


LAYERS = st.builds(Slide, st.integers(1, 4), st.integers(1, 2), st.integers(1, 2))


@given(st.lists(LAYERS, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_receptive_field_is_what_the_gradient_reaches(layers):
    assert convolution.receptive_field(layers) == convolution.field_by_gradient(layers)


@pytest.mark.parametrize(
    "wrong, word",
    [({"stride": 0}, "stride"), ({"padding": -1}, "padding"), ({"dilation": 0}, "dilation"), ({"dilation": 9}, "fit")],
)
def test_bad_convolutions_are_named(wrong, word):
    with pytest.raises(ValueError, match=word):
        conv2d(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 3, 3), torch.zeros(1), **wrong)


def test_channels_must_agree():
    with pytest.raises(ValueError, match="same C"):
        conv2d(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 3, 3), torch.zeros(1))


def test_convolution_moves_with_the_image_and_a_dense_layer_does_not():
    torch.manual_seed(0)
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 5:9, 6:10] = torch.rand(4, 4)
    moved = convolution.shifted(image, 3, -2)
    kernel, bias = torch.randn(2, 1, 3, 3), torch.zeros(2)
    maps, after = (conv2d(x, kernel, bias, padding=1) for x in (image, moved))
    assert torch.allclose(convolution.shifted(maps, 3, -2), after, atol=1e-6)
    layer = nn.Sequential(nn.Flatten(), nn.Linear(256, 256), nn.Unflatten(1, (1, 16, 16)))
    with torch.no_grad():
        assert not torch.allclose(convolution.shifted(layer(image), 3, -2), layer(moved), atol=1e-2)


def test_what_leaves_the_image_is_lost():
    ones = torch.ones(1, 1, 4, 4)
    assert convolution.shifted(ones, 1, -2).sum() == 3 * 2
    assert torch.equal(convolution.shifted(ones, 0, 0), ones)


def test_multiplications_are_those_of_the_flop_counter():
    model = nn.Sequential(nn.Conv2d(2, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 7))
    x = torch.zeros(1, 2, 12, 12)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert 2 * convolution.multiply_adds(model, x) == counter.get_total_flops()


def test_multiplications_of_a_recurrent_layer():
    for layer, blocks in ((nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)):
        found = convolution.multiply_adds(layer(5, 7, batch_first=True), torch.zeros(1, 11, 5))
        assert found == 11 * blocks * 7 * (5 + 7)


def test_keeping_is_a_matter_of_one_gate():
    x = torch.randn(8, 30, 5, generator=torch.Generator().manual_seed(0))
    for kind in ("LSTM", "GRU"):
        torch.manual_seed(0)
        layer = cells.LAYERS[kind](5, 16, batch_first=True)
        before = cells.reach(layer, x)
        cells.keep_gate(layer, 3.0)
        assert cells.reach(layer, x)[0] > 1000 * before[0]
    plain = nn.RNN(5, 16, batch_first=True)
    before = cells.reach(plain, x)
    cells.keep_gate(plain, 3.0)
    assert torch.equal(cells.reach(plain, x), before)


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match="'lstm'"):
        cells.run("lstm", torch.zeros(1, 2, 3), {})


def test_descent_finds_the_least_squares_line_and_repeats_itself():
    torch.manual_seed(0)
    x = torch.randn(50, 1)
    y = 3 * x + 1

    def fitted(seed):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        loss = nn.functional.mse_loss
        return descend(
            model, lambda rows: loss(model(x[rows]), y[rows]), 50,
            num_steps=300, learning_rate=0.1, batch_size=16, seed=seed,
        )  # fmt: skip

    first, same, other = fitted(1), fitted(1), fitted(2)
    assert first.weight.item() == pytest.approx(3, abs=0.01) and first.bias.item() == pytest.approx(1, abs=0.01)
    assert torch.equal(first.weight, same.weight) and not torch.equal(first.weight, other.weight)


def test_every_row_is_seen_once_in_an_epoch():
    seen = []
    model = nn.Linear(1, 1)

    def loss_of(rows):
        seen.append(rows)
        return model(torch.zeros(len(rows), 1)).sum()

    descend(model, loss_of, 12, num_steps=6, learning_rate=0.1, batch_size=4)
    for epoch in (seen[:3], seen[3:]):
        assert sorted(torch.cat(epoch).tolist()) == list(range(12))


def test_bad_descents_are_named():
    with pytest.raises(ValueError, match="num_rows"):
        descend(nn.Linear(1, 1), lambda rows: rows, 0, num_steps=1, learning_rate=0.1)


def test_answers_do_not_depend_on_the_size_of_batches():
    torch.manual_seed(0)
    model, x = nn.Linear(3, 4), torch.randn(10, 3)
    assert torch.allclose(outputs(model, x, batch_size=3), outputs(model, x, batch_size=10))
    assert accuracy(torch.eye(4), torch.tensor([0, 1, 2, 0])) == 0.75


def test_the_width_is_the_nearest():
    assert width_for(1000, lambda w: w * w) == 32


def test_the_chart_holds_what_a_convolution_gives():
    image = torch.rand(9, 9, generator=torch.Generator().manual_seed(0))
    pixels, places = kernel_tables(image)
    assert len(pixels) == (9 + 2 * MARGIN) ** 2
    name = "edges, top to bottom"
    weight = torch.tensor(KERNELS[name], dtype=torch.float32)[None, None]
    stride, padding, dilation = 2, 1, 2
    expected = conv2d(image[None, None], weight, torch.zeros(1), stride, padding, dilation)[0, 0]
    here = places[(places["kernel"] == name) & (places["apart"] == dilation)]
    y, x = (here["top"] + padding) / stride, (here["left"] + padding) / stride
    fits = convolution.map_size(9, 3, stride, padding, dilation)
    shown = here[(y >= 0) & (y < fits) & (y % 1 == 0) & (x >= 0) & (x < fits) & (x % 1 == 0)]
    assert np.allclose(shown["value"].to_numpy().reshape(fits, fits), expected.numpy(), atol=0.006)
    spec = str(kernel_chart(image).to_dict())
    assert all(word in spec for word in ("stride", "padding", "dilation"))
    with pytest.raises(ValueError, match="image"):
        kernel_tables(torch.zeros(1, 4, 4))
