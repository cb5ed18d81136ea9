"""Erasure through the real services: nothing readable stays in the data folder, everything still verifies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.updates import Done
from provenance.errors import NotFoundError, UsageError
from provenance.evidence import verifier
from tests.ui.houses import BAKERY, KEEPER, Build, ask, fill, house, make
from ui.api import Scope
from ui.services import Services

__all__ = ["house", "make"]

WHY = {"requested_by": "Ada", "reason": "asked in a letter"}


def traces(home: Path, *words: str) -> list[tuple[str, str]]:
    """Files of the data folder that hold one of these words, in whatever case."""
    return [
        (word, str(path.relative_to(home)))
        for path in sorted(home.rglob("*"))
        if path.is_file()
        for word in words
        if re.search(re.escape(word.encode()), path.read_bytes(), re.IGNORECASE)
    ]


def test_a_run_leaves_no_word_of_its_question_anywhere(house: Services, tmp_path: Path) -> None:
    asked = "Who keeps the lighthouse, asks xylophonist Quillfeather?"
    first = ask(house, asked)
    ask(house, "Since when has she lived there?", first.conversation)
    house.parts.database.flush_log()
    assert traces(tmp_path / "home", "Quillfeather")
    drawn = tmp_path / "home" / "pictures" / first.run / "1.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"\x89PNG Quillfeather")
    assert verifier.read_zip(house.pack(first.run).data)["artifacts/1.png"] == drawn.read_bytes()
    plan = house.erase(run=first.run, dry_run=True)
    assert plan.dry_run and len(plan.runs) == 2  # the prompt of the next question quotes it
    assert traces(tmp_path / "home", "Quillfeather")
    done = house.erase(run=first.run, **WHY)
    assert (done.contents, done.runs, done.answers, done.questions) == (plan.contents, plan.runs, 1, 1)
    assert traces(tmp_path / "home", "Quillfeather", "xylophonist") == []
    assert house.verify().ok
    [event] = house.record(done.run).events
    assert event.kind == "erasure" and event.contents == {"requested_by": "Ada", "reason": "asked in a letter"}
    assert event.body["scope"] == "run" and len(event.body["targets"]) > 3
    for recorded in house.record(first.run).events:
        assert all(text is None for text in recorded.contents.values())
    question, answer = house.conversation(first.conversation)[:2]
    assert (question.text, answer.text) == ("(erased)", "(erased)")
    assert answer.answer is not None and answer.answer.citations == [] and answer.answer.question == "(erased)"
    [end] = list(house.watch(first.run))
    assert isinstance(end, Done) and end.answer.text == "(erased)"
    assert house.conversations()[0].title == "(erased)"
    follow_up = house.conversation(first.conversation)[3]
    assert follow_up.text != "(erased)"  # the later answer itself stays
    assert not ask(house, "Who is the keeper of the lighthouse?", first.conversation).refused


def test_an_answer_that_was_written_again_goes_in_all_its_forms(house: Services, tmp_path: Path) -> None:
    first = ask(house, "Who keeps the lighthouse, asks Quillfeather?")
    again = house.ask("", regenerate=first.run)
    assert isinstance(list(house.watch(again))[-1], Done)
    house.erase(run=again, **WHY)
    assert traces(tmp_path / "home", "Quillfeather") == [] and house.verify().ok


def test_a_document_leaves_neither_text_nor_words_nor_original(make: Build, tmp_path: Path) -> None:
    house = make()
    fill(house, keeper=KEEPER, bakery=BAKERY, other=b"The harbour master is Nils Falk. He sails a cutter.")
    told = ask(house, "Who is the keeper of the lighthouse?")
    other = next(row.id for row in house.documents() if row.name == "other.txt")
    apart = house.ask("Who is the harbour master?", conversation=told.conversation, scope=Scope(documents=[other]))
    assert list(house.watch(apart))
    assert "Oda Brandt" in told.text
    house.parts.database.flush_log()
    assert traces(tmp_path / "home", "Oda Brandt")
    done = house.erase(document="keeper.txt", **WHY)
    assert done.documents == ["keeper.txt"] and told.run in done.runs
    assert traces(tmp_path / "home", "Oda Brandt", "Brandt", "keeper.txt", "lived on the rock") == []
    assert [row.name for row in house.documents()] == ["bakery.txt", "other.txt"]
    assert house.verify().ok and house.parts.library.check(full=True) == []
    question, answer = house.conversation(told.conversation)[:2]
    assert question.text == "Who is the keeper of the lighthouse?" and answer.text == "(erased)"
    assert "Nils Falk" in house.conversation(told.conversation)[3].text
    assert house.search("harbour")[0].document == "other.txt"
    make()
    assert traces(tmp_path / "home", "Oda Brandt", "Brandt", "keeper.txt") == []


def test_a_person_goes_from_all_that_was_said_and_documents_that_name_them_are_told(
    house: Services, tmp_path: Path
) -> None:
    told = ask(house, "Who is the keeper of the lighthouse?")
    asked = ask(house, "Does ODA brandt bake bread?")
    baked = ask(house, "How many loaves does the bakery sell?")
    done = house.erase(names=["Oda Brandt"], **WHY)
    assert [(one.name, one.passages) for one in done.mentions] == [("keeper.txt", 1)]
    assert {told.run, asked.run} <= set(done.runs)
    assert house.record(baked.run).answer == baked  # it only read the passage that names her
    house.erase(document="keeper.txt", **WHY)
    assert traces(tmp_path / "home", "Oda Brandt") == [] and house.verify().ok
    assert "(erased)" in [row.title for row in house.conversations()]


def test_an_erasure_names_one_thing_a_requester_and_a_reason(house: Services) -> None:
    run = ask(house, "Who is the keeper of the lighthouse?").run
    before = house.parts.ledger.head()
    for wrong in ({"run": run}, {"run": run, "requested_by": "Ada", "reason": " "}, {**WHY}, {"names": ["Al"], **WHY}):
        with pytest.raises(UsageError):
            house.erase(**wrong)
    with pytest.raises(UsageError):
        house.erase(run=run, document="keeper.txt", **WHY)
    for unknown in ({"run": "r-none"}, {"document": "none.txt"}, {"document": "ab" * 32}):
        with pytest.raises(UsageError):
            house.erase(**unknown, **WHY)
    with pytest.raises(NotFoundError):
        house.erase(run="r-none", dry_run=True)
    assert house.parts.ledger.head() == before
