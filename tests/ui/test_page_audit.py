"""The audit pages: the list with its filters, the check of the ledger, the record of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.fake_engine import FakeEngine
from tests.ui.page_harness import Stage, part, texts, view
from ui.api import EventRow, Record, RunRow
from ui.settings import Settings
from ui.views.audit import state_tags
from ui.views.audit_charts import outcomes_by_day
from ui.views.record import event_title, record_html
from ui.views.record_graph import record_dot


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    Stage.engine, Stage.settings, Stage.went = FakeEngine(token_s=0.001), Settings(), []
    for question in ("Which turbine stood still?", "What is the mayor's salary?", "Please fail"):
        run = Stage.engine.ask(question)
        for _ in Stage.engine.watch(run):
            pass
    while any(row.state == "running" for row in Stage.engine.runs()):
        time.sleep(0.01)
    yield Stage.engine
    Stage.engine.close()


def open_audit(**query: str) -> AppTest:
    return view("audit", **query)


def listed(at: AppTest) -> list[str]:
    return [button.label for button in at.button if button.key.startswith("run.")]


def test_runs_are_listed_newest_first_with_their_state(engine: FakeEngine) -> None:
    at = open_audit()
    assert not at.exception and not at.error
    assert listed(at) == ["Please fail", r"What is the mayor\'s salary?", "Which turbine stood still?"]
    said = texts(at)
    assert ">refused<" in said and ">failed<" in said and ">done<" in said


def test_filters_by_text_kind_and_state(engine: FakeEngine) -> None:
    at = open_audit()
    at.text_input(key="audit.text").set_value("turbine").run()
    assert listed(at) == ["Which turbine stood still?"]
    at.text_input(key="audit.text").set_value("").run()
    at.selectbox(key="audit.state").set_value("refused").run()
    assert listed(at) == [r"What is the mayor\'s salary?"]
    at.selectbox(key="audit.kind").set_value("ingest").run()
    assert listed(at) == [] and "No run fits the filter" in texts(at)


def test_a_whole_ledger_verifies_and_shows_its_head(engine: FakeEngine) -> None:
    at = open_audit()
    at.button(key="audit.verify.run").click().run()
    assert "The ledger is whole" in at.success[0].value
    assert engine.verify().head in texts(at)


def test_a_changed_ledger_names_the_first_bad_event(engine: FakeEngine) -> None:
    engine.corrupt_at = 4
    at = open_audit()
    at.button(key="audit.verify.run").click().run()
    assert not at.success
    assert "The ledger was changed" in at.error[0].value and "Event 4" in at.error[0].value


def test_a_record_is_a_readable_tree_with_its_answer(engine: FakeEngine) -> None:
    run = engine.runs()[-1].run
    at = open_audit(run=run)
    assert not at.exception and not at.error
    said = texts(at)
    for piece in (
        "Which turbine stood still?",
        "Question received",
        "Documents searched",
        "Model called",
        "Answer recorded",
    ):
        assert piece in said
    for event in engine.record(run).events:
        assert event.digest in said
    [source] = [button for button in at.button if button.key == "source-audit-1"]
    source.click().run()
    assert "highlighted" in part(at, "wherefrom_page")[0]["label"]


def test_the_raw_events_can_be_unfolded_and_the_record_saved(engine: FakeEngine) -> None:
    at = open_audit(run=engine.runs()[-1].run)
    assert not at.json
    assert at.download_button(key="audit.download").label == "Download this record"
    at.session_state["audit.raw"] = True
    at.run()
    assert at.json and "request" in at.json[0].value


def test_a_run_opens_from_the_list_and_back(engine: FakeEngine) -> None:
    at = open_audit()
    at.button(key=f"run.{engine.runs()[0].run}").click().run()
    assert at.query_params["run"] == engine.runs()[0].run
    at.button(key="audit.back").click().run()
    assert "run" not in at.query_params and len(listed(at)) == 3


def test_a_run_that_does_not_exist_is_said(engine: FakeEngine) -> None:
    at = open_audit(run="r-nowhere")
    assert not at.exception
    assert "There is no run" in at.error[0].value


def _event(kind: str, **body: object) -> EventRow:
    return EventRow(seq=1, at="2026-01-01T00:00:00Z", run="r", kind=kind, digest="v1:0", body=dict(body))


def test_every_field_of_every_event_is_shown_and_escaped() -> None:
    events = [
        _event("guard", ring="input", action="block", rule="<i>x</i>", score=0.98765),
        _event("retrieval", given=[{"n": 7, "score": 0.5, "document": 3, "digest": "ab" * 32}], search_s=0.25),
        EventRow(
            seq=3, at="2026-01-01T00:00:02Z", run="r", kind="answer", digest="v1:1",
            body={"commitments": {"answer": "sha"}, "nested": {"seed": 123456, "flag": True, "nothing": None}},
            contents={"answer": "<script>1</script>", "question": None},
        ),
    ]  # fmt: skip
    row = RunRow(run="r", kind="ask", at="2026-01-01T00:00:00Z", title="t", events=3, state="done")
    html = record_html(Record(run=row, events=events), {3: "<b>a</b>"})
    assert "<i>" not in html and "<b>" not in html and "<script" not in html
    assert "&lt;b&gt;a" in html and "abababababab…" in html and f'title="{"ab" * 32}"' in html
    assert "&lt;i&gt;x&lt;/i&gt;" in html and "0.9877" in html and "0.2 s" in html and "123456" in html
    assert "(erased)" in html and "+2.0 s" in html and 'class="bad"' in html
    assert event_title(events[0]) == "Guard decided “block” on input"
    assert event_title(events[1]) == "Documents searched: 1 passage given to the model"
    assert event_title(_event("something_new")) == "Something new"


def test_a_model_call_says_in_one_line_which_weights_wrote_how_much() -> None:
    call = _event(
        "model_call", purpose="answer", model="qwen", weights="sha256:" + "c" * 64, seconds=2.5,
        parameters={"seed": 7, "temperature": 0.0}, tokens={"input": 1200, "output": 40},
        timings={"prompt_tokens_cached": 1000},
    )  # fmt: skip
    row = RunRow(run="r", kind="ask", at="2026-01-01T00:00:00Z", title="t", events=1, state="done")
    html = record_html(Record(run=row, events=[call]))
    assert "Model called to answer" in html
    line = "qwen · 1,200 tokens read (1,000 from memory) · 40 written · 2.5 s · seed 7 · temperature 0.0 · weights "
    assert line in html and "sha256:cccccccccccc…" in html


def test_a_doubt_is_shown_with_the_signs_that_speak_for_it() -> None:
    row = RunRow(run="r", kind="ask", at="2026-01-01T00:00:00Z", title="t", events=1, state="done")
    signs = {"strangers": 1.0, "unsure": 0.2, "alone": 1.0, "none": -3.0}
    html = record_html(Record(run=row, events=[_event("grounding", refused=True, doubt=0.8214, signs=signs)]))
    assert "Doubt that the passages hold the answer 0.82: a name or year stands nowhere near</" in html
    none = record_html(Record(run=row, events=[_event("grounding", doubt=0.9, signs={"none": 3.0})]))
    assert "0.90: the model found no words</" in none
    older = record_html(Record(run=row, events=[_event("grounding", refused=True, doubt=0.8214)]))
    assert "hold the answer 0.82</" in older


@pytest.mark.parametrize(
    ("state", "refused", "blocked", "words"),
    [
        ("done", False, False, ["done"]),
        ("done", True, False, ["refused"]),
        ("failed", False, True, ["failed", "blocked"]),
    ],
)
def test_state_tags_say_what_matters(state: str, refused: bool, blocked: bool, words: list[str]) -> None:
    row = RunRow(run="r", kind="ask", at="", title="", events=1, state=state, refused=refused, blocked=blocked)  # type: ignore[arg-type]
    assert [word for word in ("done", "failed", "refused", "blocked") if f">{word}<" in state_tags(row)] == words


def _press(at: AppTest, key: str) -> AppTest:
    return at.button(key=key).click().run()


def test_filters_by_model_guard_and_document(engine: FakeEngine) -> None:
    at = open_audit()
    at.selectbox(key="audit.model").set_value(engine.runs()[0].model).run()
    assert len(listed(at)) == 3
    at.selectbox(key="audit.guard").set_value("block").run()
    assert listed(at) == [] and "No run fits the filter" in texts(at)
    assert set(at.selectbox(key="audit.document").options) >= {"turbine-report.pdf", "minutes.docx"}


def test_the_checkpoint_is_shown_made_and_can_be_saved(engine: FakeEngine) -> None:
    at = open_audit()
    assert "Nothing is signed yet" in texts(at)
    _press(at, "audit.checkpoint.make")
    assert not at.exception and "WF-1-0000" in texts(at) and "events signed" in texts(at)
    assert at.download_button(key="audit.checkpoint.save").label == "Save it elsewhere"
    engine.problem = "The signing key can be read by others."
    assert "can be read by others" in texts(at.run())


def test_the_charts_count_what_happened(engine: FakeEngine) -> None:
    at = open_audit()
    at.session_state["audit.charts"] = True
    at.run()
    assert not at.exception
    said = texts(at)
    assert "Runs a day" in said and "By model" in said and "What guards stopped or hid" in said
    assert "What left marked or signed" in said and "0 of 1 pictures, 2 of 2 texts" in said
    rows = outcomes_by_day(engine.activity())
    assert {row["outcome"]: row["runs"] for row in rows} == {"answered": 1, "refused": 1, "failed": 1}


def test_a_record_can_be_proved_replayed_packed_and_exported(engine: FakeEngine) -> None:
    run = engine.runs()[-1].run
    at = open_audit(run=run)
    _press(at, "audit.prove")
    assert "are in the signed ledger" in at.success[0].value
    _press(at, "audit.replay")
    assert "Changed" in at.warning[0].value and "Other weights" in at.warning[0].value.replace("\\", "")
    _press(at, "pack.make.audit")
    _press(at, "export.html.audit")
    assert not at.exception and not at.error
    saved = {button.key: button.label.replace("\\", "") for button in at.get("download_button")}
    assert f"wherefrom-{run}.zip" in saved[f"save.packed.{run}.audit"]
    assert f"wherefrom-{run}.html" in saved[f"save.exported.{run}.audit"]
    assert f"save.note.exported.{run}.audit" in saved
    engine.problem = "The signing key is missing."
    _press(at, "export.pdf.audit")
    assert "key is missing" in at.error[0].value


def test_a_run_is_erased_only_with_name_reason_and_a_tick(engine: FakeEngine) -> None:
    run = engine.runs()[-1].run
    at = open_audit(run=run)
    _press(at, "audit.erase.go")
    assert "Tick the box first" in texts(at)
    at.checkbox(key="audit.erase.sure").check()
    _press(at, "audit.erase.go")
    assert "by whose request" in at.error[0].value
    at.text_input(key="audit.erase.by").set_value("Ada")
    at.text_input(key="audit.erase.reason").set_value("asked in a letter")
    _press(at, "audit.erase.go")
    assert not at.exception
    assert all(text is None for event in engine.record(run).events for text in event.contents.values())


def test_a_record_is_drawn_as_a_graph_of_quoted_texts(engine: FakeEngine) -> None:
    run = engine.ask('Which turbine "broke" \\ stood still?')
    for _ in engine.watch(run):
        pass
    at = open_audit(run=run)
    assert not at.exception and at.get("graphviz_chart")
    events = [
        _event("request").model_copy(update={"contents": {"question": 'Say "x" \\ or\n<b>?'}}),
        _event("guard", ring="input", action="redact", id="secret"),
        _event("retrieval", given=[{"n": n, "document": 3, "page": n, "score": 0.5} for n in range(1, 16)]),
        _event("model_call", purpose="answer", model="m", tokens={"output": 7}),
        _event("answer", citations=[{"n": 1}]).model_copy(update={"contents": {"answer": None}}),
    ]
    row = RunRow(run="r", kind="ask", at="2026-01-01T00:00:00Z", title="t", events=5, state="done")
    dot = record_dot(Record(run=row, events=events), {3: 'a "name".pdf'})
    assert dot.startswith("digraph") and dot.count("{") == dot.count("}")
    assert r"Say \"x\" \\ or" in dot and r"a \"name\".pdf" in dot and "(erased)" in dot
    assert "3 more passages" in dot and "n_passage1 -> n_model1" in dot and "n_model1 -> n_answer" in dot
    assert "Guard: redact" in dot
    quotes = dot.replace("\\\\", "").replace('\\"', "").count('"')
    assert quotes % 2 == 0
