"""Glyphs: one class per shape, whole scripts apart, the same images every time."""

import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from mldev.datasets import load
from mldev.datasets_glyphs import BACKGROUND, EVALUATION, script, shape_classes

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def rendered(characters, side=56):
    """Each character by Pillow at high resolution, cropped to its ink and scaled to the same size: (N, side * side)."""
    font = ImageFont.truetype(str(FONT), 400, layout_engine=ImageFont.Layout.BASIC)
    rows = np.zeros((len(characters), side * side), np.float32)
    for index, character in enumerate(characters):
        image = Image.new("L", (1600, 1600))
        ImageDraw.Draw(image).text((600, 400), character, font=font, fill=255)
        ink = image.crop(image.getbbox())
        scale = side / max(ink.size)
        ink = ink.resize([max(1, round(length * scale)) for length in ink.size], Image.Resampling.BOX)
        canvas = Image.new("L", (side, side))
        canvas.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
        rows[index] = np.asarray(canvas).ravel() > 127
    return rows


def overlap(first, second):
    """Intersection over union of every pair: 1 means the same picture."""
    shared = first @ second.T
    return shared / (first.sum(1)[:, None] + second.sum(1)[None] - shared)


@pytest.fixture(scope="module")
def background():
    return load("glyphs", split="background", samples=1)


@pytest.fixture(scope="module")
def evaluation():
    return load("glyphs", split="evaluation", samples=1)


def test_homoglyphs_are_one_class():
    of = {character: index for index, members in enumerate(shape_classes()) for character in members}
    for alike in ("AΑА", "OoΟοОо", "EΕЕ", "HΗН", "cсϲ", "Il", "طﻁ"):
        assert len({of[character] for character in alike}) == 1, alike
    for different in ("AB", "bd", "qp", "nu", "VΛ", "RЯ", "بت", "שס"):
        assert len({of[character] for character in different}) == 2, different


def test_every_letter_is_in_one_class():
    letters = [character for members in shape_classes() for character in members]
    assert len(letters) == len(set(letters)) > 2000
    assert all(unicodedata.category(character)[0] == "L" and script(character) for character in letters)


def test_no_two_classes_look_alike(background, evaluation):
    # by another renderer than the one that merged, over both sides at once
    control = overlap(rendered("A"), rendered("ΑА"))
    assert control.min() > 0.99
    drawn = [members[0] for members in (*background.characters, *evaluation.characters)]
    alike = overlap(*[rendered(drawn)] * 2)
    np.fill_diagonal(alike, 0)
    first, second = np.unravel_index(alike.argmax(), alike.shape)
    assert alike.max() < 0.99, (drawn[first], drawn[second], alike.max())


def test_scripts_are_apart(background, evaluation):
    assert not set(BACKGROUND) & set(EVALUATION)
    assert set(background.groups) <= set(BACKGROUND) and set(evaluation.groups) == set(EVALUATION)
    assert not set("".join(background.characters)) & set("".join(evaluation.characters))
    for members in evaluation.characters:
        assert not {script(character) for character in members} & set(BACKGROUND)
    assert len(background.label_names) > 900 and len(evaluation.label_names) > 600
    assert len(background.label_names) + len(evaluation.label_names) == len(shape_classes())


def test_names_are_captions(evaluation):
    for name, group, members in zip(evaluation.label_names, evaluation.groups, evaluation.characters, strict=True):
        assert unicodedata.lookup(name) in members and script(unicodedata.lookup(name)) == group
    assert len(set(evaluation.label_names)) == len(evaluation.label_names)


def test_scripts_can_be_chosen():
    greek = load("glyphs", scripts=("Greek",), samples=2)
    assert set(greek.groups) == {"Greek"}
    assert "GREEK CAPITAL LETTER ALPHA" in greek.label_names  # though the shape is Latin's too
    assert len(greek.images) == 2 * len(greek.label_names)


def test_same_seed_same_images():
    first, second = (load("glyphs", num_classes=12, samples=4, seed=5) for _ in range(2))
    assert np.array_equal(first.images, second.images) and first.label_names == second.label_names
    other = load("glyphs", num_classes=12, samples=4, seed=6)
    assert first.label_names != other.label_names


def test_a_smaller_request_is_part_of_a_larger_one():
    small = load("glyphs", num_classes=6, samples=3, seed=2)
    large = load("glyphs", num_classes=20, samples=7, seed=2)
    assert set(small.label_names) < set(large.label_names)
    for label, name in enumerate(small.label_names):
        there = large.images[large.labels == large.label_names.index(name)]
        assert np.array_equal(small.images[small.labels == label], there[:3])


@pytest.mark.parametrize("size", [14, 28, 48])
def test_images_hold_their_ink(size):
    images = load("glyphs", num_classes=150, samples=8, size=size).images
    assert images.shape == (1200, size, size)
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    assert border.max() < 0.6  # the ink may reach the border, and no further
    assert images.max((1, 2)).min() > 0.4  # nothing vanishes


def test_samples_of_a_class_differ_in_stroke_scale_and_place():
    bundle = load("glyphs", scripts=("Armenian",), samples=50)
    images = bundle.images[bundle.labels == 3]
    ink = images.sum((1, 2))
    rows = [np.flatnonzero(image.max(1) > 0.5) for image in images]
    heights = np.array([span[-1] - span[0] + 1 for span in rows])
    assert ink.max() > 1.8 * ink.min() and heights.max() > 1.2 * heights.min()
    assert len({span[0] for span in rows}) > 3
