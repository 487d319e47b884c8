"""Rulers, countries, regions and births: a relation of four tables, and the forecast that is made from it.

The rulers are recorded as of 31 December. At the end of a ruler's first year: will he or she be in office three years
later? Training uses spells whose answer was known at the end of the forecast's year; foretold are the spells that began
in the five years from then, each with what is known at the end of its own first year.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mldev import datasets
from mldev.data.features_in_practice import Relation, Tables, features_at
from mldev.experiments import Interval, ratio_interval

YEARS = 3  # a spell is long when it lasts longer
LAST_START = 2005  # later spells may be cut short by the end of the data in 2008
ORIGINS = tuple(range(1971, 2005, 5))
OWN = [
    "region",
    "continent",
    "start_year",
]  # what the source codes with hindsight is left out
DELAY = 2  # years until a year's births are published


TRUE_NAMES: dict[str, str | None] = {  # where the two sources differ; None: not in it
    "Antigua & Barbuda": "Antigua and Barbuda",
    "Bahamas": "Bahamas, The",
    "Cape Verde": "Cabo Verde",
    "Congo (Brazzaville, Republic of Congo)": "Congo, Rep.",
    "Czechoslovakia": None,
    "Democratic Republic of the Congo (Zaire, Congo-Kinshasha)": "Congo, Dem. Rep.",
    "East Timor": "Timor-Leste",
    "Egypt": "Egypt, Arab Rep.",
    "Gambia": "Gambia, The",
    "Germany, East": None,
    "Germany, West": None,
    "Iran": "Iran, Islamic Rep.",
    "Kyrgyzstan": "Kyrgyz Republic",
    "Laos": "Lao PDR",
    "Libyan Arab Jamahiriya": "Libya",
    "Macedonia": "Macedonia, FYR",
    "Micronesia, Federated States of": "Micronesia, Fed. Sts.",
    "Nauru": None,
    "North Korea": "Korea, Dem. Rep.",
    "Serbia and Montenegro": None,
    "Slovakia": "Slovak Republic",
    "South Korea": "Korea, Rep.",
    "Syria": "Syrian Arab Republic",
    "Taiwan": None,
    "U.S.S.R.": None,
    "United States of America": "United States",
    "Venezuela": "Venezuela, RB",
    "Viet Nam": "Vietnam",
    "Yemen": "Yemen, Rep.",
    "Yemen Arab Republic": None,
    "Yemen PDR (South)": None,
    "Yugoslavia": None,
}


@lru_cache
def relation() -> tuple[Tables, pd.DataFrame]:
    """The four tables, and the spells to foretell with their answer `long`."""
    spells = merged_spells()
    spells["end"] = spells["start_year"] + spells["duration"]  # another rules by then
    spells["long"] = spells["duration"] > YEARS
    by_country = spells.groupby("country")
    countries = (
        by_country[["region"]].last().assign(first=by_country["start_year"].min())
    )
    regions = pd.DataFrame(index=pd.Index(countries["region"].unique(), name="region"))
    frames = {
        "spells": spells[["country", "duration", "long", "end"]],
        "countries": countries,
        "regions": regions,
        "births": births(countries.index),
    }
    links = (
        Relation("spells", "country", "countries"),
        Relation("births", "country", "countries"),
        Relation("countries", "region", "regions"),
    )
    began = spells["start_year"].between(1947, LAST_START)
    known = {"spells": "end", "births": "published", "countries": "first"}
    return Tables(frames, links, known), spells[began]


def merged_spells() -> pd.DataFrame:
    """One row per unbroken time of one ruler, whose rows the source divides when the regime's label changes.

    The first row's regime is kept, since the later ones lie in the future; a row that is there twice counts once.
    """
    table = datasets.load("rulers")
    rows = table.X.assign(duration=table.y, **table.extra).drop_duplicates()
    before = rows.shift()
    goes_on = (
        (rows["country"] == before["country"])
        & (rows["ruler"] == before["ruler"])
        & (rows["start_year"] == before["start_year"] + before["duration"])
    )
    groups = rows.groupby((~goes_on).cumsum())
    last = groups["observed"].last()
    return groups.first().assign(duration=groups["duration"].sum(), observed=last)


def matched_names(max_dist: float = np.inf) -> pd.DataFrame:
    """Each country beside the most similar name of the World Bank's, by skrub's joiner, and the name that is right."""
    from skrub import Joiner

    names = datasets.load("rulers").X["country"].drop_duplicates()
    others = pd.DataFrame({"name": list(datasets.load("fertility").values)})
    joiner = Joiner(others, main_key="country", aux_key="name", max_dist=max_dist)
    found = joiner.fit_transform(names.to_frame().reset_index(drop=True))
    found = found.rename(columns={"skrub_Joiner_rescaled_distance": "distance"})
    found = found[["country", "name", "distance"]]
    return found.assign(right=[TRUE_NAMES.get(name, name) for name in found["country"]])


def births(countries: Sequence[str]) -> pd.DataFrame:
    """Births per woman for each country and year, under reviewed names, and when that was published."""
    names = {name: TRUE_NAMES.get(name, name) for name in countries}
    wide = datasets.load("fertility").values
    parts = [
        pd.DataFrame(
            {
                "country": country,
                "births": wide[name].to_numpy(),
                "published": wide.index.year + DELAY,
            }
        )
        for country, name in names.items()
        if name
    ]
    return pd.concat(parts, ignore_index=True).dropna()


@lru_cache
def constructed(depth: int, cutoff: bool = True) -> pd.DataFrame:
    """Features of each spell's country when the spell begins, or, without the cut-off, when the data end."""
    tables, spells = relation()
    times = spells["start_year"] if cutoff else spells["start_year"] * 0 + 2008 + YEARS
    return features_at(tables, "countries", spells["country"], times, depth)


