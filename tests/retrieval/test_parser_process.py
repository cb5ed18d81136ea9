"""The process that reads files: what it may not do, and what happens when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from provenance.errors import DocumentError
from retrieval.parser import ParseOptions, Parser, ParsingStopped
from tests.retrieval.documents import make_pdf

ROOT = Path(__file__).resolve().parent.parent.parent

# The real worker, whose reader of plain text does what the text says: a stand-in for bugs that hostile files find.
MISCHIEF = """#!{python}
import ctypes, os, socket, subprocess, sys, time
sys.path.insert(0, {root!r})
import retrieval.parsing.plain as plain
honest = plain.parse
def parse(source):
    word = source.read().decode()
    if word == "crash": ctypes.string_at(0)
    elif word == "spin":
        while True: pass
    elif word == "sleep": time.sleep(600)
    elif word == "eat": keep = [bytearray(50_000_000) for _ in range(10_000)]
    elif word == "exit": os._exit(3)
    elif word == "killed": os.kill(os.getpid(), 9)
    elif word == "print": print("{{\\"is\\": \\"end\\"}}"); os.write(1, b"noise\\n"); sys.stdin.read()
    elif word == "connect": socket.create_connection(("127.0.0.1", {port}))
    elif word == "resolve": socket.getaddrinfo("localhost", 80)
    elif word == "run": subprocess.run(["true"])
    elif word == "system": os.system("true")
    elif word == "fork": os.fork()
    elif word == "environ": yield plain.Page(number=1, text=repr(dict(os.environ)))
    elif word == "grow":
        with open({scratch!r}, "wb") as out:
            for _ in range(1000): out.write(bytes(1_000_000))
    elif word == "pages":
        for number in range(200):
            time.sleep(0.05)
            yield plain.Page(number=number + 1, text="page")
    yield from honest(source)
