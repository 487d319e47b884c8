"""The same search in one process, on two workers, and on a cluster: Optuna proposes, Ray Tune distributes.

The search asks for two trials at a time and hears of both before it asks again, in one process as on many. A
proposal then depends on the trials' values only, never on which worker was faster.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import pandas as pd

from mldev.training.hyperparameter_tuning_gp import GaussianProcessSampler
from mldev.training.hyperparameter_tuning_meeting import Meeting
from mldev.training.hyperparameter_tuning_problems import MLP_SPACE, train_mlp
from mldev.training.hyperparameter_tuning_tables import digits

SPACE = dict(MLP_SPACE)
AT_ONCE = 2
NUM_STARTUP = 4
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would report its use to its makers
    "RAY_AIR_NEW_OUTPUT": "0",  # no progress table
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no result files beside the table that we return
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def objective(config: dict, meeting: object = None) -> dict:
    """Train one network for 27 epochs; report its validation error and who trained it."""
    if meeting is not None:
        _wait_for_others(meeting)
    return {"loss": train_mlp(config, digits(0))["valid_27"], "worker": os.getpid()}


def search_here(num_trials: int, seed: int) -> pd.DataFrame:
    """The search in this process, without Ray."""
    _in_batches(num_trials)
    study = optuna.create_study(sampler=GaussianProcessSampler(NUM_STARTUP, seed=seed))
    for _ in range(num_trials // AT_ONCE):
        trials = [study.ask(SPACE) for _ in range(AT_ONCE)]
        for trial in trials:
            study.tell(trial, objective(trial.params)["loss"])
    return pd.DataFrame([t.params | {"loss": t.value} for t in study.trials])


def search_on_ray(
    num_trials: int, seed: int, address: str | None = None, num_workers: int = 2
) -> pd.DataFrame:
    """The search on Ray: on this machine, or on the cluster at ``address``."""
    _in_batches(num_trials)
    with _connected(address, num_workers) as ray:
        from ray import tune
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        sampler = GaussianProcessSampler(NUM_STARTUP, seed=seed)
        proposer = OptunaSearch(SPACE, sampler=sampler, metric="loss", mode="min")
        proposer = ConcurrencyLimiter(proposer, AT_ONCE, batch=True)
        settings = tune.TuneConfig(
            "min",
            "loss",
            search_alg=proposer,
            num_samples=num_trials,
            reuse_actors=True,
        )
        meeting = ray.remote(num_cpus=0)(Meeting).remote(num_workers)
        train = tune.with_resources(
            tune.with_parameters(objective, meeting=meeting), {"cpu": 1}
        )
        with tempfile.TemporaryDirectory() as folder:
            run = tune.RunConfig(
                "search",
                storage_path=folder,
                verbose=0,
                progress_reporter=tune.CLIReporter(),
            )
            results = tune.Tuner(train, tune_config=settings, run_config=run).fit()
    return pd.DataFrame(
        [
            r.config | {"loss": r.metrics["loss"], "worker": r.metrics["worker"]}
            for r in results
        ]
    )


def _in_batches(num_trials: int) -> None:
    if num_trials % AT_ONCE:
        raise ValueError(f"num_trials: {num_trials}; a multiple of {AT_ONCE}")


@contextmanager
def _connected(address: str | None, num_workers: int) -> Iterator:
    """Ray, started here or joined at an address, and left at the end."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    here = {
        "num_cpus": num_workers,
        "include_dashboard": False,
        "object_store_memory": 80 * 2**20,
        "_system_config": {"enable_worker_prestart": False},  # no idle worker
    }
    where = {"address": address} if address else here
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **where)
    try:
        yield ray
    finally:
        ray.shutdown()


def _wait_for_others(meeting: object, patience: float = 180.0) -> None:
    import ray

    end = time.monotonic() + patience
    while not ray.get(meeting.complete.remote(os.getpid())):
        if time.monotonic() > end:
            raise TimeoutError(f"the other workers did not come within {patience:g} s")
        time.sleep(0.2)
