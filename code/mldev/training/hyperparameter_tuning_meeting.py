"""Where two workers of a search meet: a module of its own, so that the process that holds it loads nothing else."""


class Meeting:
    """Where the workers meet before the first trial, so that on a busy machine one does not do all the work."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.arrived: set[int] = set()

    def complete(self, worker: int) -> bool:
        self.arrived.add(worker)
        return len(self.arrived) >= self.size
