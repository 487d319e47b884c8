"""Automated machine learning: from a table to a tuned ensemble, within a time budget, by hand.

The chapter's modules, in the order in which the pages teach them:

1. ``automl_schema``: what each column is, and one matrix for all of them.
2. ``automl_preprocessing``: imputing, scaling and encoding, by the type of a column.
3. ``automl_space``: families of models and their hyperparameters.
4. ``automl_workers``: a fork server that can kill what it runs.
5. ``automl_evaluation``: a candidate on some folds; the metrics.
6. ``automl_search``: successive halving over cross-validation, under a clock.
7. ``automl_ensemble``: greedy ensemble selection.
8. ``automl_estimators``: all of it as two scikit-learn estimators.
9. ``automl_libraries``: FLAML and H2O behind the same signature.
10. ``automl_ladder``, ``automl_studies``: what is too long for a build.

This module gathers what a reader uses.
"""

from mldev.techniques import automl_ladder, automl_studies
from mldev.techniques.automl_estimators import AutoMLClassifier, AutoMLRegressor

__all__ = ["STUDIES", "AutoMLClassifier", "AutoMLRegressor"]

STUDIES = automl_studies.STUDIES | automl_ladder.STUDIES
