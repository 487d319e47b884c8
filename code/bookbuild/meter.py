"""What a process and all its children use: CPU seconds and memory."""

from __future__ import annotations

import contextlib
import threading

import psutil

INTERVAL = 0.5


class Meter(threading.Thread):
    """Sample a process tree until stopped; memory is proportional set size, so shared pages count once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.cpu: dict[tuple[int, float], float] = {}
        self.most = 0.0
        self.peak_bytes = 0
        self._stop_asked = threading.Event()

    @property
    def cpu_seconds(self) -> float:
        """What each process was seen to use, or what those alive and the children they waited for used, if more.

        A child that lives for less than an interval may never be seen; its parent knows what it used.
        """
        return max(self.most, sum(self.cpu.values()))

    def sample(self) -> None:
        total, used = 0, 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [self.root, *self.root.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                    times = process.cpu_times()
                    self.cpu[process.pid, process.create_time()] = times.user + times.system
                    used += times.user + times.system + times.children_user + times.children_system
                    memory = process.memory_full_info()
                    total += getattr(memory, "pss", memory.uss)
        self.peak_bytes, self.most = max(self.peak_bytes, total), max(self.most, used)

    def run(self) -> None:
        while not self._stop_asked.wait(INTERVAL):
            self.sample()

    def stop(self) -> None:
        """Take a last sample (the processes must still be there) and end."""
        if self._stop_asked.is_set():
            return
        self._stop_asked.set()
        self.join()
        self.sample()
