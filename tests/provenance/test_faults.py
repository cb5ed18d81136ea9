"""Kills in the middle of appends. WHEREFROM_KILLS raises the count for a long run."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.ledger_faults import kill_appenders, tamper


def test_a_killed_process_loses_no_acknowledged_event_and_raises_no_alarm(tmp_path: Path) -> None:
    result = kill_appenders(tmp_path, rounds=int(os.environ.get("WHEREFROM_KILLS", "20")), seed=os.getpid())
    assert result["acknowledged"] > 0
    assert (result["lost"], result["half_written"], result["false_alarms"]) == (0, 0, 0), result["reasons"]


def test_random_tampering_is_found_where_it_was_done(tmp_path: Path) -> None:
    result = tamper(tmp_path, count=100, seed=os.getpid())
    assert result["missed"] == 0, result["reasons"]