MODELS = {  # last steps of the pipeline; "logistic" and those below it differ in restraint alone
    "boosting": lambda: [
        HistGradientBoostingClassifier(
            max_iter=30, learning_rate=0.1, max_leaf_nodes=8, random_state=0
        )
    ],
    "logistic": lambda: [LogisticRegression(C=0.1, max_iter=2000)],
    "ridge, chosen": lambda: [  # in five folds of the training rows
        LogisticRegressionCV(
            Cs=[0.003, 0.01, 0.03, 0.1, 0.3],
            cv=5,
            scoring="neg_log_loss",
            l1_ratios=[0.0],
            max_iter=2000,
            use_legacy_attributes=False,
        )
    ],
    "ten best by F": lambda: [
        SelectKBest(f_classif, k=10),
        LogisticRegression(C=0.1, max_iter=2000),
    ],
}


def model(kind: str) -> BaseEstimator:
    """A pipeline for words and numbers with gaps: a kind of `MODELS`."""
    if kind not in MODELS:
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(MODELS)}")
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    numbers = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    split = make_column_transformer(
        (words, make_column_selector(dtype_include=[object, "category"])),
        (
            "passthrough" if kind == "boosting" else numbers,
            make_column_selector(dtype_include="number"),
        ),
    )
    return make_pipeline(split, *MODELS[kind]())


def forecasts(
    features: pd.DataFrame,
    kind: str = "logistic",
    deployed: pd.DataFrame | None = None,
    origins: Sequence[int] = ORIGINS,
) -> pd.DataFrame:
    """Probability and log loss of each foretold spell.

    Parameters
    ----------
    features
        One row per spell, for training and testing.
    kind
        The model.
    deployed
        Features for testing, where they are not those of the training table.
    origins
        The years in which forecasts are made.
    """
    _, spells = relation()
    deployed = features if deployed is None else deployed
    found = []
    for origin in origins:
        train = spells.index[spells["start_year"] + YEARS <= origin]
        test = spells.index[spells["start_year"].between(origin, origin + 4)]
        fitted = model(kind).fit(features.loc[train], spells.loc[train, "long"])
        chance = fitted.predict_proba(deployed.loc[test])[:, 1].clip(1e-6, 1 - 1e-6)
        long = spells.loc[test, "long"].to_numpy()
        loss = -np.log(np.where(long, chance, 1 - chance))
        columns = {"origin": origin, "country": spells.loc[test, "country"]}
        found.append(
            pd.DataFrame({**columns, "long": long, "chance": chance, "loss": loss})
        )
    return pd.concat(found)


def saved(better: pd.DataFrame, worse: pd.DataFrame) -> Interval:
    """Mean log loss saved per spell; whole countries are resampled, since spells of one country are alike."""
    saving = (worse["loss"] - better["loss"]).groupby(better["country"])
    return ratio_interval(saving.sum(), saving.size())


def outside(features: pd.DataFrame, origins: Sequence[int] = ORIGINS) -> pd.Series:
    """Per feature: the share of foretold spells whose value lies beyond all those of the training rows."""
    start = relation()[1]["start_year"]
    shares = []
    for origin in origins:
        train = features[start + YEARS <= origin]
        test = features[start.between(origin, origin + 4)]
        beyond = (test > train.max()) | (test < train.min())
        shares.append(beyond.mean())
    return pd.concat(shares, axis=1).mean(axis=1)
