"""How many threads the model may use, from what else this machine is doing.

llama.cpp's threads wait for each other after every layer. One that has to share its core with a stranger holds up all
the others: on two cores, beside one busy neighbour, two threads write less than half of what one writes. Work of low
priority (nice above 0) does not count: the scheduler takes its core away when ours wants it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["CpuLoad", "CpuReading", "FixedThreads", "calmest_cores", "read_cpu", "usable_cores"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuReading:
    """Counters since the machine started, in seconds."""

    at_s: float  # monotonic clock
    busy_s: float  # all cores together, normal and high priority, stolen time included
    ours_s: float  # the part of it that the worker used
    pid: int | None = None  # of the worker; counters of two workers do not compare


def read_cpu(pid: int | None) -> CpuReading:
    """The counters now. `pid` is the worker whose use is ours, not a neighbour's."""
    times = psutil.cpu_times()
    busy = times.user + times.system + sum(getattr(times, name, 0.0) for name in ("irq", "softirq", "steal"))
    ours = 0.0
    if pid is not None:
        try:
            used = psutil.Process(pid).cpu_times()
            ours = used.user + used.system
        except psutil.Error:
            pid = None
    return CpuReading(at_s=time.monotonic(), busy_s=busy, ours_s=ours, pid=pid)


def usable_cores() -> int:
    """Physical cores that this process may run on: hyper-threads share what llama.cpp is short of."""
    logical = psutil.cpu_count(logical=True) or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    return max(1, min(physical, allowed))


def calmest_cores(cores: list[int], count: int, *, look_s: float = 0.05) -> list[int]:
    """The `count` least busy of these logical processors, no two on one physical core while there are others."""
    try:
        busy = psutil.cpu_percent(interval=look_s, percpu=True)
    except (OSError, RuntimeError):
        return cores[:count]
    order = sorted(cores, key=lambda core: busy[core] if core < len(busy) else 0.0)
    firsts: list[int] = []
    seconds: list[int] = []
    taken: set[str] = set()
    for core in order:
        physical = _physical_core(core)
        (seconds if physical in taken else firsts).append(core)
        taken.add(physical)
    return (firsts + seconds)[:count]


def _physical_core(core: int) -> str:
    """Which logical processors share this one's physical core, as the kernel lists them."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return str(core)


class FixedThreads:
    """A `ThreadPolicy` that always says the same."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @property
    def most(self) -> int:
        """The count it was built with."""
        return self._threads

    def threads(self) -> int:
        """The count it was built with."""
        return self._threads

    def observe(self, worker_pid: int | None) -> None:
        """Nothing to learn."""


class CpuLoad:
    """A `ThreadPolicy` that follows the load: down at once, up again only after a quiet while.

    Args:
        cores: Cores there are; default: the physical ones that we may use.
        window_s: Seconds over which neighbours are averaged.
        calm_s: Seconds of quiet before a thread is given back, so that the count does not flap.
        read: Takes a reading; tests bring their own.
    """

    def __init__(
        self,
        cores: int | None = None,
        *,
        window_s: float = 3.0,
        calm_s: float = 8.0,
        read: Callable[[int | None], CpuReading] = read_cpu,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cores = cores or usable_cores()
        self._window_s, self._calm_s = window_s, calm_s
        self._read, self._sleep = read, sleep
        self._readings: deque[CpuReading] = deque(maxlen=64)
        self._threads = self._cores
        self._calm_since: float | None = None

    @property
    def most(self) -> int:
        """All cores."""
        return self._cores

    def observe(self, worker_pid: int | None) -> None:
        """Take a reading; called about once a second."""
        reading = self._read(worker_pid)
        if self._readings and self._readings[-1].pid != reading.pid:
            self._readings.clear()
        self._readings.append(reading)
        while len(self._readings) > 2 and reading.at_s - self._readings[1].at_s >= self._window_s:
            self._readings.popleft()
        self._decide(reading.at_s)

    def neighbours(self) -> float | None:
        """Cores kept busy by others, averaged over the window; None before there are two readings."""
        if len(self._readings) < 2:
            return None
        first, last = self._readings[0], self._readings[-1]
        span = last.at_s - first.at_s
        if span <= 0:
            return None
        return max(0.0, (last.busy_s - first.busy_s) - (last.ours_s - first.ours_s)) / span

    def threads(self) -> int:
        """How many threads to use from now on."""
        if self.neighbours() is None:  # a cold start: look for a moment before deciding
            pid = self._readings[-1].pid if self._readings else None
            self.observe(pid)
            self._sleep(0.15)
            self.observe(pid)
        return self._threads

    def _decide(self, now_s: float) -> None:
        neighbours = self.neighbours()
        if neighbours is None:
            return
        fit = max(1, self._cores - int(neighbours + 0.5))
        safe = max(1, self._cores - int(neighbours + 0.75))  # to go up, more than the bare minimum must be free
        if fit < self._threads:
            self._threads, self._calm_since = fit, None
        elif safe <= self._threads:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_s
        elif now_s - self._calm_since >= self._calm_s:
            self._threads, self._calm_since = safe, None
