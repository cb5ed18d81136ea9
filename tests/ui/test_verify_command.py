"""`wherefrom verify`: what a person and a program are told, and the exit status."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from docx import Document
from PIL import Image

from provenance.credentials.disclosure import Disclosure
from provenance.credentials.media import DOCX
from provenance.credentials.read import CredentialReader
from provenance.database import open_database
from provenance.ledger import Ledger, new_run_id
from tests.provenance.pictures import cropped, icon, photo
from ui.cli import main
from ui.origins import certificates, deliverer, picture_delivery, signer
from ui.settings import Settings

ANSWER = (
    "The lens of the great telescope was repaired in 2019 by the workshop in Jena, after a crack had been found "
    "during the yearly inspection [1]. The repair cost 48,000 euros, of which the trust paid half [2]. Since then "
    "the instrument may only be used on nights without frost, and visitors look on."
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WHEREFROM_HOME", str(home))
    return Settings()


@pytest.fixture
def answered(settings: Settings) -> str:
    """The run of a recorded answer."""
    run, database = new_run_id(), open_database(settings.url)
    ledger = Ledger(database)
    ledger.append(kind="answer", run=run, body={"refused": False}, contents={"answer": ANSWER})
    ledger.close()
    database.close()
    return run


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "PNG")
    return out.getvalue()


def test_a_text_on_standard_input_is_traced_to_its_run(
    run: Run, answered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ANSWER.replace("great", "big").replace("workshop", "firm")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed.encode())))
    status, out, _ = run("verify", "-", "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["verdict"], found["run"]) == ("ours", answered)
    assert {"kind", "strength", "says", "sentence", "run"} == set(found["evidence"][0])


def test_a_signed_picture_is_ours_and_another_cannot_be_told(run: Run, settings: Settings, tmp_path: Path) -> None:
    path, plain = tmp_path / "signed.png", tmp_path / "plain.png"
    path.write_bytes(signer(settings).sign_bytes(_png(), "image/png", Disclosure(record="r-1")))
    status, out, _ = run("verify", str(path))
    assert status == 0
    assert out.startswith("Ours.\n  proof    credentials: ")
    assert "`wherefrom record r-1`" in out
    Image.new("RGB", (40, 31)).save(plain)
    status, out, _ = run("verify", str(plain))
    assert status == 1
    assert out.startswith("Cannot tell.")


def test_a_stripped_picture_gets_its_credentials_back(run: Run, settings: Settings, tmp_path: Path) -> None:
    signer(settings).sign_bytes(_png(), "image/png", Disclosure(record="r-1"))
    stripped, back = tmp_path / "stripped.png", tmp_path / "back.png"
    stripped.write_bytes(_png())
    status, out, _ = run("verify", str(stripped), "--restore", str(back), "--json")
    assert status == 0
    assert json.loads(out)["restored"] == str(back)
    assert json.loads(run("verify", str(back), "--json")[1])["evidence"][0]["strength"] == "proof"


def test_a_report_without_credentials_is_recognised_by_its_text(run: Run, answered: str, tmp_path: Path) -> None:
    report = Document()
    report.add_heading("What became of the lens?")
    report.add_paragraph(ANSWER)
    path = tmp_path / "report.docx"
    report.save(path)
    status, out, _ = run("verify", str(path), "--json")
    found = json.loads(out)
    assert (status, found["verdict"], found["run"]) == (0, "ours", answered)


def test_a_signed_report_is_ours(run: Run, settings: Settings, tmp_path: Path) -> None:
    out = io.BytesIO()
    Document().save(out)
    path = tmp_path / "report.docx"
    path.write_bytes(signer(settings).sign_bytes(out.getvalue(), DOCX, Disclosure(record="r-1")))
    assert run("verify", str(path))[0] == 0


def test_wrong_use_is_said_in_one_sentence(run: Run, tmp_path: Path) -> None:
    status, out, err = run("verify", str(tmp_path / "missing.png"))
    assert (status, out) == (2, "")
    assert "missing.png cannot be read" in err
    (tmp_path / "foreign.txt").write_text("Nobody here wrote this.")
    status, _, err = run("verify", str(tmp_path / "foreign.txt"), "--restore", str(tmp_path / "x"))
    assert status == 2
    assert "none can be given back" in err


def test_roots_that_cannot_be_read_are_a_wrong_setting(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    monkeypatch.setenv("WHEREFROM_TRUSTED_ROOTS", str(path))
    status, _, err = run("verify", str(path))
    assert status == 2
    assert "WHEREFROM_TRUSTED_ROOTS" in err


def test_a_stripped_picture_is_recognised_by_its_mark_and_gets_its_manifest_back(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    made = deliverer(settings).deliver(photo(), Disclosure(record="r-1"))
    copy, back = tmp_path / "copy.jpg", tmp_path / "back.jpg"
    with Image.open(io.BytesIO(made.data)) as image:
        cropped(image, 0.8).save(copy, "JPEG", quality=75)
    status, out, _ = run("verify", str(copy), "--restore", str(back), "--json")
    found = json.loads(out)
    assert status == 0 and found["verdict"] == "ours" and found["run"] == "r-1"
    assert "image mark" in {one["kind"] for one in found["evidence"]}
    report = CredentialReader(certificates(settings)).read(back)
    assert report.ours and report.record_id == "r-1"


def test_a_picture_that_was_drawn_here_leaves_marked_and_signed(settings: Settings, run: Run, tmp_path: Path) -> None:
    out = io.BytesIO()
    icon(64).save(out, "PNG")
    file, copy = tmp_path / "drawn.png", tmp_path / "copy.webp"
    file.write_bytes(picture_delivery(settings)(out.getvalue(), record="r-1").data)
    with Image.open(file) as image:
        assert image.size == (512, 512)
        image.save(copy, "WEBP", quality=80)
    for path, kinds in ((file, {"credentials", "image mark"}), (copy, {"image mark"})):
        status, said, _ = run("verify", str(path), "--json")
        found = json.loads(said)
        assert status == 0 and found["run"] == "r-1"
        assert kinds <= {one["kind"] for one in found["evidence"] if one["says"] == "ours"}
