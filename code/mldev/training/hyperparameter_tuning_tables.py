"""The three problems with their tables: every configuration of every space, trained once and kept."""

from functools import cache

from mldev.studies import Study
from mldev.training.hyperparameter_tuning_problems import (
    BOOSTING_SPACE,
    MLP_SPACE,
    SVM_SPACE,
    Problem,
    Split,
    digits_split,
    every_configuration,
    train_boosting,
    train_mlp,
    train_svm,
    visits_split,
)

CHAPTER = "training/hyperparameter-tuning"

digits = cache(digits_split)
visits = cache(visits_split)


def svm_row(row: dict) -> dict:
    return train_svm(row, digits(0))


def mlp_row(row: dict) -> dict:
    return train_mlp(row, digits(0))


def boosting_row(row: dict) -> dict:
    return train_boosting(row, visits(0))


# A network's weights follow the last digit of every product, which differs between processors: its error rates may
# differ by the given share of the validation images, the others by rounding only.
STUDIES: dict[str, Study] = {
    "svm": Study(f"{CHAPTER}-svm", svm_row, every_configuration(SVM_SPACE)),
    "network": Study(
        f"{CHAPTER}-network", mlp_row, every_configuration(MLP_SPACE), tolerance=0.02
    ),
    "boosting": Study(
        f"{CHAPTER}-boosting",
        boosting_row,
        every_configuration(BOOSTING_SPACE),
        tolerance=1e-6,
    ),
}

PROBLEMS: dict[str, Problem] = {
    "svm": Problem(
        name="svm", title="Support vector machine, digits", loss_name="validation error",
        budget_name="training images / 20", space=SVM_SPACE, train=train_svm, load_split=digits,
        load_table=STUDIES["svm"].rows, resumable=False,
    ),
    "network": Problem(
        name="network", title="Neural network, digits", loss_name="validation error", budget_name="epochs",
        space=MLP_SPACE, train=train_mlp, load_split=digits, load_table=STUDIES["network"].rows, resumable=True,
    ),
    "boosting": Problem(
        name="boosting", title="Boosted trees, doctor visits", loss_name="validation RMSE", budget_name="trees / 4",
        space=BOOSTING_SPACE, train=train_boosting, load_split=visits, load_table=STUDIES["boosting"].rows,
        resumable=True,
    ),
}  # fmt: skip


def load_problem(name: str) -> Problem:
    """A problem by name."""
    if name not in PROBLEMS:
        raise KeyError(f"problem {name!r} is unknown; there are {', '.join(PROBLEMS)}")
    return PROBLEMS[name]


def split_of(problem: Problem, seed: int = 0) -> Split:
    """The problem's data, cut by another seed."""
    return problem.load_split(seed)
