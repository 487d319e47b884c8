"""Two inputs (image and script in, character out) and two outputs (image in, character and script out).

Chapter *Architectures*. Each stands beside what one would do without it: Bayes' rule for the second input; two
networks, or reading the script off the character, for the second output.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mldev.training.architectures_images import (
    FEATURES,
    NUM_CHARACTERS,
    NUM_STEPS,
    SCRIPTS,
    Draw,
    Drawings,
    convolutional,
    draw,
    trunk,
)
from mldev.training.architectures_training import accuracy, descend, outputs

NUM_SCRIPTS = len(SCRIPTS)
LEARNING_RATE = 0.01  # of the convolutional network, chosen on validation drawings
LEARNING_RATES = (0.003, 0.01, 0.03)
UNSURE = 0.2  # how often the script that is told is a wrong one
BATCH_SIZE = 64
LOUD = 5.0  # in place of the one that says which script, so that its weights need not travel far
NAMED = 1  # drawings of each character that carry its name, where names are rare


class ImageAndScript(nn.Module):
    """Two inputs: the image's features and the script, one number for each, side by side."""

    def __init__(self, size: float = 1.0) -> None:
        super().__init__()
        self.size = size  # of the number that says which script
        self.trunk = trunk()
        self.head = nn.Linear(FEATURES + NUM_SCRIPTS, NUM_CHARACTERS)

    def forward(self, images: Tensor, scripts: Tensor) -> Tensor:
        told = self.size * nn.functional.one_hot(scripts, NUM_SCRIPTS)  # (B, 4)
        return self.head(torch.cat([self.trunk(images), told], dim=1))  # (B, 100)


