"""Synthetic tables whose truth is known: churn, credit, housing.

They exist to check methods: does the explanation find the true cause, does the estimate reach the true effect, does the
audit see the bias that was put in? Each returns a `Table` with a `truth` that says what y depends on, through which
terms and coefficients, which columns are mere proxies and which are noise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mldev.datasets_types import Dataset, Table, Truth, check_int, check_real


def churn_terms(X: pd.DataFrame) -> pd.DataFrame:
    """The terms of the true churn model."""
    return pd.DataFrame(
        {
            "tenure in years": X["tenure_months"] / 12,
            "monthly charge / 10": X["monthly_charge"] / 10,
            "support calls": X["support_calls"],
            "contract is yearly": (X["contract"] == "yearly").astype(float),
            "contract is two-year": (X["contract"] == "two-year").astype(float),
            "retention offer": X["retention_offer"],
        }
    )


CHURN = {
    "intercept": -3.0,
    "tenure in years": -0.35,
    "monthly charge / 10": 0.25,
    "support calls": 0.8,
    "contract is yearly": -0.9,
    "contract is two-year": -1.8,
    "retention offer": -0.7,
}


def churn_truth() -> Truth:
    """The law by which customers leave."""
    return Truth(
        statement=(
            "log-odds of leaving are linear in tenure, monthly charge, support calls, contract and retention offer"
        ),
        coefficients=dict(CHURN),
        design=churn_terms,
        link="logit",
        causes=(
            "tenure_months",
            "monthly_charge",
            "support_calls",
            "contract",
            "retention_offer",
        ),
        proxies={"total_charge": "tenure_months", "autopay": "contract"},
        noise=("paperless", "region"),
    )


def churn(num_rows: int = 5000, seed: int = 0) -> Table:
    """Customers of a telephone company; y is 1 when the customer leaves.

    The retention offer lowers the risk, but it is made to customers who call support often, and those leave more: in
    the raw data it looks harmful. `truth.effects` holds its true average effect on the probability of leaving.
    """
    check_int("num_rows", num_rows, 10, 1_000_000)
    rng = np.random.default_rng(check_int("seed", seed, 0))
    tenure = np.minimum(1 + rng.gamma(1.5, 16, num_rows), 72).astype(int)
    charge = np.clip(rng.normal(65, 18, num_rows), 20, 120).round(2)
    calls = rng.poisson(1.4, num_rows)
    contract = rng.choice(
        ["monthly", "yearly", "two-year"], num_rows, p=[0.55, 0.25, 0.20]
    )
    binding = (contract != "monthly").astype(float)
    X = pd.DataFrame(
        {
            "tenure_months": tenure,
            "monthly_charge": charge,
            "total_charge": (tenure * charge * rng.normal(1, 0.05, num_rows)).round(2),
            "support_calls": calls,
            "contract": contract,
            "autopay": rng.binomial(1, 0.25 + 0.5 * binding),
            "paperless": rng.binomial(1, 0.6, num_rows),
            "region": rng.choice(["east", "north", "south", "west"], num_rows),
            "retention_offer": rng.binomial(1, _sigmoid(1.3 * calls - 2.8)),
        }
    )
    model = churn_truth()
    everybody = model.mean(X.assign(retention_offer=1))
    nobody = model.mean(X.assign(retention_offer=0))
    truth = replace(
        model, effects={"retention_offer": float(np.mean(everybody - nobody))}
    )
    return Table(
        X, _toss(truth.mean(X), rng, "churned"), ("stays", "leaves"), truth=truth
    )


def credit_terms(X: pd.DataFrame) -> pd.DataFrame:
    """The terms of the true credit model."""
    return pd.DataFrame(
        {
            "log of income / 40": np.log(X["income"] / 40),
            "debt ratio": X["debt_ratio"],
            "late payments": X["late_payments"],
            "years employed": X["years_employed"],
            "log of loan / 10": np.log(X["loan"] / 10),
        }
    )


CREDIT = {
    "intercept": -2.6,
    "log of income / 40": -1.2,
    "debt ratio": 2.5,
    "late payments": 0.6,
    "years employed": -0.08,
    "log of loan / 10": 0.5,
}


def credit(num_rows: int = 8000, seed: int = 0, label_bias: float = 0.0) -> Table:
    """Borrowers; y is 1 when the loan is recorded as a default.

    Group B earns less, and lives in other districts; sex, group, age and district have no effect of their own. With
    `label_bias` above 0 that share of group B's good loans is recorded as defaults; `truth.unbiased_y` keeps what
    really happened.
    """
    check_int("num_rows", num_rows, 10, 1_000_000)
    check_real("label_bias", label_bias, 0, 1)
    rng = np.random.default_rng(check_int("seed", seed, 0))
    X = _borrowers(rng, num_rows)
    truth = Truth(
        statement=(
            "log-odds of default are linear in log income, debt ratio, late payments, years employed and log loan"
        ),
        coefficients=dict(CREDIT),
        design=credit_terms,
        link="logit",
        causes=("income", "debt_ratio", "late_payments", "years_employed", "loan"),
        proxies={"district": "group", "age": "years_employed", "group": "income"},
        noise=("sex",),
    )
    happened = _toss(truth.mean(X), rng, "default")
    wronged = (
        (X["group"] == "B") & (happened == 0) & (rng.random(num_rows) < label_bias)
    )
    recorded = happened.where(~wronged, 1)
    return Table(
        X, recorded, ("repaid", "default"), truth=replace(truth, unbiased_y=happened)
    )


def _borrowers(rng: np.random.Generator, num_rows: int) -> pd.DataFrame:
    """Features of the credit table."""
    group = rng.choice(["A", "B"], num_rows, p=[0.75, 0.25])
    in_b = group == "B"
    age = rng.integers(21, 70, num_rows)
    district = np.where(rng.random(num_rows) < 0.85, in_b, ~in_b) * 4 + rng.integers(
        1, 5, num_rows
    )
    return pd.DataFrame(
        {
            "income": np.exp(rng.normal(np.log(40) - 0.25 * in_b, 0.4)).round(1),
            "debt_ratio": rng.beta(2, 4, num_rows).round(3),
            "late_payments": rng.poisson(0.7, num_rows),
            "years_employed": (rng.beta(1.5, 3, num_rows) * (age - 18)).round(1),
            "loan": np.exp(rng.normal(np.log(10), 0.6, num_rows)).round(1),
            "age": age,
            "sex": rng.choice(["female", "male"], num_rows),
            "group": group,
            "district": pd.Series(district).map("d{}".format),
        }
    )


def housing_terms(X: pd.DataFrame) -> pd.DataFrame:
    """The terms of the true price model."""
    return pd.DataFrame(
        {
            "area": X["area"],
            "area near the centre": X["area"] * np.exp(-X["distance"] / 5),
            "age from 40, squared": ((X["age"] - 40) / 10) ** 2,
            "garden": X["garden"],
        }
    )


HOUSING = {
    "intercept": 40.0,
    "area": 2.0,
    "area near the centre": 3.0,
    "age from 40, squared": 4.0,
    "garden": 25.0,
}


def housing(num_rows: int = 3000, seed: int = 0, noise: float = 25.0) -> Table:
    """Houses; y is the price in thousands.

    A square metre is worth more near the centre (an interaction), and both new and old houses are worth more than those
    of middle age (a curve): a straight line cannot find either.
    """
    check_int("num_rows", num_rows, 10, 1_000_000)
    check_real("noise", noise, 0, 1e6)
    rng = np.random.default_rng(check_int("seed", seed, 0))
    area = rng.gamma(8, 13, num_rows).round(1) + 20
    X = pd.DataFrame(
        {
            "area": area,
            "rooms": np.maximum(
                1, (area / 28 + rng.normal(0, 0.6, num_rows)).round()
            ).astype(int),
            "age": rng.integers(0, 100, num_rows),
            "distance": rng.gamma(2.5, 2.5, num_rows).round(2),
            "garden": rng.binomial(1, 0.4, num_rows),
            "floors": rng.integers(1, 4, num_rows),
            "facing": rng.choice(["east", "north", "south", "west"], num_rows),
        }
    )
    truth = Truth(
        statement=(
            "price is linear in area, area x exp(-distance / 5), ((age - 40) / 10) squared, and garden, plus noise"
        ),
        coefficients=dict(HOUSING),
        design=housing_terms,
        link="identity",
        causes=("area", "age", "distance", "garden"),
        proxies={"rooms": "area"},
        noise=("floors", "facing"),
    )
    price = truth.mean(X) + rng.normal(0, noise, num_rows)
    return Table(X, pd.Series(price, name="price"), truth=truth)


def _sigmoid(value: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-value))


def _toss(probability: np.ndarray, rng: np.random.Generator, name: str) -> pd.Series:
    """One toss per row."""
    return pd.Series(
        (rng.random(len(probability)) < probability).astype(np.int64), name=name
    )


MADE_UP = "synthetic: made by the formula in the code; no such people or houses exist"

ENTRIES = (
    Dataset(
        name="churn",
        title="Churn (synthetic)",
        description=(
            "Customers who stay or leave, by a logistic formula in five of the nine columns. Two columns only follow "
            "a cause, two are noise, and an offer that helps is handed mostly to those about to leave: for "
            "explanations that should find causes, and for effects that must be freed from confounding."
        ),
        source=MADE_UP,
        licence="the book's own",
        size=(5000, 9),
        kind="table",
        sensitive=(),
        load=churn,
        synthetic=True,
    ),
    Dataset(
        name="credit",
        title="Credit (synthetic)",
        description=(
            "Loans repaid or not, by a logistic formula in which sex, group, age and district play no part; group B "
            "earns less and lives elsewhere. `label_bias` records a share of group B's good loans as defaults, and "
            "the labels as they were before are kept: for fairness work in which the truth can be looked up."
        ),
        source=MADE_UP,
        licence="the book's own",
        size=(8000, 9),
        kind="table",
        sensitive=("sex", "group", "age"),
        load=credit,
        synthetic=True,
    ),
    Dataset(
        name="housing",
        title="Housing (synthetic)",
        description=(
            "House prices with an interaction (a square metre counts for more near the centre) and a curve (age), a "
            "column that only follows area, and two of noise: for partial dependence and feature importance against "
            "the true function."
        ),
        source=MADE_UP,
        licence="the book's own",
        size=(3000, 7),
        kind="table",
        sensitive=(),
        load=housing,
        task="regression",
        synthetic=True,
    ),
)
