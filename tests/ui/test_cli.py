"""The command line: words for people, one object for programs, and the exit status says what happened."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_engine import FakeEngine
from ui.cli import build_parser, main
from ui.commands.output import shown
from ui.commands.page import is_loopback, page_settings

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Every command talks to this engine."""
    engine = FakeEngine(token_s=0.0, file_s=0.0)
    monkeypatch.setenv("WHEREFROM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ui.engine.client.EngineClient", lambda settings: engine)
    monkeypatch.setattr(engine, "close", lambda: None)  # a client that goes leaves the engine running
    yield engine
    engine.board.close()


@pytest.fixture
def run(fake: FakeEngine, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def _object(out: str) -> dict[str, Any]:
    """The one object on standard output; fails if there is anything else."""
    assert out.count("\n") == 1
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_an_answer_lists_its_sources_with_document_and_page(run: Run) -> None:
    status, out, _ = run("ask", "Why did turbine T7 stand still?")
    assert status == 0
    assert "41 days" in out and "[1] turbine-report.pdf, page 1: “" in out and "record r-" in out


def test_ask_as_json_has_the_promised_fields(run: Run) -> None:
    status, out, err = run("ask", "Why did turbine T7 stand still?", "--json")
    answer = _object(out)
    assert status == 0 and err == "" and answer["refused"] is False
    assert {"answer", "refused", "citations", "run", "timings"} <= answer.keys()
    assert {"n", "document", "page", "quote"} <= answer["citations"][0].keys()


def test_a_question_that_the_documents_do_not_answer_ends_with_status_one(run: Run) -> None:
    status, out, _ = run("ask", "Who painted the sky?", "--json")
    assert status == 1 and _object(out)["refused"] is True
    assert "No passage answers this.\nNearest in your documents:" in run("ask", "Who painted the brake disc?")[1]


def test_tables_are_shown_and_asked(run: Run) -> None:
    status, out, _ = run("table", "prices.xlsx")
    assert status == 0 and "prices (sheet Prices), 2 rows" in out and "    price  text" in out
    status, out, _ = run("table", "prices.xlsx", "SELECT part, price FROM prices")
    assert status == 0 and "Brake disc  18500" in out and "2 rows of prices.xlsx: Prices!A2:B3" in out
    found = _object(run("table", "prices.xlsx", "SELECT part, price FROM prices", "--json")[1])
    assert {"document", "document_digest", "sql", "columns", "rows", "cells", "rows_sha256"} <= found.keys()
    assert run("table", "prices.xlsx", "DROP TABLE prices")[0] == 2
    assert run("table", "nothing.xlsx")[0] == 2


def test_the_query_behind_a_table_is_told(run: Run) -> None:
    assert "  query: SELECT SUM(euros) FROM sums" in run("ask", "Draw a chart of the fund")[1]


def test_files_that_tools_made_are_told_and_copied(run: Run, tmp_path: Path) -> None:
    status, out, _ = run("ask", "Draw a chart of the fund", "--out", str(tmp_path / "made"))
    assert status == 0 and "image The image" in out and "    print(310 + 120)" in out
    assert (tmp_path / "made" / "sums.csv").read_text().startswith("supplier,euros")
    made = _object(run("ask", "Draw a chart of the fund", "--json")[1])["artifacts"]
    assert [one["kind"] for one in made] == ["image", "table", "code"] and {"name", "path", "sha256"} <= made[0].keys()
    (tmp_path / "file").write_text("")
    assert run("ask", "Draw a chart of the fund", "--out", str(tmp_path / "file"))[0] == 3


def test_a_question_may_come_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("What does the fund hold?\n"))
    status, out, _ = run("ask", "-")
    assert status == 0 and "2.4 million" in out


def test_a_conversation_goes_on(run: Run, fake: FakeEngine) -> None:
    first = _object(run("ask", "Why did turbine T7 stand still?", "--json")[1])["conversation"]
    assert _object(run("ask", "And the fund?", "--conversation", "last", "--json")[1])["conversation"] == first
    assert len(fake.conversation(first)) == 4
    assert run("ask", "And?", "--conversation", "c-none")[0] == 2


@pytest.mark.parametrize("question", ["", "   ", "x" * 50_000])
def test_a_bad_question_is_wrong_use_in_one_sentence(run: Run, question: str) -> None:
    status, out, err = run("ask", question)
    assert status == 2 and out == ""
    assert "Hint:" in err and err.count("\n") == 2
    status, out, err = run("ask", question, "--json")
    assert status == 2 and err == "" and _object(out).keys() == {"error", "hint"}


