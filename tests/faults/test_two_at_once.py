"""The page, a second page and the command line at the same time: everyone gets what they asked for."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

from agent.updates import Done
from tests.ui.quick_house import QUICK
from ui.engine.client import EngineClient
from ui.engine.launcher import stop_engine
from ui.settings import Settings


def test_four_people_ask_and_add_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", seed=2)
    problems: list[BaseException] = []
    answers: list[str] = []
    (tmp_path / "keeper.txt").write_text("The keeper of the lighthouse is Oda Brandt.")

    def asks(n: int) -> None:
        with closing(EngineClient(settings, QUICK)) as client:
            conversation = client.new_conversation()
            for _ in range(3):
                run = client.ask("Who is the keeper of the lighthouse?", conversation=conversation)
                last = list(client.watch(run))[-1]
                assert isinstance(last, Done), last
                answers.append(last.answer.text)
            assert len(client.conversation(conversation)) == 6, n

    def adds(n: int) -> None:
        with closing(EngineClient(settings, QUICK)) as client:
            for i in range(3):
                job = client.upload([(f"note-{n}-{i}.txt", f"Note {n} {i} says {n * 10 + i}.".encode())])
                while job.state in ("waiting", "running"):
                    time.sleep(0.02)
                    job = client.job(job.id)
                assert [row.status for row in job.files] == ["added"], job

    def guarded(work: object, n: int) -> None:
        try:
            work(n)  # type: ignore[operator]
        except BaseException as exc:  # noqa: BLE001 - a thread's failure must fail the test
            problems.append(exc)

    first = EngineClient(settings, QUICK)
    try:
        job = first.ingest([str(tmp_path / "keeper.txt")])
        while first.job(job.id).state != "done":
            time.sleep(0.02)
        threads = [threading.Thread(target=guarded, args=(work, n)) for n in range(2) for work in (asks, adds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # as long as it takes: the test's own limit ends it
        assert problems == []
        assert len(answers) == 6 and all("Oda Brandt" in answer for answer in answers)
        assert len(first.documents()) == 7
        checks = {check.name: check for check in first.doctor()}
        assert checks["ledger"].ok and checks["library"].ok
    finally:
        first.close()
        stop_engine(settings)
