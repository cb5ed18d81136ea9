"""`wherefrom code` against an engine in memory, over the real wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from tests.ui.engine_process import commanded
from ui import cli
from ui.commands import code


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with commanded(tmp_path, code, monkeypatch) as fake:
        yield fake


def test_code_comes_with_its_tests_and_its_record(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["code", "double a number", "--test", "assert double(1) == 2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"code", "language", "passed", "output", "run"} <= set(found)
    assert found["passed"] is True and found["language"] == "Python"
    assert found["tests"] == [{"source": "assert double(1) == 2", "problem": ""}]
    assert cli.main(["code", "double a number"]) == 0
    said = capsys.readouterr().out
    assert "return 2 * n" in said and "1 of 1 of your examples passed" in said


def test_code_is_copied_to_where_out_says(engine: FakeEngine, tmp_path: Path) -> None:
    assert cli.main(["code", "double", "-o", str(tmp_path / "double.py")]) == 0
    assert "def double" in (tmp_path / "double.py").read_text()


def test_what_goes_wrong_has_a_status(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["code", " "]) == 2
    assert cli.main(["code", "a weapon"]) == 1
    assert cli.main(["code", "something wrong"]) == 1
    assert "FAILS  assert double(2) == 4" in capsys.readouterr().out


def test_the_other_calls_cross_the_wire(engine: FakeEngine, tmp_path: Path) -> None:
    with code.open_client() as client:
        assert client.sandbox().layers
        ran = client.run_code("print('double')", tests=["assert True"])
        assert ran.passed and ran.output.startswith("ran")
        assert client.codes() == []
