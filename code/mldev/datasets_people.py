"""Tables about people: two from the justice system, a clinical trial, an insurance experiment, household budgets."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pandas as pd

from mldev.datasets_types import Dataset, Table

AFTER_RANDOMISATION = [
    "pidnum",
    "offtrt",
    "cd420",
    "cd496",
    "r",
    "cd820",
    "days",
    "arms",
]


def arrests() -> Table:
    """5,226 arrests; y is 1 when the person was released with a summons."""
    from sklego.datasets import load_arrests

    frame = load_arrests(as_frame=True)
    y = (frame["released"] == "Yes").astype(np.int64)
    return Table(frame.drop(columns="released"), y, ("held", "released"))


def rossi() -> Table:
    """432 people released from prison; y is 1 when re-arrested within 52 weeks, `extra` holds the week."""
    from lifelines.datasets import load_rossi

    frame = load_rossi()
    return Table(
        frame.drop(columns=["arrest", "week"]),
        frame["arrest"],
        ("free", "arrested"),
        extra=frame[["week"]],
    )


def actg175() -> Table:
    """2,139 patients of a trial; y is 1 when the disease progressed, `extra` holds what was known only afterwards."""
    with resources.as_file(
        resources.files("lifelines.datasets") / "ACTG175.csv"
    ) as path:
        frame = pd.read_csv(path, index_col=0).reset_index(drop=True)
    X = frame.drop(columns=["cens", *AFTER_RANDOMISATION])
    y = frame["cens"].rename("progressed")
    return Table(X, y, ("censored", "progressed"), extra=frame[AFTER_RANDOMISATION])


def randhie() -> Table:
    """20,190 person-years of an insurance experiment; y counts visits to a doctor."""
    from statsmodels.datasets import randhie as packaged

    frame = packaged.load_pandas().data
    return Table(frame.drop(columns="mdvis"), frame["mdvis"].astype(np.int64))


def engel() -> Table:
    """235 households: income, and spending on food."""
    from statsmodels.datasets import engel as packaged

    frame = packaged.load_pandas().data
    return Table(frame[["income"]], frame["foodexp"])


def rulers() -> Table:
    """1,808 spells in office; y is their length in years, `extra` holds who ruled and how the spell ended."""
    from lifelines.datasets import load_dd

    names = {"ctryname": "country", "un_region_name": "region"}
    names |= {"un_continent_name": "continent", "ehead": "ruler"}
    frame = load_dd().rename(columns=names)
    X = frame[["country", "region", "continent", "democracy", "regime", "start_year"]]
    return Table(X, frame["duration"], extra=frame[["ruler", "observed"]])


STATSMODELS = "distributed inside statsmodels under its BSD 3-Clause licence"

ENTRIES = (
    Dataset(
        name="arrests",
        title="Arrests for possession of marijuana, Toronto",
        description=(
            "What the police did with people arrested in Toronto from 1997 to 2002 for simple possession of small "
            "amounts: released with a summons, or held. Words and numbers mixed, classes unequal, and `checks`, the "
            "number of police data bases that know the name, is itself a product of earlier policing: made for "
            "studying fairness."
        ),
        source="M. Friendly (York University), from a series in the Toronto Star; R package carData; sklego.datasets",
        licence=(
            "none stated for the data; the R package carData is GPL-2 or later; distributed inside scikit-lego (MIT)"
        ),
        size=(5226, 7),
        kind="table",
        sensitive=("colour", "sex", "age", "citizen"),
        load=arrests,
    ),
    Dataset(
        name="rossi",
        title="Re-arrest after prison",
        description=(
            "Men released from Maryland state prisons in the 1970s, followed for a year. Half of them, drawn at "
            "random, received financial aid (`fin`): a real randomised experiment, with race among the columns. The "
            "week of arrest is kept apart in `extra`, since nobody knows it on the day of release."
        ),
        source="P. H. Rossi, R. A. Berk and K. J. Lenihan, Money, Work, and Crime (1980); lifelines.datasets",
        licence="none stated for the data; the R package carData, which has it too, is GPL-2 or later; "
        "distributed inside lifelines (MIT)",
        size=(432, 7),
        kind="table",
        sensitive=("race", "age", "mar"),
        load=rossi,
    ),
    Dataset(
        name="actg175",
        title="AIDS Clinical Trials Group study 175",
        description=(
            "A randomised trial of treatments for adults with HIV: zidovudine alone (`treat` 0) against three other "
            "regimens (`treat` 1). y says whether the disease progressed during the study: a fall of the CD4 count by "
            "half or more, AIDS, or death. What became known only after randomisation is in `extra`, not among the "
            "features."
        ),
        source="S. M. Hammer and others, New England Journal of Medicine 335 (1996); a file of lifelines.datasets",
        licence="none stated for the data; distributed inside lifelines under its MIT licence",
        size=(2139, 18),
        kind="table",
        sensitive=("age", "race", "gender", "homo", "drugs", "hemo"),
        load=actg175,
    ),
    Dataset(
        name="randhie",
        title="RAND health insurance experiment",
        description=(
            "How often people on randomly assigned insurance plans saw a doctor in a year, with their health as they "
            "rated it. The largest real table here; y is a count with many zeros and a long tail, so squared error is "
            "a poor guide."
        ),
        source="RAND Corporation; A. C. Cameron and P. K. Trivedi, Microeconometrics (2005); statsmodels.datasets",
        licence=f"public domain (as the package states); {STATSMODELS}",
        size=(20190, 9),
        kind="table",
        sensitive=("physlm", "disea", "hlthg", "hlthf", "hlthp"),
        load=randhie,
        task="regression",
    ),
    Dataset(
        name="engel",
        title="Engel's household budgets",
        description=(
            "Income and food expenditure of Belgian working-class households in 1857, in francs. The spread grows "
            "with income, which a single error bar cannot express: the case for quantile regression and for intervals "
            "that adapt."
        ),
        source="E. Engel (1857); R. Koenker and G. Bassett, Econometrica 50 (1982); statsmodels.datasets",
        licence=f"public domain (as the package states); {STATSMODELS}",
        size=(235, 1),
        kind="table",
        sensitive=(),
        load=engel,
        task="regression",
    ),
    Dataset(
        name="rulers",
        title="Spells in office of the world's rulers",
        description=(
            "Who effectively ruled each country from 1946, or its independence, to 2008, under which kind of regime, "
            "and for how many years. Many spells belong to one country and many countries to one region: a relation "
            "for building features. `observed` is 0 where a spell ended by death or by the end of the data."
        ),
        source=(
            "J. A. Cheibub, J. Gandhi and J. R. Vreeland, Democracy and dictatorship revisited, Public Choice 143 "
            "(2010); lifelines.datasets"
        ),
        licence="none stated for the data; distributed inside lifelines under its MIT licence",
        size=(1808, 6),
        kind="table",
        sensitive=(),
        load=rulers,
        task="regression",
    ),
)