def test_only_emoji_is_a_question_like_any_other(run: Run) -> None:
    assert run("ask", "🦉🦉")[0] == 1


def test_an_answer_that_fails_is_our_fault(run: Run) -> None:
    status, _, err = run("ask", "please fail")
    assert status == 3 and "Hint: Ask again." in err


def test_a_bug_is_one_sentence_without_a_trace(run: Run, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "documents", lambda: 1 // 0)
    status, out, err = run("documents")
    assert status == 3 and out == "" and "ZeroDivisionError" in err and "Traceback" not in err
    status, out, _ = run("documents", "--json")
    assert status == 3 and _object(out)["hint"]


def test_files_are_ingested_with_a_line_for_each(run: Run, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("The lighthouse is 41 metres high.")
    (tmp_path / "broken.pdf").write_text("%PDF")
    status, out, _ = run("ingest", str(tmp_path / "good.txt"), str(tmp_path / "broken.pdf"))
    assert status == 1
    assert f"+ {tmp_path}/good.txt" in out and "broken.pdf: The file" in out and "1 added" in out
    status, out, _ = run("ingest", str(tmp_path / "good.txt"), "--json")
    job = _object(out)
    assert status == 0 and (job["added"], job["changed"], job["unchanged"], job["failed"]) == (0, 0, 1, [])
    status, out, _ = run("ingest", str(tmp_path / "broken.pdf"), "--json")
    assert status == 1 and _object(out)["failed"][0]["path"].endswith("broken.pdf")


def test_a_path_that_does_not_exist_is_wrong_use(run: Run, tmp_path: Path) -> None:
    status, _, err = run("ingest", str(tmp_path / "no\nsuch.txt"))
    assert status == 2 and "no\\nsuch.txt does not exist" in err
    assert run("ingest", "")[0] == 2
    assert run("ingest", "bad\udc80name.txt")[0] == 2


def test_a_name_with_a_newline_is_shown_escaped(run: Run, tmp_path: Path) -> None:
    path = tmp_path / 'odd "name"\n\x1b[31m🦉.txt'
    path.write_text("text")
    status, out, _ = run("ingest", str(path))
    assert status == 0 and r'odd "name"\n\x1b[31m🦉.txt' in out and "\x1b" not in out
    assert shown("a\u202eb") == r"a\u202eb"


def test_search_gives_positions(run: Run) -> None:
    status, out, _ = run("search", "yaw gear", "--json", "--top", "2")
    passages = _object(out)["passages"]
    assert status == 0 and len(passages) == 2
    assert {"document", "page", "start", "end", "text", "score"} <= passages[0].keys()
    assert run("search", "zzz")[1] == "Nothing found.\n"
    assert run("search", "x", "--top", "0")[0] == 2


def test_documents_are_listed_and_deleted_by_number(run: Run, fake: FakeEngine) -> None:
    number = str(fake.documents()[0].id)
    assert "turbine-report.pdf" in run("documents")[1]
    assert run("documents", "delete", number)[1] == "Deleted turbine-report.pdf.\n"
    assert run("documents", "delete", number, "--json")[0] == 2
    assert run("documents", "delete")[0] == 2
    assert len(_object(run("documents", "list", "--json")[1])["documents"]) == 2


def test_a_record_is_shown_as_a_tree(run: Run) -> None:
    run_id = _object(run("ask", "What does the fund hold?", "--json")[1])["run"]
    status, out, _ = run("record", run_id)
    assert status == 0 and "retrieval" in out and "question: What does the fund hold?" in out
    assert _object(run("record", "last", "--json")[1])["run"]["run"] == run_id
    assert run("record", "r-none")[0] == 2


def test_the_audit_verifies_lists_and_exports(run: Run, fake: FakeEngine, tmp_path: Path) -> None:
    run("ask", "What does the fund hold?")
    verified = _object(run("audit", "verify", "--json")[1])
    assert verified["ok"] is True and verified["first_bad"] is None and verified["events"] > 3
    assert "ask, done" in run("audit", "list")[1]
    lines = [json.loads(line) for line in run("audit", "export")[1].splitlines()]
    assert len(lines) == verified["events"] and "contents" not in lines[-1]
    target = tmp_path / "export.jsonl"
    assert _object(run("audit", "export", "--out", str(target), "--contents", "--json")[1])["events"] == len(lines)
    assert "What does the fund hold?" in target.read_text()
    assert run("audit", "export", "--out", str(tmp_path))[0] == 3
    fake.corrupt_at = 2
    status, out, _ = run("audit", "verify")
    assert status == 1 and "NOT" in out and "2" in out


def test_doctor_ends_with_status_one_when_something_is_wrong(run: Run) -> None:
    status, out, _ = run("doctor")
    assert status == 0 and "Everything is in order." in out
    status, out, _ = run("doctor", "--full", "--json")
    assert status == 1 and _object(out)["ok"] is False


def test_doctor_tells_what_it_can_without_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WHEREFROM_HOME", str(tmp_path / "file" / "home"))
    assert main(["doctor", "--json"]) == 1
    checks = {check["name"]: check for check in _object(capsys.readouterr().out)["checks"]}
    assert not checks["engine"]["ok"] and "cannot be written" in checks["engine"]["detail"]
    assert checks["python"]["ok"]


def test_models_and_backends_are_listed_without_an_engine(run: Run) -> None:
    models = _object(run("models", "list", "--json")[1])["models"]
    assert any(model["default"] and model["kind"] == "chat" for model in models)
    backends = {row["name"]: row for row in _object(run("backends", "--json")[1])["backends"]}
    assert backends["fake"]["problem"] == "" and "seed" in backends["fake"]["options"]["properties"]
    assert "Licence" in run("models", "card", "all-minilm-l6-v2")[1]
    assert run("models", "card")[0] == 2 and run("models", "card", "nope")[0] == 2


def test_weights_that_are_here_are_not_fetched_again(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(name: str, models_dir: Path, **_options: Any) -> Path:
        asked.append(name)
        return models_dir / name

    monkeypatch.setattr("backends.fetch.fetch", fetch)
    fetched = _object(run("models", "fetch", "--default", "--tests", "--json")[1])["fetched"]
    assert [row["name"] for row in fetched] == asked and len(asked) == 5
    assert run("models", "fetch")[0] == 2


def test_an_offline_machine_is_told_where_the_files_belong(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WHEREFROM_OFFLINE", "1")
    monkeypatch.setenv("WHEREFROM_MODELS_DIR", str(tmp_path / "none"))
    status, _, err = run("models", "fetch", "smollm2-135m-instruct-q4_1")
    assert status == 3 and "offline" in err and "Hint: Copy its files into" in err


def test_measurements_are_listed(run: Run) -> None:
    assert "documents" in run("bench")[1]
    assert run("bench", "nope")[0] == 2
    assert run("bench", "documents", "--data", "/nowhere")[0] == 2


@pytest.mark.parametrize(
    "arguments", [[], ["frobnicate"], ["ask"], ["ingest"], ["search", "x", "--top", "many"], ["audit", "burn"]]
)
def test_wrong_use_is_status_two(run: Run, arguments: list[str]) -> None:
    status, out, err = run(*arguments)
    assert status == 2 and out == "" and "Hint:" in err
    status, out, err = run(*arguments, "--json")
    assert status == 2 and err == "" and _object(out)["error"]


def test_a_wrong_setting_names_its_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEREFROM_TOP_K", "0")
    status, _, err = run("models", "list")
    assert status == 2 and "WHEREFROM_TOP_K" in err


def test_the_page_is_not_opened_to_others_without_a_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = run("ui", "--host", "0.0.0.0")
    assert status == 2 and "password" in err
    monkeypatch.setenv("WHEREFROM_PASSWORD", "secret")
    assert page_settings("0.0.0.0", None).page_host == "0.0.0.0"
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.168.1.7") and not is_loopback("my.host")


def test_a_taken_port_is_said_or_avoided(run: Run) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, _, err = run("ui", "--port", str(port))
        assert status == 2 and f"Port {port} is taken" in err
    assert run("ui", "--port", "70000")[0] == 2


def test_every_command_of_the_design_takes_json() -> None:
    for command in ("ui", "ask x", "ingest x", "search x", "record x", "audit verify", "models", "backends", "doctor"):
        assert build_parser().parse_args([*command.split(), "--json"]).json is True


@pytest.mark.parametrize("arguments", [["--help"], ["backends"], ["models", "list"]])
def test_light_commands_load_no_torch_and_take_less_than_a_second(arguments: list[str]) -> None:
    heavy = "torch transformers sentence_transformers faiss langchain langgraph streamlit diffusers xllamacpp"
    code = (
        "import sys, time; began = time.process_time()\n"
        "from ui.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        f"print([m for m in {heavy.split()} if m in sys.modules], time.process_time() - began, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded, _, seconds = done.stderr.strip().splitlines()[-1].rpartition(" ")
    assert loaded == "[]" and float(seconds) < 1.0


def test_a_reader_that_goes_away_is_no_error() -> None:
    code = "import sys; from ui.cli import main; sys.exit(main(['bench']))"
    command = f'{sys.executable} -c "{code}" | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stderr == ""
