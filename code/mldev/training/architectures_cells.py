"""Recurrent cells in plain tensor operations: the plain one, GRU and LSTM, and how far back their gradients reach.

Chapter *Architectures*. The weights have the names and shapes of `torch.nn`'s layers, so that they can be exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]  # W (n·H, F), U (n·H, H), b and c (n·H,)


def rnn_cell(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    """One step of the plain cell: x is (B, F), h (B, H)."""
    return torch.tanh(x @ w["W"].T + w["b"] + h @ w["U"].T + w["c"])


def lstm_cell(
    x: Tensor, state: tuple[Tensor, Tensor], w: Weights
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: the state is what it shows, h (B, H), and what it keeps, c (B, H)."""
    h, c = state
    parts = x @ w["W"].T + w["b"] + h @ w["U"].T + w["c"]  # (B, 4H)
    i, f, g, o = parts.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_cell(x: Tensor, h: Tensor, w: Weights) -> Tensor:
    """One step of a GRU: the gate z says how much of the old state stays, r how much of it is looked at."""
    from_x, from_h = x @ w["W"].T + w["b"], h @ w["U"].T + w["c"]  # (B, 3H) each
    (r_x, z_x, n_x), (r_h, z_h, n_h) = from_x.chunk(3, dim=1), from_h.chunk(3, dim=1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    return z * h + (1 - z) * torch.tanh(n_x + r * n_h)


def run(kind: str, x: Tensor, w: Weights) -> Tensor:
    """All states of a cell that reads x (B, T, F), from a state of zeros: (B, T, H)."""
    if kind not in CELLS:
        raise ValueError(f"kind: expected one of {', '.join(CELLS)}, got {kind!r}")
    h = x.new_zeros(len(x), w["U"].shape[1])
    state = (h, torch.zeros_like(h)) if kind == "LSTM" else h
    states = []
    for step in x.unbind(dim=1):
        state = CELLS[kind](step, state, w)
        states.append(state[0] if kind == "LSTM" else state)
    return torch.stack(states, dim=1)


CELLS = {"RNN": rnn_cell, "GRU": gru_cell, "LSTM": lstm_cell}
LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


def weights_of(layer: nn.RNNBase) -> dict[str, Tensor]:
    """The weights of a `torch.nn` layer under the names of this module."""
    return {
        "W": layer.weight_ih_l0,
        "U": layer.weight_hh_l0,
        "b": layer.bias_ih_l0,
        "c": layer.bias_hh_l0,
    }


def keep_gate(layer: nn.RNNBase, bias: float) -> None:
    """Let a gated layer begin by keeping its state: the gate that decides it gets this bias.

    It is the second of four blocks in an LSTM (f) and the second of three in a GRU (z); a plain cell has none.
    """
    if isinstance(layer, nn.RNN):
        return
    rows = slice(layer.hidden_size, 2 * layer.hidden_size)
    with torch.no_grad():
        layer.bias_ih_l0[rows] = bias
        layer.bias_hh_l0[rows] = 0


def reach(layer: nn.RNNBase, x: Tensor) -> Tensor:
    """The size of the gradient of the last state with respect to each step's input: (T,), mean over the rows."""
    x = x.clone().requires_grad_(True)
    last = layer(x)[0][:, -1]  # (B, H)
    direction = torch.randn(last.shape, generator=torch.Generator().manual_seed(0))
    (last * direction).sum().backward()
    return x.grad.norm(dim=2).mean(dim=0)