class CharacterAndScript(nn.Module):
    """Two outputs: one trunk, and a head for each question."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = trunk()
        self.character = nn.Linear(FEATURES, NUM_CHARACTERS)
        self.script = nn.Linear(FEATURES, NUM_SCRIPTS)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(images)  # (B, 384)
        return self.character(features), self.script(features)  # (B, 100), (B, 4)


def told_scripts(drawings: Drawings, unsure: float, seed: int) -> Tensor:
    """The script that comes with each image: a wrong one, drawn evenly, in this share of the cases."""
    if not 0 <= unsure < 1:
        raise ValueError(f"unsure: expected a share from 0 to below 1, got {unsure}")
    rng = np.random.default_rng([seed, len(drawings)])
    wrong = torch.from_numpy(rng.random(len(drawings)) < unsure)
    other = torch.from_numpy(rng.integers(1, NUM_SCRIPTS, len(drawings)))
    return torch.where(
        wrong, (drawings.scripts + other) % NUM_SCRIPTS, drawings.scripts
    )


def bayes(scores: Tensor, told: Tensor, script_of: Tensor, unsure: float) -> Tensor:
    """What an image says, log p(c | image), and what the script says, log p(script | c), added.

    Parameters
    ----------
    scores
        Of a network that sees the image alone: (N, 100).
    told
        The script that came with each image: (N,).
    script_of
        The script of each character: (100,).
    unsure
        The share of wrong scripts, counted in the training rows.
    """
    fits = script_of[None, :] == told[:, None]  # (N, 100)
    likely = torch.where(fits, 1 - unsure, unsure / (NUM_SCRIPTS - 1))
    return torch.log_softmax(scores, dim=1) + torch.log(likely)


def train_two_inputs(
    data: Draw,
    told: Tensor,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    size: float = 1.0,
) -> ImageAndScript:
    """Train with the scripts that came with the training images, said with a number of this size."""
    torch.manual_seed(seed)
    model, train = ImageAndScript(size), data.train
    loss = nn.functional.cross_entropy
    return descend(
        model,
        lambda rows: loss(
            model(train.images[rows], told[rows]), train.characters[rows]
        ),
        len(train),
        num_steps=NUM_STEPS,
        learning_rate=learning_rate,
        seed=seed,
    )


def train_two_outputs(
    images: Tensor,
    characters: Tensor,
    scripts: Tensor,
    seed: int,
    few: bool,
    learning_rate: float = LEARNING_RATE,
) -> CharacterAndScript:
    """Train both heads, their losses added; where names are `few`, half of each batch is drawn from the named rows.

    `characters` is -1 where an image has no name; such images teach the script alone.
    """
    torch.manual_seed(seed)
    model, loss = CharacterAndScript(), nn.functional.cross_entropy
    named = torch.nonzero(characters >= 0).flatten()
    pick = torch.Generator().manual_seed(seed)

    def loss_of(rows: Tensor) -> Tensor:
        if few:
            again = torch.randint(len(named), (BATCH_SIZE // 2,), generator=pick)
            rows = torch.cat([rows, named[again]])
        for_character, for_script = model(images[rows])
        return loss(for_character, characters[rows], ignore_index=-1) + loss(
            for_script, scripts[rows]
        )

    size = BATCH_SIZE // 2 if few else BATCH_SIZE
    return descend(
        model,
        loss_of,
        len(images),
        num_steps=NUM_STEPS,
        learning_rate=learning_rate,
        batch_size=size,
        seed=seed,
    )


def train_one(
    images: Tensor,
    labels: Tensor,
    num_labels: int,
    seed: int,
    num_steps: int,
    learning_rate: float = LEARNING_RATE,
) -> nn.Module:
    """The rival: a network for one question alone."""
    torch.manual_seed(seed)
    model = convolutional()
    model[1] = nn.Linear(FEATURES, num_labels)
    loss = nn.functional.cross_entropy
    return descend(
        model,
        lambda rows: loss(model(images[rows]), labels[rows]),
        len(images),
        num_steps=num_steps,
        learning_rate=learning_rate,
        seed=seed,
    )


def named_rows(data: Draw) -> Tensor:
    """Positions of the training drawings that carry their character's name, where names are rare."""
    place = torch.arange(len(data.train)) % (len(data.train) // NUM_CHARACTERS)
    return torch.nonzero(place < NAMED).flatten()


def script_scores(scores: Tensor, script_of: Tensor) -> Tensor:
    """The script, read off the character: the probabilities of a script's characters, added up."""
    members = nn.functional.one_hot(script_of, NUM_SCRIPTS).float()  # (100, 4)
    return torch.softmax(scores, dim=1) @ members


def input_row(row: dict) -> dict:
    """One seed: the share of test characters that each way of using the script gets right.

    The network without the script also answers which script it was (NaN where that is not asked).
    """
    torch.set_num_threads(1)
    seed, data = row["seed"], draw(row["seed"])
    test = data.test
    if row["network"] == "image":
        model = train_one(
            data.train.images, data.train.characters, NUM_CHARACTERS, seed, NUM_STEPS
        )
        scores = outputs(model, test.images)
        found = {"image alone": scores}
        read = accuracy(script_scores(scores, data.script_of), test.scripts)
        for name, share in (("sure", 0.0), ("unsure", UNSURE)):
            wrong = told_scripts(data.train, share, seed) != data.train.scripts
            told = told_scripts(test, share, 1000 + seed)
            counted = float(wrong.float().mean())
            found[name] = bayes(scores, told, data.script_of, counted)
    else:
        found, read = {}, float("nan")
        size = LOUD if row["network"].endswith("loud") else 1.0
        for name, share in (("sure", 0.0), ("unsure", UNSURE)):
            said = told_scripts(data.train, share, seed)
            model = train_two_inputs(data, said, seed, size=size)
            told = told_scripts(test, share, 1000 + seed)
            found[name] = outputs(model, test.images, told)
    right = {n: accuracy(found[n], test.characters) for n in found}
    columns = ("image alone", "sure", "unsure")
    return {
        **{name: round(right.get(name, float("nan")), 6) for name in columns},
        "script": round(read, 6),
    }


def output_row(row: dict) -> dict:
    """One training: the shares of test images whose character, and whose script, is right (NaN: not asked)."""
    torch.set_num_threads(1)
    seed, data = row["seed"], draw(row["seed"])
    train, test, way = data.train, data.test, row["network"]
    named = named_rows(data)
    if way.startswith("both"):
        known = torch.full_like(train.characters, -1)
        known[named] = train.characters[named]
        few = way == "both, few names"
        labels = known if few else train.characters
        model = train_two_outputs(train.images, labels, train.scripts, seed, few)
        model.eval()
        with torch.no_grad():
            character, script = model(test.images)
    elif way == "script, half the steps":
        model = train_one(
            train.images, train.scripts, NUM_SCRIPTS, seed, NUM_STEPS // 2
        )
        character, script = None, outputs(model, test.images)
    else:
        rows = named if way == "character, few names" else torch.arange(len(train))
        steps = NUM_STEPS // 2 if way == "character, half the steps" else NUM_STEPS
        images, labels = train.images[rows], train.characters[rows]
        model = train_one(images, labels, NUM_CHARACTERS, seed, steps)
        character = outputs(model, test.images)
        script = script_scores(character, data.script_of)
    missing = float("nan")
    return {
        "character": missing
        if character is None
        else round(accuracy(character, test.characters), 6),
        "script": round(accuracy(script, test.scripts), 6),
    }


OUTPUT_NETWORKS = (
    "both",
    "character, half the steps",
    "script, half the steps",
    "both, few names",
    "character, few names",
)


def head_tuning_row(row: dict) -> dict:
    """One training at one learning rate: the share of validation characters that it names."""
    torch.set_num_threads(1)
    seed, rate, data = row["seed"], row["learning_rate"], draw(row["seed"])
    train, valid = data.train, data.valid
    if row["network"].startswith("image and script"):
        size = LOUD if row["network"].endswith("loud") else 1.0
        model = train_two_inputs(data, train.scripts, seed, rate, size)
        found = outputs(model, valid.images, valid.scripts)
    else:
        images, names = train.images, train.characters
        model = train_two_outputs(images, names, train.scripts, seed, False, rate)
        with torch.no_grad():
            found = model.eval()(valid.images)[0]
    return {"valid": round(accuracy(found, valid.characters), 6)}


INPUT_NETWORKS = ("image", "image and script", "image and script, loud")
TUNED = ("image and script", "image and script, loud", "both")
