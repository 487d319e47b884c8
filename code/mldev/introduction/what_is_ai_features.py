"""What is AI: ten things that a person sees in a digit, each measured on a scale that a person can read.

All but the holes are taken from the digit's box: the smallest rectangle that holds its
ink, cut into bands from the top (0) to the bottom (1) and from left to right.
"""

import numpy as np
import pandas as pd

INK = 0.5  # a pixel at least this dark is ink
MIN_HOLE = 2  # pixels; a smaller gap is a slip of the pen
FEATURES = (
    "holes",
    "hole height",
    "width",
    "upper left gap",
    "upper right gap",
    "lower left gap",
    "lower right gap",
    "top gap",
    "strokes down",
    "foot",
)


def enclosed(ink: np.ndarray) -> list[list[tuple[int, int]]]:
    """The holes of a digit: patches of paper not reached from outside.

    Each patch is flooded from one of its pixels, in four directions.
    """
    paper = set(map(tuple, np.argwhere(~np.pad(ink, 1)).tolist()))
    patches = []
    while paper:
        frontier, patch = [min(paper)], []
        paper.remove(frontier[0])
        while frontier:
            row, column = frontier.pop()
            patch.append((row - 1, column - 1))  # without the padding
            for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                beside = row + down, column + right
                if beside in paper:
                    paper.remove(beside)
                    frontier.append(beside)
        patches.append(patch)
    return patches[1:]  # the first is the ground outside


def upright(ink: np.ndarray) -> np.ndarray:
    """Undo the slant of the hand: push every row sideways until the ink leans no more."""
    rows, columns = np.nonzero(ink)
    rows = rows - rows.mean()
    slant = (rows * columns).sum() / max((rows**2).sum(), 1)
    height, width = ink.shape
    shifts = np.rint(slant * (np.arange(height) - (height - 1) / 2)).astype(int)
    wide = np.pad(ink, ((0, 0), (height, height)))
    columns = np.arange(width + 2 * height) + shifts[:, None]
    return np.take_along_axis(wide, columns % wide.shape[1], axis=1)


def box(ink: np.ndarray) -> np.ndarray:
    """The smallest rectangle that holds all ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def gap(lines: np.ndarray, start: float, stop: float) -> float:
    """How far one can look into the box before meeting ink, as a share of the way.

    Parameters
    ----------
    lines
        One line of sight per row; the view is from its first pixel.
    start, stop
        The band of lines to average, as shares of their number.
    """
    band = lines[int(start * len(lines)) : max(1, int(np.ceil(stop * len(lines))))]
    met = np.where(band.any(axis=1), band.argmax(axis=1), band.shape[1])
    return float(met.mean() / band.shape[1])


def strokes(line: np.ndarray) -> int:
    """How many separate strokes a line crosses."""
    return int(line[0]) + int((line[1:] & ~line[:-1]).sum())


def describe(image: np.ndarray) -> dict[str, float]:
    """The ten features of one grey image."""
    ink = image >= INK
    if not ink.any():
        raise ValueError(f"image: no pixel is as dark as {INK}, so there is no digit")
    digit = box(ink)
    holes = [patch for patch in enclosed(digit) if len(patch) >= MIN_HOLE]
    largest = max(holes, key=len, default=[])
    height = np.mean([row for row, _ in largest]) / len(digit) if holes else 0.5
    digit = box(upright(ink))
    middle = digit[:, int(0.4 * digit.shape[1]) : int(0.6 * digit.shape[1]) + 1]
    values = (
        min(len(holes), 2),
        height,
        digit.shape[1] / len(digit),
        gap(digit, 0.2, 0.45),
        gap(digit[:, ::-1], 0.2, 0.45),
        gap(digit, 0.55, 0.8),
        gap(digit[:, ::-1], 0.55, 0.8),
        gap(digit.T, 0.4, 0.6),
        np.median([strokes(column) for column in middle.T]),
        digit[int(0.85 * len(digit)) :].any(axis=0).mean(),
    )
    return dict(zip(FEATURES, map(float, values), strict=True))


def describe_all(images: np.ndarray) -> pd.DataFrame:
    """One row of features per image."""
    return pd.DataFrame([describe(image) for image in images])
