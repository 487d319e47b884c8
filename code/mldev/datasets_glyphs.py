"""Glyphs: letters of fifteen scripts, drawn with a font that Matplotlib ships; an Omniglot that needs no download.

A class is a *shape*, not a code point: Latin A, Greek Alpha and Cyrillic A look the same, so they are one class, and
so are O and o, which differ only in size. Two shapes count as the same when, both scaled to the same size, no point of
one lies further than one pixel of a 28 x 28 image from the other. Accented letters are left out: they are another
letter plus a mark. Only DejaVu Sans is used: it is one design over all these scripts, and another of Matplotlib's
fonts is a placeholder that would draw a box for everything.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from mldev.datasets_types import BadArgument, Dataset, Images, check_choice, check_int

# the first word of a letter's Unicode name -> the script's name
SCRIPTS = {
    "LATIN": "Latin",
    "GREEK": "Greek",
    "CYRILLIC": "Cyrillic",
    "COPTIC": "Coptic",
    "LISU": "Lisu",
    "OLD": "Old Italic",
    "CANADIAN": "Canadian syllabics",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
    "HEBREW": "Hebrew",
    "ARABIC": "Arabic",
    "NKO": "Nko",
    "LAO": "Lao",
    "OGHAM": "Ogham",
    "TIFINAGH": "Tifinagh",
}
# Scripts that borrow from one another are on the same side, or their near twins would sit on both.
BACKGROUND = (
    "Latin",
    "Greek",
    "Cyrillic",
    "Coptic",
    "Lisu",
    "Old Italic",
    "Canadian syllabics",
)
EVALUATION = (
    "Armenian",
    "Georgian",
    "Hebrew",
    "Arabic",
    "Nko",
    "Lao",
    "Ogham",
    "Tifinagh",
)

CANVAS = 64  # a shape is kept as CANVAS x CANVAS pixels ...
INK = 54  # ... in which the longer side of the ink spans this many
FILL = 0.72  # share of a drawn image's side that the ink spans at scale 1
MIN_SCALE = 0.75
SAME_SHAPE = INK / (FILL * 28)  # one pixel of a 28 x 28 image, in canvas pixels
SAME_CASE = (
    1.5 * SAME_SHAPE
)  # for a letter's two cases: O is drawn with a finer stroke than o of the same size
MAX_ROTATION = np.deg2rad(15)
MAX_SHIFT = 0.08  # of the image's side, where there is room
THINNER, THICKER = 1.2, 1.6  # the stroke's edge moves by up to this many canvas pixels


def glyphs(
    num_classes: int | None = None,
    samples: int = 20,
    size: int = 28,
    split: str = "all",
    scripts: Sequence[str] | None = None,
    seed: int = 0,
) -> Images:
    """Draw characters with random rotation, shift, scale and stroke.

    Parameters
    ----------
    num_classes : int, optional
        How many classes, drawn at random with `seed` (a smaller draw is part of a larger one); all when left out.
    samples : int
        Images per class; the first ones do not change when more are asked for.
    size : int
        Height and width of an image in pixels.
    split : {"all", "background", "evaluation"}
        Whole scripts to learn from, or whole scripts never seen. No class is in both: a shape that also occurs in a
        background script is left out of the evaluation.
    scripts : sequence of str, optional
        Instead of a split: only shapes that occur in these scripts.
    seed : int
        Seed of everything random.

    Returns
    -------
    Images
        `label_names` are the Unicode names (captions), `groups` the scripts, `characters` all that share the shape.
    """
    check_choice("split", split, ("all", "background", "evaluation"))
    check_int("samples", samples, 1, 10_000)
    check_int("size", size, 8, 128)
    check_int("seed", seed, 0)
    wanted = _wanted(split, scripts)
    classes = _some(
        [members for members in shape_classes() if _belongs(members, split, wanted)],
        num_classes,
        seed,
    )
    images = np.empty((len(classes) * samples, size, size), np.float32)
    for index, members in enumerate(classes):
        images[index * samples : (index + 1) * samples] = _draw(
            members[0], samples, size, seed
        )
    shown = [next(c for c in members if script(c) in wanted) for members in classes]
    return Images(
        images,
        np.repeat(np.arange(len(classes)), samples),
        tuple(unicodedata.name(c) for c in shown),
        tuple("".join(members) for members in classes),
        tuple(script(c) for c in shown),
    )


def script(character: str) -> str | None:
    """The script of a letter, by its Unicode name; None when it is not one of `SCRIPTS`."""
    return SCRIPTS.get(unicodedata.name(character, "").split(" ")[0])


@lru_cache(maxsize=1)
def shape_classes() -> tuple[tuple[str, ...], ...]:
    """All classes, each the tuple of letters that share one shape, in the order of their code points."""
    letters = _letters()
    masks = np.stack([shape(letter) for letter in letters])
    parent = np.arange(len(letters))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in _same_shapes(masks) + _same_in_both_cases(letters, masks):
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    members = defaultdict(list)
    for index, letter in enumerate(letters):
        members[root(index)].append(letter)
    return tuple(tuple(group) for group in members.values())


def shape(character: str) -> np.ndarray:
    """The character's ink as a (CANVAS, CANVAS) mask, centred, its longer side scaled to INK pixels."""
    from matplotlib.ft2font import LoadFlags

    font = _font()
    font.set_size(INK, 72)
    left, bottom, right, top = font.load_char(
        ord(character), flags=LoadFlags.NO_HINTING
    ).bbox
    font.set_size(
        INK * 64 * INK / max(right - left, top - bottom), 72
    )  # a box is in 64ths of a pixel
    font.set_text(character, 0.0, flags=LoadFlags.NO_HINTING)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image()) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    canvas = np.zeros((CANVAS, CANVAS), bool)
    y, x = (CANVAS - ink.shape[0]) // 2, (CANVAS - ink.shape[1]) // 2
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return canvas


