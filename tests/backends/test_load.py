"""How many threads the model gets, by the load of the machine."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from backends.load import CpuLoad, CpuReading, read_cpu, usable_cores


class Machine:
    """A machine whose load the test sets; each reading is a second after the last."""

    def __init__(self) -> None:
        self.now = self.busy = self.ours = 0.0
        self.neighbours = self.worker = 0.0

    def read(self, pid: int | None) -> CpuReading:
        self.now += 1.0
        self.busy += self.neighbours + self.worker
        self.ours += self.worker
        return CpuReading(at_s=self.now, busy_s=self.busy, ours_s=self.ours, pid=pid)


def _load(machine: Machine, cores: int = 2) -> CpuLoad:
    return CpuLoad(cores, read=machine.read, sleep=lambda _s: None, calm_s=5.0)


def _after(load: CpuLoad, seconds: int) -> int:
    for _ in range(seconds):
        load.observe(7)
    return load.threads()


def test_a_quiet_machine_gives_all_cores() -> None:
    assert _load(Machine()).threads() == 2


def test_the_worker_is_not_its_own_neighbour() -> None:
    machine = Machine()
    machine.worker = 2.0
    assert _after(_load(machine), 10) == 2


@pytest.mark.parametrize(
    ("cores", "busy", "expected"), [(2, 1.0, 1), (2, 2.0, 1), (8, 3.0, 5), (4, 0.3, 4), (1, 1.0, 1)]
)
def test_a_busy_neighbour_takes_its_cores_away(cores: int, busy: float, expected: int) -> None:
    machine = Machine()
    machine.neighbours = busy
    assert _after(_load(machine, cores), 4) == expected


def test_a_thread_comes_back_only_after_a_quiet_while() -> None:
    machine = Machine()
    load = _load(machine)
    machine.neighbours = 1.0
    assert _after(load, 4) == 1
    machine.neighbours = 0.0
    assert _after(load, 4) == 1
    assert _after(load, 6) == 2


def test_a_load_that_comes_and_goes_does_not_make_it_flap() -> None:
    machine = Machine()
    load = _load(machine)
    counts = []
    for second in range(60):
        machine.neighbours = 1.0 if second % 4 < 2 else 0.0
        counts.append(_after(load, 1))
    changes = sum(a != b for a, b in itertools.pairwise(counts))
    assert changes <= 1


def test_readings_of_two_workers_are_not_compared() -> None:
    machine = Machine()
    load = _load(machine)
    load.observe(1)
    load.observe(2)
    assert load.neighbours() is None


@pytest.fixture
def niced_neighbours() -> Iterator[list[psutil.Process]]:
    """Two processes of lowest priority that compute."""
    code = "import os; os.nice(19)\nwhile True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    time.sleep(0.5)
    yield [psutil.Process(process.pid) for process in busy]
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.skipif(not hasattr(psutil.cpu_times(), "nice"), reason="this system does not count nice time apart")
def test_work_of_low_priority_is_no_neighbour(niced_neighbours: list[psutil.Process]) -> None:
    def niced_s() -> float:
        return sum(process.cpu_times().user for process in niced_neighbours)

    cores, idle, ran, first = psutil.cpu_count() or 1, psutil.cpu_times().idle, niced_s(), read_cpu(None)
    deadline = time.monotonic() + 60
    while niced_s() - ran < 0.5 and time.monotonic() < deadline:  # on a busy machine they wait for their turn
        time.sleep(0.1)
    last, low = read_cpu(None), niced_s() - ran
    idle = psutil.cpu_times().idle - idle
    assert low >= 0.5
    assert last.busy_s - first.busy_s <= (last.at_s - first.at_s) * cores - idle - low + 0.25


def test_usable_cores_is_at_least_one_and_at_most_what_there_is() -> None:
    assert 1 <= usable_cores() <= (psutil.cpu_count() or 1)
