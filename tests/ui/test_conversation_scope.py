"""Where a conversation looks is kept with it: through the house, over the wire, on the command line and on the page."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from agent.updates import Answer, Done
from provenance.errors import EngineError, NotFoundError
from tests.fake_engine import FakeEngine
from tests.ui.engine_process import served
from tests.ui.houses import fill, house, make  # noqa: F401 - fixtures
from tests.ui.page_harness import texts, view
from tests.ui.test_cli import Run, fake, run  # noqa: F401 - fixtures
from tests.ui.test_page_library import engine  # noqa: F401 - a fixture
from ui.api import Scope
from ui.services import Services

QUESTION = "Why did turbine T7 stand still?"


def ids(house: Services) -> dict[str, int]:  # noqa: F811
    return {row.name: row.id for row in house.documents()}


def ask(house: Services, question: str, conversation: str | None = None, scope: Scope | None = None) -> Answer:  # noqa: F811
    last = list(house.watch(house.ask(question, conversation=conversation, scope=scope)))[-1]
    assert isinstance(last, Done), last
    return last.answer


def looked_in(house: Services, answer: Answer) -> list[int] | None:  # noqa: F811
    found: list[int] | None = house.record(answer.run).events[0].body.get("documents")
    return found


# -- the house ----------------------------------------------------------------------------------------------------
def test_a_follow_up_looks_where_the_question_before_it_did(house: Services) -> None:  # noqa: F811
    only = Scope(documents=[ids(house)["bakery.txt"]])
    first = ask(house, "When was the oven built?", scope=only)
    assert house.conversation_scope(first.conversation) == only
    assert looked_in(house, ask(house, "How many loaves?", first.conversation)) == only.documents
    lifted = ask(house, "Who is the keeper of the lighthouse?", first.conversation, Scope())
    assert looked_in(house, lifted) is None and lifted.citations[0].document == "keeper.txt"
    assert house.conversation_scope(first.conversation) == Scope()
    assert looked_in(house, ask(house, "And since when?", first.conversation)) is None


def test_every_limit_comes_back(house: Services) -> None:  # noqa: F811
    house.make_collection("Bread", documents=list(ids(house).values()))
    wide = Scope(
        documents=[ids(house)["bakery.txt"]],
        collections=["Bread"],
        kinds=["text"],
        since="2020-01-01",
        until="2999-12-31",
    )
    assert house.conversation_scope(ask(house, "When was the oven built?", scope=wide).conversation) == wide


def test_an_answer_that_is_written_again_changes_no_limits(house: Services) -> None:  # noqa: F811
    only = Scope(documents=[ids(house)["bakery.txt"]])
    first = ask(house, "When was the oven built?", scope=only)
    list(house.watch(house.ask("", regenerate=first.run)))
    assert house.conversation_scope(first.conversation) == only


def test_a_question_that_was_refused_changes_no_limits(house: Services) -> None:  # noqa: F811
    only = Scope(documents=[ids(house)["bakery.txt"]])
    first = ask(house, "When was the oven built?", scope=only)
    with pytest.raises(NotFoundError):
        house.ask("Who is it?", conversation=first.conversation, scope=Scope(kinds=["pdf"]))
    assert house.conversation_scope(first.conversation) == only
    with pytest.raises(NotFoundError):
        house.conversation_scope("c-none")


def test_a_newer_version_takes_the_place_of_the_older(house: Services) -> None:  # noqa: F811
    before = ids(house)["bakery.txt"]
    first = ask(house, "When was the oven built?", scope=Scope(documents=[before]))
    fill(house, bakery=b"The bakery sells 500 loaves a day. The oven was built in 1931.")
    now = ids(house)["bakery.txt"]
    assert now != before and house.conversation_scope(first.conversation).documents == [now]
    assert looked_in(house, ask(house, "When was the oven built?", first.conversation)) == [now]
    stale = ask(house, "When was the oven built?", first.conversation, Scope(documents=[before]))
    assert looked_in(house, stale) == [now]  # of a page that was drawn before


def test_a_collection_may_be_renamed_and_its_end_is_said(house: Services) -> None:  # noqa: F811
    house.make_collection("Bread", documents=[ids(house)["bakery.txt"]])
    first = ask(house, "When was the oven built?", scope=Scope(collections=["Bread"]))
    house.rename_collection("Bread", "Bakers")
    assert house.conversation_scope(first.conversation) == Scope(collections=["Bakers"])
    assert looked_in(house, ask(house, "How many loaves?", first.conversation)) == [ids(house)["bakery.txt"]]
    house.delete_collection("Bakers")
    house.make_collection("Bread", documents=[ids(house)["keeper.txt"]])  # not the one that was meant
    gone = house.conversation_scope(first.conversation)
    for scope in (None, gone):
        with pytest.raises(NotFoundError, match="has been deleted") as refused:
            house.ask("How many loaves?", conversation=first.conversation, scope=scope)
        assert "all documents" in refused.value.hint
    assert ask(house, "How many loaves?", first.conversation, Scope()).text


def test_documents_that_were_deleted_do_not_widen_the_limits(house: Services) -> None:  # noqa: F811
    both = ids(house)
    first = ask(house, "When was the oven built?", scope=Scope(documents=list(both.values())))
    house.delete_document(both["bakery.txt"])
    assert looked_in(house, ask(house, "Who is the keeper?", first.conversation)) == [both["keeper.txt"]]
    house.delete_document(both["keeper.txt"])
    fill(house, pier=b"The pier is 300 metres long.")
    with pytest.raises(NotFoundError, match="No document is within"):
        house.ask("How long is the pier?", conversation=first.conversation)


def test_an_erased_name_stands_in_no_limits(house: Services, tmp_path: Path) -> None:  # noqa: F811
    folder = tmp_path / "Papers of Oda Quillfeather"
    folder.mkdir()
    (folder / "mill.txt").write_text("The mill grinds 12 tonnes a day.", encoding="utf-8")
    house.parts.ingestor.wait(house.ingest([str(folder)]).id, timeout_s=60)
    named = house.make_collection("Quillfeather's", documents=list(ids(house).values()))
    limits = Scope(folder=str(folder), collections=["Quillfeather's"])
    first = ask(house, "What does the mill grind?", scope=limits)
    house.erase(names=["Quillfeather"], requested_by="Oda", reason="asked")
    kept = house.conversation_scope(first.conversation)
    assert kept == Scope(folder="(erased)", collections=[f"(erased {named.id})"])
    with pytest.raises(NotFoundError, match="No document is within"):
        house.ask("What does the mill grind?", conversation=first.conversation)


def test_limits_cross_the_wire(tmp_path: Path) -> None:
    with served(tmp_path, FakeEngine(token_s=0.0)) as (client, _):
        conversation = client.new_conversation()
        assert client.conversation_scope(conversation) == Scope()
        list(client.watch(client.ask(QUESTION, conversation=conversation, scope=Scope(documents=[1], folder="/a"))))
        assert client.conversation_scope(conversation) == Scope(documents=[1], folder="/a")
        with pytest.raises(NotFoundError):
            client.conversation_scope("c-none")


# -- the command line -----------------------------------------------------------------------------------------------
def test_the_command_line_says_the_limits_that_it_goes_on_with(run: Run, fake: FakeEngine) -> None:  # noqa: F811
    fake.make_collection("Wind", documents=[1])
    run("ask", QUESTION, "--in", "turbine-report.pdf", "--collection", "Wind", "--type", "pdf", "--since", "2026-01-01")
    limits = "turbine-report.pdf; collection Wind; kind pdf; since 2026-01-01"
    status, out, told = run("ask", QUESTION, "--conversation", "last")
    assert (status, told.strip()) == (0, f"(looking only in {limits}; --everywhere lifts this)") and limits not in out
    [conversation] = fake.conversations()
    assert fake.conversation_scope(conversation.id).collections == ["Wind"]
    fake.delete_document(1)
    assert "1 deleted document; collection Wind" in run("ask", QUESTION, "--conversation", "last", "--json")[2]
    assert "looking only" not in run("ask", QUESTION, "--conversation", "last", "--everywhere")[2]
    assert fake.conversation_scope(conversation.id) == Scope()
    assert "looking only" not in run("ask", QUESTION, "--conversation", "last")[2]
    status, _, told = run("ask", QUESTION, "--everywhere", "--type", "pdf")
    assert status == 2 and "not both" in told


# -- the page -----------------------------------------------------------------------------------------------------
def fields(at: AppTest) -> dict[str, object]:
    kept = ("documents", "collections", "kinds", "folder", "since", "until")
    named = {widget.key: widget.value for widget in [*at.multiselect, *at.selectbox, *at.date_input]}
    return {name: value for name in kept if (value := named.get(f"scope.{name}"))}


def started(engine: FakeEngine, scope: Scope | None) -> str:  # noqa: F811
    conversation = engine.new_conversation()
    list(engine.watch(engine.ask(QUESTION, conversation=conversation, scope=scope)))
    return conversation


def test_the_limits_come_back_with_a_conversation_and_go_with_it(engine: FakeEngine) -> None:  # noqa: F811
    engine.make_collection("Wind", documents=[1])
    limits = Scope(
        documents=[1, 2], collections=["Wind"], folder="/home/marit/Documents", kinds=["pdf"], since="2026-01-31"
    )
    limited, wide = started(engine, limits), started(engine, None)
    at = view("chat", c=limited)
    day = datetime.date(2026, 1, 31)
    chosen = {"documents": [1, 2], "collections": ["Wind"], "kinds": ["pdf"], "since": day}
    assert not at.exception and fields(at) == chosen | {"folder": "/home/marit/Documents"}
    at.chat_input(key="chat.question").set_value(QUESTION).run()
    assert not at.exception and engine.scopes[-2:].count(limits) == 1
    at.button(key=f"open.{wide}").click().run()
    assert not at.exception and fields(at) == {}
    at.chat_input(key="chat.question").set_value(QUESTION).run()
    assert engine.conversation_scope(wide) == Scope() and engine.conversation_scope(limited) == limits
    at.button(key=f"open.{limited}").click().run()
    assert fields(at)["documents"] == [1, 2]
    at.button(key="chat.new").click().run()
    assert not at.exception and fields(at) == {}


def test_limits_that_are_lifted_stay_lifted(engine: FakeEngine) -> None:  # noqa: F811
    conversation = started(engine, Scope(kinds=["pdf"]))
    at = view("chat", c=conversation)
    at.button(key="scope.clear").click().run()
    at.chat_input(key="chat.question").set_value(QUESTION).run()
    assert not at.exception and engine.conversation_scope(conversation) == Scope()
    assert fields(view("chat", c=conversation)) == {}


def test_limits_outlive_a_look_at_another_page(engine: FakeEngine) -> None:  # noqa: F811
    def script() -> None:
        import streamlit as st

        from tests.ui.page_harness import services
        from ui.views import chat

        if "elsewhere" not in st.query_params:
            chat.render(services())

    at = AppTest.from_function(script, default_timeout=120).run()
    at.multiselect(key="scope.kinds").set_value(["pdf"]).run()
    at.query_params["elsewhere"] = "1"
    assert fields(at.run()) == {}  # Streamlit has forgotten what the fields held
    del at.query_params["elsewhere"]
    assert fields(at.run()) == {"kinds": ["pdf"]} and not at.exception


def test_what_is_gone_stays_chosen_and_is_shown_as_gone(engine: FakeEngine) -> None:  # noqa: F811
    engine.make_collection("Wind", documents=[1])
    conversation = started(engine, Scope(documents=[2], collections=["Wind"], kinds=["docx"]))
    engine.delete_document(2)
    engine.delete_collection("Wind")
    at = view("chat", c=conversation)
    assert not at.exception and fields(at) == {"documents": [2], "collections": ["Wind"], "kinds": ["docx"]}
    assert "(deleted 2)" in at.multiselect(key="scope.documents").options
    at.chat_input(key="chat.question").set_value(QUESTION).run()
    assert not at.exception and "There is no collection" in texts(at)


def test_limits_that_cannot_be_read_are_not_lifted(
    engine: FakeEngine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(conversation: str) -> Scope:
        raise EngineError("The engine is being started again.", hint="Wait.")

    limits = Scope(kinds=["pdf"])
    conversation = started(engine, limits)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "conversation_scope", fails)
        at = view("chat", c=conversation)
        assert not at.exception and "being started again" in texts(at)
    before = len(engine.scopes)
    monkeypatch.setattr("ui.views.scope._restore", lambda services, conversation: fails(conversation))
    at.chat_input(key="chat.question").set_value(QUESTION).run()
    assert engine.scopes[before] is None and engine.conversation_scope(conversation) == limits
