"""A question of memory: one symbol of a sequence is marked; which one was it, asked at the end?

Chapter *Architectures*. The sequences are synthetic and endless, so what is measured is learning, not overfitting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mldev.training.architectures_cells import LAYERS, keep_gate
from mldev.training.architectures_convolution import multiply_adds
from mldev.training.architectures_training import outputs, width_for

NUM_SYMBOLS, LENGTH = 8, 32
INPUTS = NUM_SYMBOLS + 1  # one for each symbol, and one for the mark
HIDDEN = 32  # of the LSTM; the others are as wide as makes their cost the same
KEEP = 2.0  # the bias of the gate that keeps: it begins at sigmoid(2) = 0.88
NUM_STEPS, BATCH_SIZE, NUM_JUDGED = 400, 64, 4000
LEARNING_RATES = (0.003, 0.01)
AGES = 4  # parts of the sequence, from the last to the first


@dataclass(frozen=True)
class Sequences:
    """Sequences (B, T, 9), the marked symbol of each, and how many steps before the end it stood."""

    inputs: Tensor
    symbols: Tensor
    ages: Tensor


def sequences(
    num_rows: int, generator: torch.Generator, length: int = LENGTH
) -> Sequences:
    """Draw symbols at random, and mark one of each sequence."""
    if num_rows < 1 or length < 1:
        raise ValueError(
            f"num_rows, length: expected at least 1, got {num_rows} and {length}"
        )
    symbols = torch.randint(NUM_SYMBOLS, (num_rows, length), generator=generator)
    place = torch.randint(length, (num_rows,), generator=generator)
    inputs = torch.zeros(num_rows, length, INPUTS)
    inputs.scatter_(2, symbols[:, :, None], 1.0)
    inputs[torch.arange(num_rows), place, NUM_SYMBOLS] = 1.0
    return Sequences(inputs, symbols[torch.arange(num_rows), place], length - 1 - place)


class Reader(nn.Module):
    """A recurrent layer reads the sequence; its last state names the symbol."""

    def __init__(self, kind: str, hidden: int, keep: float | None = None) -> None:
        super().__init__()
        self.layer = LAYERS[kind](INPUTS, hidden, batch_first=True)
        self.head = nn.Linear(hidden, NUM_SYMBOLS)
        if keep is not None:
            keep_gate(self.layer, keep)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, 9)
        return self.head(self.layer(x)[0][:, -1])  # (B, 8)


def width(kind: str) -> int:
    """How wide a network is that costs what the LSTM costs."""
    per_step = 4 * HIDDEN * (INPUTS + HIDDEN)
    if kind == "dense":
        steps = LENGTH * INPUTS
        return width_for(LENGTH * per_step, lambda w: (steps + w) * w + w * NUM_SYMBOLS)
    blocks = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    return width_for(per_step, lambda w: blocks * w * (INPUTS + w))


def dense() -> nn.Sequential:
    """The rival: it sees the whole sequence at once, with weights of their own for every step."""
    hidden = width("dense")
    return nn.Sequential(
        nn.Flatten(),  # (B, 288)
        nn.Linear(LENGTH * INPUTS, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, NUM_SYMBOLS),
    )


READERS = {
    "dense": dense,
    "RNN": lambda: Reader("RNN", width("RNN")),
    "GRU": lambda: Reader("GRU", width("GRU")),
    "LSTM": lambda: Reader("LSTM", width("LSTM")),
    "LSTM, keeping": lambda: Reader("LSTM", width("LSTM"), KEEP),
}


def build(reader: str, seed: int) -> nn.Module:
    """A reader with the start weights of a seed."""
    if reader not in READERS:
        raise ValueError(
            f"reader: expected one of {', '.join(READERS)}, got {reader!r}"
        )
    torch.manual_seed(seed)
    return READERS[reader]()


def cost(reader: str) -> int:
    """Multiplications for one sequence."""
    return multiply_adds(build(reader, 0), torch.zeros(1, LENGTH, INPUTS))


def train_reader(
    reader: str, seed: int, learning_rate: float, num_steps: int = NUM_STEPS
) -> nn.Module:
    """Train on sequences that are drawn as needed; gradients longer than 1 are shortened to 1."""
    model = build(reader, seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        batch = sequences(BATCH_SIZE, generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch.inputs), batch.symbols).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model


def judged(model: nn.Module, seed: int, length: int = LENGTH) -> Tensor:
    """Per new sequence: was the answer right, and how old was the marked symbol? (N, 2)."""
    asked = sequences(NUM_JUDGED, torch.Generator().manual_seed(seed), length)
    right = outputs(model, asked.inputs).argmax(dim=1) == asked.symbols
    return torch.stack([right.float(), asked.ages.float()], dim=1)


def memory_row(row: dict) -> dict:
    """One training of one reader: right answers on validation sequences, and on test sequences by age."""
    torch.set_num_threads(1)
    seed = row["seed"]
    model = train_reader(row["reader"], seed, row["learning_rate"])
    valid, test = judged(model, 10_000 + seed)[:, 0], judged(model, 20_000 + seed)
    found = {"valid": float(valid.mean()), "test": float(test[:, 0].mean())}
    span = LENGTH // AGES
    for part in range(AGES):
        inside = (test[:, 1] >= part * span) & (test[:, 1] < (part + 1) * span)
        found[f"age_{part}"] = float(test[inside, 0].mean())
    return {name: round(value, 6) for name, value in found.items()}