@lru_cache(maxsize=1)
def _font():
    import matplotlib
    from matplotlib.ft2font import FT2Font

    return FT2Font(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    )


def _letters() -> list[str]:
    """Letters of `SCRIPTS` that the font has, without those that Unicode decomposes into a letter and a mark."""
    letters = []
    for character in map(chr, sorted(_font().get_charmap())):
        mapping = unicodedata.decomposition(character)
        plain = not mapping or mapping.startswith("<")
        if (
            unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo")
            and plain
            and script(character)
        ):
            letters.append(character)
    return letters


def _same_shapes(masks: np.ndarray) -> list[tuple[int, int]]:
    """Pairs whose Hausdorff distance is at most SAME_SHAPE."""
    coarse = (
        masks.reshape(len(masks), 16, 4, 16, 4).mean((2, 4)).reshape(len(masks), -1)
    )
    squares = (coarse**2).sum(1)
    apart = squares[:, None] + squares[None] - 2 * coarse @ coarse.T
    first, second = np.nonzero(
        np.triu(apart < 12, 1)
    )  # a cheap sieve: no pair within SAME_SHAPE is caught by it
    to_ink = {
        index: distance_transform_edt(~masks[index])
        for index in np.union1d(first, second)
    }
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return [
        (a, b)
        for a, b in pairs
        if max(to_ink[b][masks[a]].max(), to_ink[a][masks[b]].max()) <= SAME_SHAPE
    ]


