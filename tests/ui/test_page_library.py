"""The library page: adding and watching, the table, the page viewer, deleting, the search test bench."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import Stage, part, texts, until, view
from ui.api import DocumentRow, FileResult, IngestJob
from ui.settings import Settings
from ui.views.jobs import file_rows_html, job_title
from ui.views.library import choose_documents


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    Stage.engine, Stage.settings, Stage.went = FakeEngine(token_s=0.001, file_s=0.01), Settings(), []
    yield Stage.engine
    Stage.engine.close()


def open_library() -> AppTest:
    return view("library")


def test_documents_are_listed_with_their_facts(engine: FakeEngine) -> None:
    at = open_library()
    assert not at.exception and not at.error
    said = texts(at)
    assert "3 documents" in said
    for row in engine.documents():
        assert row.name in said
    assert ">docx<" in said and ">xlsx<" in said


def test_the_filter_keeps_what_holds_every_word(engine: FakeEngine) -> None:
    at = open_library()
    at.text_input(key="library.filter").set_value("report pdf").run()
    assert [button.key for button in at.button if button.key.startswith("doc.open.")] == ["doc.open.1"]
    at.text_input(key="library.filter").set_value("nothing like this").run()
    assert "No document fits the filter" in texts(at)


def test_documents_come_in_the_order_asked_for() -> None:
    def row(id_: int, name: str, size_bytes: int, added_at: str) -> DocumentRow:
        facts = {"path": "", "digest": "", "kind": "txt", "title": "", "pages": 1, "passages": 1}
        return DocumentRow(id=id_, name=name, size_bytes=size_bytes, added_at=added_at, **facts)

    rows = [row(1, "b.txt", 5, "2026-01-01T00:00:00Z"), row(2, "A.txt", 9, "2026-01-02T00:00:00Z")]
    assert [r.id for r in choose_documents(rows, text="", sort="Newest first")] == [2, 1]
    assert [r.id for r in choose_documents(rows, text="", sort="Name")] == [2, 1]
    assert [r.id for r in choose_documents(rows, text="", sort="Largest first")] == [2, 1]
    assert [r.id for r in choose_documents(rows, text="b.T", sort="Name")] == [1]


def test_dropped_files_are_read_and_failures_say_why(engine: FakeEngine) -> None:
    at = open_library()
    at.file_uploader[0].set_value(
        [("notes.txt", b"Rigg has nine masts.", "text/plain"), ("broken.pdf", b"%PDF", "application/pdf")]
    ).run()
    until(at, lambda at: "1 added, 1 failed" in texts(at))
    assert not at.exception and not at.error
    said = texts(at)
    assert "The file is protected by a password." in said and "Save it without one." in said
    assert "notes.txt" in {row.name for row in engine.documents()}
    assert not at.file_uploader[0].value  # the drop zone is empty again


def test_a_path_of_this_machine_is_read(engine: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "letter.txt").write_text("Dear Ove, the bell is cracked.")
    at = open_library()
    at.segmented_control(key="library.way").set_value("A path on this machine").run()
    at.text_input(key="library.path").set_value(f"'{tmp_path / 'a folder'}'")
    at.button(key="library.path.send").click().run()
    until(at, lambda at: "1 added" in texts(at))
    assert "letter.txt" in {row.name for row in engine.documents()}


def test_a_path_that_is_not_there_is_said_with_a_hint(engine: FakeEngine) -> None:
    at = open_library()
    at.segmented_control(key="library.way").set_value("A path on this machine").run()
    at.text_input(key="library.path").set_value("/nowhere/at/all")
    at.button(key="library.path.send").click().run()
    assert not at.exception
    assert "does not exist" in at.error[0].value and "Check the path" in at.error[0].value


def test_a_running_job_shows_its_files_and_can_be_stopped(engine: FakeEngine) -> None:
    engine.file_s = 0.3
    job = engine.upload([(f"{n}.txt", b"text %d" % n) for n in range(20)])
    at = open_library()  # another tab started it; this one sees it too
    assert "Reading 20 files" in texts(at)
    assert at.get("progress")
    at.button(key=f"job.stop.{job.id}").click().run()
    until(at, lambda at: engine.job(job.id).state == "stopped" and "Stopped:" in texts(at))
    assert engine.job(job.id).files_done == 20
    at.button(key=f"job.away.{job.id}").click().run()
    assert "Stopped:" not in texts(at)


def test_a_document_opens_in_the_viewer_without_a_highlight(engine: FakeEngine) -> None:
    at = open_library()
    at.button(key="doc.open.1").click().run()
    [page] = part(at, "wherefrom_page")
    assert page["label"] == "turbine-report.pdf, page 1" and page["top"] is None


def test_deleting_asks_first_and_then_deletes(engine: FakeEngine) -> None:
    at = open_library()
    at.button(key="doc.delete.2").click().run()
    assert "The file where it came from is not touched" in texts(at)
    assert len(engine.documents()) == 3
    at.button(key="doc.delete.yes").click().run()
    assert [row.name for row in engine.documents()] == ["turbine-report.pdf", "prices.xlsx"]
    assert "minutes.docx" not in texts(at.run())


def test_the_bench_ranks_passages_with_their_scores(engine: FakeEngine) -> None:
    at = open_library()
    at.text_input(key="bench.query").set_value("yaw gear").run()
    assert not at.exception and not at.error
    said = texts(at)
    assert "dense" in said and "lexical" in said and "fused" in said
    at.button(key="hit.open.1").click().run()
    [page] = part(at, "wherefrom_page")
    assert "highlighted" in page["label"]


def test_an_empty_library_offers_the_samples(engine: FakeEngine) -> None:
    Stage.engine = FakeEngine(library=False, file_s=0.001)
    at = open_library()
    assert "Nothing here yet" in texts(at)
    at.button(key="library.samples").click().run()
    until(at, lambda at: "added" in texts(at) and "Read" in texts(at) and len(Stage.engine.documents()) >= 6)


def test_names_and_reasons_cannot_bring_html_with_them() -> None:
    evil = FileResult(path="<img src=x onerror=alert(1)>.pdf", status="failed", reason="<script>1</script>", hint="<b>")
    html = file_rows_html([evil])
    assert "<img" not in html and "<script" not in html and "<b>" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.pdf" in html


def test_failures_come_first_and_a_long_list_is_cut() -> None:
    files = [FileResult(path=f"{n}.txt", status="added") for n in range(300)] + [
        FileResult(path="bad", status="failed")
    ]
    html = file_rows_html(files)
    assert html.index("bad") < html.index("0.txt")
    assert "and 101 more files" in html


def test_a_job_says_what_became_of_its_files() -> None:
    files = [FileResult(path="a", status="added"), FileResult(path="b", status="failed")]
    job = IngestJob(id="j", run="r", state="done", files_total=2, files_done=2, files=files)
    assert job_title(job) == "Read: 1 added, 1 failed"
    assert job_title(job.model_copy(update={"state": "running"})) == "Reading 2 files"
