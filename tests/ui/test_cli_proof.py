"""The commands about proof: what they print, which objects they give, and what their exit status says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_engine import FakeEngine
from tests.ui.test_cli import Run, fake, run
from ui.proof_api import Consistency

__all__ = ["fake", "run"]


def _object(out: str) -> dict[str, object]:
    assert out.count("\n") == 1
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def asked(run: Run) -> str:
    return str(_object(run("ask", "What does the fund hold?", "--json")[1])["run"])


def test_a_checkpoint_is_made_printed_and_exported(run: Run, asked: str, tmp_path: Path) -> None:
    file = tmp_path / "kept.checkpoint"
    made = _object(run("audit", "checkpoint", "--export", str(file), "--json")[1])
    assert made["file"] == str(file) and file.read_text() == made["note"] and made["code"] == "WF-1-0000"
    status, out, _ = run("audit", "checkpoint", "--print")
    assert status == 0 and str(made["note"]) in out and "For paper: WF-1-0000" in out
    assert run("audit", "verify", "--against", str(file), "--against", "WF-12-ABCD", "--json")[0] == 0
    assert run("audit", "verify", "--against", str(tmp_path / "none"))[0] == 2
    assert run("audit", "checkpoint", "--export", str(tmp_path / "no" / "folder"))[0] == 3


def test_what_is_brought_to_a_verification_reaches_the_engine(
    run: Run, fake: FakeEngine, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []
    true = fake.verify

    def verify(**given: object) -> object:
        seen.append(given)
        return true()

    monkeypatch.setattr(fake, "verify", verify)
    file = tmp_path / "kept"
    file.write_text("origin\n5\nroot\n\n— origin AAAA\n", encoding="utf-8")
    assert run("audit", "verify", "--against", str(file), "--against", "wf-5-AAAA", "--head", "5:v1:00")[0] == 0
    assert seen == [{"notes": [file.read_text(encoding="utf-8")], "codes": ["wf-5-AAAA"], "head": "5:v1:00"}]


def test_events_and_runs_are_proved(run: Run, asked: str) -> None:
    found = _object(run("audit", "prove", asked, "--json")[1])
    assert found["vkey"] and len(found["proofs"]) > 3  # type: ignore[arg-type]
    assert "c2sp.org/tlog-proof@v1" in run("audit", "prove", "1")[1]
    assert run("audit", "prove", "r-none")[0] == 2


def test_consistency_says_with_its_status_whether_it_holds(
    run: Run, fake: FakeEngine, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("audit", "consistency", "2")[0] == 0
    broken = Consistency(ok=False, old_size=1, old_root="", new_size=2, new_root="", reason="It was written anew.")
    monkeypatch.setattr(fake, "consistency", lambda old, new="": broken)
    status, out, _ = run("audit", "consistency", "1", "2")
    assert status == 1 and "NOT consistent. It was written anew." in out


def test_keys_are_shown_and_changed(run: Run) -> None:
    assert len(_object(run("audit", "keys", "--json")[1])["keys"]) == 1  # type: ignore[arg-type]
    status, out, _ = run("audit", "keys", "rotate")
    assert status == 0 and "rotated, since" in out and "current, since" in out and "Tell those" in out


def test_an_erasure_needs_a_reason_and_may_be_tried_first(run: Run, fake: FakeEngine, asked: str) -> None:
    assert run("audit", "erase", "--run", asked)[0] == 2
    assert run("audit", "erase", "--by", "Ada", "--reason", "x")[0] == 2
    assert run("audit", "erase", "--run", asked, "--document", "x", "--by", "Ada", "--reason", "x")[0] == 2
    assert "Would erase" in run("audit", "erase", "--run", asked, "--dry-run")[1]
    assert fake.record(asked).events[0].contents["question"]
    done = _object(run("audit", "erase", "--run", asked, "--by", "Ada", "--reason", "a letter", "--json")[1])
    assert done["run"] == "r-erasure" and done["contents"]
    assert fake.record(asked).events[0].contents["question"] is None
    assert run("audit", "erase", "--person", "Oda Brandt", "O. Brandt", "--by", "Ada", "--reason", "x")[0] == 0


def test_a_pack_is_written_where_it_is_wanted(
    run: Run, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "verify.py" in run("pack", "last")[1]
    assert (tmp_path / f"wherefrom-{asked}.zip").read_bytes().startswith(b"PK")
    made = _object(run("pack", asked, "--out", "evidence.zip", "--public", "--json")[1])
    assert made["private"] is False and Path(str(made["file"])).name == "evidence.zip"


def test_an_export_takes_its_form_from_the_name(run: Run, asked: str, tmp_path: Path) -> None:
    for name, form in (("a.pdf", "pdf"), ("a.DOCX", "docx"), ("a.html", "html"), ("a.prov.json", "prov")):
        made = _object(run("export", asked, "--to", str(tmp_path / name), "--json")[1])
        assert made["form"] == form and (tmp_path / name).read_bytes() == asked.encode()
        assert (tmp_path / f"{name}.note").exists() == (form == "html")
    assert run("export", asked, "--to", "report.exe")[0] == 2


def test_a_replay_that_differs_is_status_one_with_its_cause(run: Run, asked: str) -> None:
    status, out, _ = run("replay", "last")
    assert status == 1 and out.startswith("Changed.") and "Cause: Other weights" in out
    assert _object(run("replay", asked, "--json")[1])["verdict"] == "changed"