def _same_in_both_cases(letters: list[str], masks: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of a capital and its small letter whose Hausdorff distance is at most SAME_CASE."""
    index = {letter: place for place, letter in enumerate(letters)}
    pairs = [
        (index[a], index[a.lower()])
        for a in letters
        if a != a.lower() and a.lower() in index
    ]
    return [(a, b) for a, b in pairs if _hausdorff(masks[a], masks[b]) <= SAME_CASE]


def _hausdorff(first: np.ndarray, second: np.ndarray) -> float:
    return max(
        distance_transform_edt(~second)[first].max(),
        distance_transform_edt(~first)[second].max(),
    )


def _wanted(split: str, scripts: Sequence[str] | None) -> tuple[str, ...]:
    if scripts is None:
        return {
            "all": BACKGROUND + EVALUATION,
            "background": BACKGROUND,
            "evaluation": EVALUATION,
        }[split]
    if split != "all":
        raise BadArgument(
            f"argument 'scripts' came together with split={split!r}; allowed: one of the two"
        )
    if isinstance(scripts, str) or not scripts:
        raise BadArgument(
            f"argument 'scripts' is {scripts!r}; allowed: a sequence of names, such as ('Greek', 'Lao')"
        )
    for name in scripts:
        check_choice("scripts", name, tuple(SCRIPTS.values()))
    return tuple(scripts)


def _belongs(members: tuple[str, ...], split: str, wanted: tuple[str, ...]) -> bool:
    found = {script(c) for c in members}
    return found <= set(wanted) if split == "evaluation" else bool(found & set(wanted))


def _some(
    classes: list[tuple[str, ...]], num_classes: int | None, seed: int
) -> list[tuple[str, ...]]:
    if num_classes is None:
        return classes
    check_int("num_classes", num_classes, 1, len(classes))
    chosen = np.random.default_rng([seed, 0]).permutation(len(classes))[:num_classes]
    return [classes[index] for index in sorted(chosen)]


def _draw(character: str, samples: int, size: int, seed: int) -> np.ndarray:
    """`samples` images of one character, (samples, size, size), from the signed distance to its outline.

    The distance makes any stroke a matter of adding a constant, and gives smooth edges at any angle and scale.
    """
    mask = shape(character)
    distance = np.where(
        mask, distance_transform_edt(mask) - 0.5, 0.5 - distance_transform_edt(~mask)
    )
    draws = np.random.default_rng([seed, ord(character)]).uniform(-1, 1, (samples, 5))
    scale = MIN_SCALE + (1 - MIN_SCALE) * (draws[:, 0] + 1) / 2
    thinner = min(THINNER, 0.35 * distance.max())  # a fine line must not vanish
    stroke = -thinner + (thinner + THICKER) * (draws[:, 1] + 1) / 2
    cos, sin = np.cos(MAX_ROTATION * draws[:, 2]), np.sin(MAX_ROTATION * draws[:, 2])
    pixel = FILL * size * scale / INK  # image pixels per canvas pixel
    height, width = np.ptp(np.nonzero(mask), axis=1)[:, None] + 1 + 2 * stroke
    turned = np.stack(
        [height * cos + width * abs(sin), width * cos + height * abs(sin)], axis=1
    )
    room = np.clip((size - 1 - turned * pixel[:, None]) / 2, 0, MAX_SHIFT * size)
    where = _grid(size, draws[:, 3:] * room, pixel, cos, sin)
    there = _look_up(distance.astype(np.float32), where)
    ink = (there + stroke.astype(np.float32)[:, None, None]) * pixel.astype(np.float32)[
        :, None, None
    ]
    return np.clip(ink + np.float32(0.5), 0, 1)


def _grid(
    size: int, shift: np.ndarray, pixel: np.ndarray, cos: np.ndarray, sin: np.ndarray
) -> np.ndarray:
    """Where on the canvas each pixel of each image looks, (2, samples, size, size)."""
    middle = np.arange(size) - (size - 1) / 2
    y = (middle - shift[:, :1]) / pixel[
        :, None
    ]  # (samples, size), one value per row of the image
    x = (middle - shift[:, 1:]) / pixel[:, None]
    parts = (y[:, :, None], x[:, None, :], cos[:, None, None], sin[:, None, None])
    y, x, cos, sin = (part.astype(np.float32) for part in parts)
    return np.stack([cos * y - sin * x, sin * y + cos * x]) + np.float32(
        (CANVAS - 1) / 2
    )


def _look_up(canvas: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Bilinear interpolation of the canvas; beyond its edge, where there is no ink, its edge continues."""
    where = np.clip(where, 0, CANVAS - 1.001)
    corner = where.astype(np.intp)
    (v, u), at = where - corner, corner[0] * CANVAS + corner[1]
    flat = canvas.ravel()
    upper = flat[at] + u * (flat[at + 1] - flat[at])
    lower = flat[at + CANVAS] + u * (flat[at + CANVAS + 1] - flat[at + CANVAS])
    return upper + v * (lower - upper)


ENTRIES = (
    Dataset(
        name="glyphs",
        title="Glyphs of fifteen scripts",
        description=(
            "Letters of fifteen scripts, each drawn anew with random rotation, shift, scale and stroke, named by "
            "Unicode (a caption for image-text work) and grouped by script. Letters that look alike are one class. "
            "For few-shot learning and transfer whole scripts are held out (`split`), and no shape is on both sides. "
            "Drawn, not written by people: variation between writers, which the Omniglot has, is missing."
        ),
        source="DejaVu Sans as shipped by Matplotlib, and Python's unicodedata; images drawn when loaded",
        licence=(
            "font: Bitstream Vera and Arev licences, DejaVu's changes in the public domain; the images are the book's"
        ),
        size=(33080, 28, 28),
        kind="images",
        sensitive=(),
        load=glyphs,
    ),
)
