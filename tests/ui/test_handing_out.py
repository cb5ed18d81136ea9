"""Packs, reports, replays and telemetry through the real services."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from docx import Document

from agent.updates import Done
from provenance.credentials.media import media_type
from provenance.errors import NotFoundError, UsageError
from provenance.evidence import verifier
from provenance.note import VerifierKey, open_note
from tests.ui.houses import BAKERY, KEEPER, Build, ask, fill, house, make
from ui.origins import verifier as judge
from ui.services import Services

__all__ = ["house", "make"]

ASKED = "Who is the keeper of the lighthouse?"
WHY = {"requested_by": "Ada", "reason": "a letter"}


def test_a_pack_of_an_answer_verifies_and_is_on_record(house: Services) -> None:
    answer = ask(house, ASKED)
    pack = house.pack(answer.run)
    members = verifier.read_zip(pack.data)
    said = verifier.check(members, house.signing_keys()[-1].vkey)
    assert any("withheld, 0 erased" in line for line in said)
    assert members["artifacts/answer.txt"].decode() == answer.text
    report = members["report.html"].decode()
    assert "Oda Brandt" in report and "keeper.txt" in report and answer.run in report and "<script" not in report
    kinds = [event["kind"] for event in json.loads(members["record.json"])["events"]]
    assert kinds[0] == "request" and kinds[-1] == "pack"
    public = house.pack(answer.run, private=False)
    assert b"Oda Brandt" not in public.data.replace(answer.text.encode(), b"") and ASKED.encode() not in public.data
    verifier.check(verifier.read_zip(public.data))
    with pytest.raises(NotFoundError):
        house.pack("r-none")


@pytest.mark.parametrize("form", ["pdf", "docx"])
def test_a_report_carries_credentials_and_is_recognised(house: Services, form: str) -> None:
    answer = ask(house, ASKED)
    made = house.export(answer.run, form)
    assert media_type(io.BytesIO(made.data)) == made.mime and made.name.endswith(form)
    with judge(house.parts.settings) as judging:
        found = judging.verify(made.data)
        changed = bytearray(made.data)
        changed[len(changed) // 3] ^= 1
        assert not any(one.strength == "proof" for one in judging.verify(bytes(changed)).evidence)
    assert (found.verdict, found.run) == ("ours", answer.run) and found.evidence[0].strength == "proof"
    told = made.data.decode("latin-1")
    assert answer.run in told and "keeper.txt" in told  # the source is an ingredient of the manifest
    [event] = [event for event in house.record(answer.run).events if event.kind == "export"]
    assert event.body["form"] == form and event.body["bytes"] == len(made.data)
    assert ask(house, ASKED).run != answer.run and house.verify().ok


def test_a_word_report_opens_and_holds_the_answer_with_its_sources(house: Services) -> None:
    answer = ask(house, ASKED)
    document = Document(io.BytesIO(house.export(answer.run, "docx").data))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert answer.text in text and "keeper.txt" in text and ASKED in text
    public = house.export(answer.run, "docx", private=False).data
    text = "\n".join(paragraph.text for paragraph in Document(io.BytesIO(public)).paragraphs)
    assert answer.text in text and ASKED not in text and "keeper.txt" not in text
    assert b"keeper.txt" not in public
    with zipfile.ZipFile(io.BytesIO(public)) as archive:
        assert archive.testzip() is None


def test_a_pdf_report_is_read_back_by_the_parser_of_the_house(house: Services, tmp_path: Path) -> None:
    import pypdfium2

    answer = ask(house, "Who keeps the lighthouse, 海 and Zoë?")
    pdf = pypdfium2.PdfDocument(house.export(answer.run, "pdf").data)
    text = " ".join("".join(page.get_textpage().get_text_range() for page in pdf).split())
    pdf.close()
    assert answer.text[:40] in text and "Zoë" in text and answer.run in text


def test_an_html_report_has_its_signature_beside_it(house: Services) -> None:
    answer = ask(house, ASKED)
    made = house.export(answer.run, "html")
    key = VerifierKey.parse(house.signing_keys()[-1].vkey)
    text, _ = open_note(made.note, [key])
    title, _, run, line = text.splitlines()
    digest = line.split()[1]
    assert (title, run) == ("Wherefrom file v1", answer.run)
    import hashlib

    assert hashlib.sha256(made.data).hexdigest() == digest


def test_texts_in_a_report_are_only_text(house: Services) -> None:
    run = ask(house, "Who is <script>alert(1)</script> & the keeper of the lighthouse?").run
    page = house.export(run, "html").data.decode()
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page
    assert house.export(run, "pdf").data.startswith(b"%PDF-") and house.export(run, "docx").data[:2] == b"PK"


def test_what_was_erased_is_not_exported(house: Services) -> None:
    run = ask(house, ASKED).run
    house.erase(run=run, **WHY)
    with pytest.raises(NotFoundError, match="erased"):
        house.export(run, "pdf")
    with pytest.raises(UsageError):
        house.export(run, "exe")
    verifier.check(verifier.read_zip(house.pack(run).data))


def test_a_record_as_prov_names_who_made_what_from_what(house: Services) -> None:
    answer = ask(house, ASKED)
    made = json.loads(house.export(answer.run, "prov").data)
    assert ASKED not in json.dumps(made) and "Oda Brandt" not in json.dumps(made)
    document = f"sha256:{answer.citations[0].document_digest}"
    assert document in made["entity"] and "run:answer" in made["entity"]
    derived = {(one["prov:generatedEntity"], one["prov:usedEntity"]) for one in made["wasDerivedFrom"].values()}
    passage = next(used for made_from, used in derived if made_from == "run:answer" and "passage" in used)
    assert (passage, document) in derived
    names = set(made["entity"]) | set(made["activity"]) | set(made["agent"])
    for relation in ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith", "wasAttributedTo"):
        for ends in made[relation].values():
            assert {value for name, value in ends.items() if name.startswith("prov:")} <= names
    assert all(name.partition(":")[0] in made["prefix"] for name in names)


# -- replay -------------------------------------------------------------------------------------------------------
def test_a_replay_of_an_untouched_house_is_bit_equal_and_leaves_only_its_verdict(house: Services) -> None:
    first = ask(house, ASKED)
    second = ask(house, "How many loaves does the bakery sell?", first.conversation)
    before = (house.conversation(first.conversation), house.parts.ledger.head().seq)
    for answer in (first, second):
        found = house.replay(answer.run)
        assert (found.verdict, found.cause, found.differences) == ("bit-equal", "", []), found
    assert (house.conversation(first.conversation), house.parts.ledger.head().seq) == (before[0], before[1] + 2)
    event = house.record(first.run).events[-1]
    assert event.kind == "replay" and event.body["verdict"] == "bit-equal" and not event.contents
    assert house.record(first.run).run.state == "done"


def test_an_answer_that_was_written_again_is_replayed_with_its_own_seed(house: Services) -> None:
    first = ask(house, ASKED)
    again = house.ask("", regenerate=first.run)
    assert isinstance(list(house.watch(again))[-1], Done)
    assert house.replay(again).verdict == "bit-equal"
    assert house.replay(first.run).verdict == "bit-equal"


def test_a_replay_names_a_document_that_is_gone(house: Services) -> None:
    answer = ask(house, ASKED)
    house.delete_document(answer.citations[0].document_id)
    found = house.replay(answer.run)
    digest = answer.citations[0].document_digest[:12]
    assert found.verdict == "changed" and found.cause.startswith(f"The document {digest}… is not in the library")
    assert found.answer == answer.text != found.replayed


def test_a_replay_names_other_weights_threads_and_libraries(house: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(house, ASKED)
    backend = type(house.parts.backend)
    true = house.parts.backend.identity()
    other = {"digest": "sha256:" + "ab" * 32, "details": {"threads": 7}}
    import dataclasses

    monkeypatch.setattr(backend, "identity", lambda self, options=None: dataclasses.replace(true, **other))
    monkeypatch.setattr(
        "ui.engine.calls.replaying.environment", lambda: {"libraries": {"xllamacpp": "9"}, "machine": "abacus"}
    )
    found = house.replay(answer.run)
    assert found.verdict == "bit-equal"  # the pretended model does not care
    said = " ".join(found.differences)
    assert "Other weights" in said and "threads" in said and "xllamacpp" in said and "abacus" in said


def test_what_cannot_be_replayed_says_why(house: Services) -> None:
    answer = ask(house, ASKED)
    house.erase(run=answer.run, **WHY)
    found = house.replay(answer.run)
    assert found.verdict == "cannot replay" and found.cause == "The question and the answer of this run were erased."
    with pytest.raises(NotFoundError):
        house.replay("r-none")
    ingest = next(row.run for row in house.runs() if row.kind == "ingest")
    with pytest.raises(UsageError):
        house.replay(ingest)


# -- telemetry ----------------------------------------------------------------------------------------------------
class _Collector(BaseHTTPRequestHandler):
    taken: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append((self.path, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    _Collector.taken = []
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", _Collector.taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_spans_of_a_run_reach_a_collector_without_its_texts(
    make: Build, collector: tuple[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    url, taken = collector
    house = make(otlp_url=url)
    fill(house, keeper=KEEPER, bakery=BAKERY)
    answer = ask(house, ASKED)
    house.parts.telemetry.close()  # type: ignore[union-attr]
    [(path, sent)] = taken
    spans = sent["resourceSpans"][0]["scopeSpans"][0]["spans"]
    names = [span["name"] for span in spans]
    assert path == "/v1/traces" and names[0] == "invoke_agent wherefrom"
    assert "retrieval documents" in names and any(name.startswith("chat ") for name in names)
    assert len({span["traceId"] for span in spans}) == 1 and len({span["spanId"] for span in spans}) == len(spans)
    assert all(span["parentSpanId"] == spans[0]["spanId"] for span in spans[1:])
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in spans)
    attributes = {one["key"]: one["value"] for one in spans[0]["attributes"]}
    assert attributes["wherefrom.run"] == {"stringValue": answer.run}
    assert "Brandt" not in json.dumps(sent) and "lighthouse" not in json.dumps(sent)


def test_a_collector_that_is_away_costs_no_answer(make: Build) -> None:
    house = make(otlp_url="http://127.0.0.1:1/v1/traces")
    fill(house, keeper=KEEPER)
    assert not ask(house, ASKED).refused


def test_telemetry_is_off_by_default(house: Services) -> None:
    assert house.parts.telemetry is None
