"""The page *Is this ours?*: a text and a file in, the verdict with its evidence out, and the way to the record."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from provenance.credentials.disclosure import Disclosure
from provenance.credentials.read import CredentialReader
from provenance.database import open_database
from provenance.ledger import Ledger, new_run_id
from tests.fake_engine import FakeEngine
from tests.provenance.pictures import icon
from tests.ui.page_harness import Stage, texts, view
from ui.origins import certificates, deliverer, signer
from ui.settings import Settings

ANSWER = (
    "The lens of the great telescope was repaired in 2019 by the workshop in Jena, after a crack had been found "
    "during the yearly inspection [1]. The repair cost 48,000 euros, of which the trust paid half [2]."
)


@pytest.fixture
def settings(home: Path) -> Settings:
    Stage.engine, Stage.settings, Stage.went = FakeEngine(), Settings(home=home), []
    return Stage.settings


def page() -> AppTest:
    return view("verify")


def test_an_answer_that_was_edited_leads_to_its_record(settings: Settings) -> None:
    run, database = new_run_id(), open_database(settings.url)
    ledger = Ledger(database)
    ledger.append(kind="answer", run=run, body={"refused": False}, contents={"answer": ANSWER})
    ledger.close()
    database.close()

    at = page()
    at.text_area(key="verify.text").set_value(ANSWER.replace("great", "big") + " <b>bold</b>")
    at.button(key="verify.check").click().run()
    assert not at.exception
    assert "Ours" in texts(at) and "resembles an answer" in texts(at)
    at.button(key="verify.open").click().run()
    assert Stage.went == [("audit", {"run": run})]


def test_a_picture_of_ours_and_a_foreign_one(settings: Settings) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "PNG")
    signed = signer(settings).sign_bytes(out.getvalue(), "image/png", Disclosure(record="r-1"))
    for data, word in ((signed, "signed by this installation"), (b"\x89PNG\r\n\x1a\n", "Cannot tell")):
        at = page()
        at.file_uploader(key="verify.file").set_value(("picture.png", data, "image/png"))
        at.button(key="verify.check").click().run()
        assert not at.exception
        assert word in texts(at)


def test_a_stripped_picture_gets_its_credentials_back(settings: Settings) -> None:
    made = deliverer(settings).deliver(icon(), Disclosure(record="r-1"))
    with Image.open(io.BytesIO(made.data)) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=80)
    at = page()
    at.file_uploader(key="verify.file").set_value(("copy.jpg", out.getvalue(), "image/jpeg"))
    at.button(key="verify.check").click().run()
    assert not at.exception and "record r-1" in texts(at)
    at.button(key="verify.restore").click().run()
    assert not at.exception
    back = at.session_state["verify.given_back"]
    report = CredentialReader(certificates(settings)).read(back)
    assert report.ours and report.record_id == "r-1"


def test_nothing_to_look_at_is_said_calmly(settings: Settings) -> None:
    at = page()
    at.button(key="verify.check").click().run()
    assert not at.exception and not at.error
    assert "first" in texts(at)