plain.parse = parse
sys.argv = ["worker", sys.argv[-1]]
from retrieval.parser_worker import main
main()
"""


@pytest.fixture
def mischief(tmp_path: Path) -> Iterator[Callable[..., tuple[Parser, Callable[[str], Path]]]]:
    """A parser whose child misbehaves on demand, and a function that writes the file which demands it."""
    opened = []

    def start(port: int = 1, **options: float) -> tuple[Parser, Callable[[str], Path]]:
        script = tmp_path / "python"
        scratch = str(tmp_path / "scratch")
        script.write_text(MISCHIEF.format(python=sys.executable, root=str(ROOT), port=port, scratch=scratch))
        script.chmod(0o755)
        parser = Parser(ParseOptions(**options), python=str(script))  # type: ignore[arg-type]
        opened.append(parser)

        def demand(word: str) -> Path:
            path = tmp_path / f"{word}.txt"
            path.write_text(word)
            return path

        return parser, demand

    yield start
    for parser in opened:
        parser.close()


def child_of(parser: Parser) -> psutil.Process:
    process = parser._reader._process
    assert process is not None
    return psutil.Process(process.pid)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("crash", "crashed \\(SIGSEGV\\)"),
        ("exit", "ended unexpectedly \\(status 3\\)"),
        ("killed", "killed by the system"),
        ("spin", "longer than 1 seconds"),
        ("eat", "more memory than is allowed"),
        ("connect", "not allowed"),
        ("resolve", "not allowed"),
        ("run", "not allowed"),
        ("system", "not allowed"),
        ("fork", "not allowed"),
        ("grow", "File too large"),
    ],
)
def test_a_failing_reader_becomes_one_sentence_and_the_next_file_is_read(
    word: str, said: str, mischief: Callable[..., tuple[Parser, Callable[[str], Path]]]
) -> None:
    parser, demand = mischief(timeout_s=1.0, memory_mib=256)
    with pytest.raises(DocumentError, match=said) as caught:
        parser.parse(demand(word), f"{word}.txt")
    assert caught.value.hint
    assert parser.parse(demand("honest"), "honest.txt").pages[0].text == "honest"


def test_a_reader_that_sleeps_is_stopped(mischief: Callable[..., tuple[Parser, Callable[[str], Path]]]) -> None:
    parser, demand = mischief(timeout_s=0.3)
    before = time.monotonic()
    with pytest.raises(DocumentError, match="longer than"):
        parser.parse(demand("sleep"), "sleep.txt")
    assert time.monotonic() - before < 10


def test_what_a_library_prints_stays_away_from_the_answers(
    mischief: Callable[..., tuple[Parser, Callable[[str], Path]]],
) -> None:
    parser, demand = mischief()
    assert parser.parse(demand("print"), "print.txt").pages[0].text == "print"


def test_a_stop_kills_the_child_within_a_second(mischief: Callable[..., tuple[Parser, Callable[[str], Path]]]) -> None:
    parser, demand = mischief()
    parser.parse(demand("honest"), "honest.txt")
    child = child_of(parser)
    stop = threading.Event()
    pages: list[tuple[int, int]] = []

    def on_page(done: int, of: int) -> None:
        pages.append((done, of))
        stop.set()

    before = time.monotonic()
    with pytest.raises(ParsingStopped):
        parser.parse(demand("pages"), "pages.txt", stop=stop, on_page=on_page)
    assert time.monotonic() - before < 5
    assert pages[0] == (1, 0)
    assert not child.is_running()
    assert parser.parse(demand("honest"), "honest.txt").pages[0].text == "honest"


def test_one_child_reads_many_files_whichever_thread_asks(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some text")
    with Parser() as parser:
        children = set()
        for _ in range(3):  # each thread ends: a child that were bound to one would die with it
            thread = threading.Thread(target=lambda: parser.parse(path, "a.txt"))
            thread.start()
            thread.join()
            time.sleep(0.05)
            children.add(child_of(parser).pid)
        assert len(children) == 1
        child = child_of(parser)
        assert child.nice() == 19
    child.wait(5)


def test_what_the_owner_holds_does_not_count_as_the_childs_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some text")
    held = bytearray(os.urandom(1)) * (700 << 20)  # more than half of what the child may use
    with Parser(ParseOptions(memory_mib=1024)) as parser:
        parser.parse(path, "a.txt")
        first = child_of(parser).pid
        parser.parse(path, "a.txt")
        assert child_of(parser).pid == first
    del held


def test_secrets_of_the_environment_stay_with_the_owner(
    mischief: Callable[..., tuple[Parser, Callable[[str], Path]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_FOR_TEST", "hush")
    monkeypatch.setenv("WHEREFROM_PASSWORD", "hush too")
    parser, demand = mischief()
    seen = parser.parse(demand("environ"), "environ.txt").pages[0].text  # what the child itself sees
    assert "PATH" in seen and "hush" not in seen


def test_a_killed_owner_leaves_no_child_behind(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from retrieval.parser import Parser\n"
        "parser = Parser(); path = Path(sys.argv[1]); path.write_text('text'); parser.parse(path, 'a.txt')\n"
        "print(parser._reader._process.pid, flush=True)\n"
        "import time; time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.txt")], stdout=subprocess.PIPE, cwd=ROOT)
    assert owner.stdout is not None
    child = psutil.Process(int(owner.stdout.readline()))
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs([child], timeout=5)
    assert not alive


def test_a_child_that_died_while_idle_is_replaced_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some text")
    with Parser() as parser:
        parser.parse(path, "a.txt")
        child = child_of(parser)
        child.kill()
        child.wait(5)
        assert parser.parse(path, "a.txt").pages[0].text == "some text"


def test_a_limit_on_memory_stops_a_real_file(tmp_path: Path) -> None:
    rows = b"<row><c t='inlineStr'><is><t>" + b"x" * 2000 + b"</t></is></c></row>"
    path = tmp_path / "big.xml"
    path.write_bytes(b"<sheet>" + rows * 60_000 + b"</sheet>")  # 120 MB of XML as a tree
    with Parser(ParseOptions(memory_mib=64)) as parser, pytest.raises(DocumentError) as caught:
        parser.parse(path, path.name)
    assert "memory" in str(caught.value) or "damaged" in str(caught.value)


def test_pages_come_one_by_one_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(make_pdf([[(50, 700, 12, f"This is page {number} of the book.")] for number in range(1, 501)]))
    seen: list[tuple[int, int]] = []
    with Parser() as parser:
        document = parser.parse(path, "long.pdf", on_page=lambda done, of: seen.append((done, of)))
    assert seen[0] == (1, 500) and seen[-1] == (500, 500)
    assert document.pages[499].text == "This is page 500 of the book."
    assert document.pages[499].label == "page 500"


def test_odd_names_reach_the_child_as_they_are(tmp_path: Path) -> None:
    names = ["with space.txt", "quote\"s'.txt", "emoji 🗼.txt", "new\nline.txt", "percent%20.txt", "-rf.txt"]
    undecodable = os.fsdecode(b"latin-\xe4.txt")
    with Parser() as parser:
        for name in [*names, undecodable]:
            path = tmp_path / name
            path.write_text("text")
            assert parser.parse(path, name).pages[0].text == "text"


def test_two_threads_share_one_parser(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"file {number}")
    found: dict[int, str] = {}
    with Parser() as parser:

        def read(number: int) -> None:
            found[number] = parser.parse(tmp_path / f"{number}.txt", "a.txt").pages[0].text

        threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: f"file {number}" for number in range(8)}


def test_closing_ends_a_read_in_progress(mischief: Callable[..., tuple[Parser, Callable[[str], Path]]]) -> None:
    parser, demand = mischief()
    path = demand("sleep")
    raised: list[BaseException] = []

    def read() -> None:
        try:
            parser.parse(path, "sleep.txt")
        except ParsingStopped as exc:
            raised.append(exc)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.5)
    before = time.monotonic()
    parser.close()
    thread.join(5)
    assert time.monotonic() - before < 5
    assert len(raised) == 1
