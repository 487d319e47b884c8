"""Distributed, federated and continual learning: the chapter's entry, with its studies.

`at_scale_network` is the network, `at_scale_data` what it learns; `at_scale_parallel` trains it in several processes,
`at_scale_federated` and `at_scale_flower` with several owners of data, `at_scale_continual` on one task after another.
"""

from mldev.training.at_scale_studies import STUDIES

__all__ = ["STUDIES"]
