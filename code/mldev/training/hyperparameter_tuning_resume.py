"""A tuning study that may die at any moment: every finished trial is in its journal, a file, before the next begins.

Run as a program, it works on the study until enough trials are complete::

    python -m mldev.training.hyperparameter_tuning_resume JOURNAL --num-trials 16 --seed 0
"""

import argparse
import os
import signal
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from mldev.training.hyperparameter_tuning_gp import GaussianProcessSampler
from mldev.training.hyperparameter_tuning_problems import FULL
from mldev.training.hyperparameter_tuning_tables import load_problem

STUDY = "network"


def open_study(journal: Path, seed: int) -> optuna.Study:
    """Begin the study, or go on with it: trials that a dead process left running are marked as failed."""
    storage = JournalStorage(JournalFileBackend(str(journal)))
    sampler = GaussianProcessSampler(num_startup=6, seed=seed)
    study = optuna.create_study(
        study_name=STUDY, storage=storage, sampler=sampler, load_if_exists=True
    )
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def work(
    journal: Path, num_trials: int, seed: int, die_in: int | None = None
) -> optuna.Study:
    """Run trials until so many are complete; in trial number ``die_in``, kill this process without warning."""
    study = open_study(journal, seed)
    problem = load_problem(STUDY)

    while len(complete(study)) < num_trials:
        trial = study.ask(dict(problem.space))
        loss = problem.train(trial.params, problem.load_split(0))[f"valid_{FULL}"]
        if trial.number == die_in:
            os.kill(os.getpid(), signal.SIGKILL)
        study.tell(trial, loss)
    return study


def complete(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials that have a value."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("journal", type=Path)
    parser.add_argument("--num-trials", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--die-in", type=int)
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    work(options.journal, options.num_trials, options.seed, options.die_in)


if __name__ == "__main__":
    main()
