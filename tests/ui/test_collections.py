"""Collections through the house, over the wire, on the command line and on the page."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from agent.updates import Done
from provenance.errors import NotFoundError, UsageError
from tests.fake_engine import FakeEngine
from tests.ui.engine_process import served
from tests.ui.houses import house, make  # noqa: F401 - fixtures
from tests.ui.page_harness import texts, until, view
from tests.ui.test_cli import Run, fake, run  # noqa: F401 - fixtures
from tests.ui.test_page_library import engine  # noqa: F401 - a fixture
from ui.api import Scope
from ui.services import Services


def test_an_answer_comes_from_the_collection_alone(house: Services) -> None:  # noqa: F811
    ids = {row.name: row.id for row in house.documents()}
    house.make_collection("Lights", documents=[ids["keeper.txt"]])
    house.make_collection("Bread", documents=[ids["bakery.txt"]])
    only = Scope(collections=["bread"])
    assert {hit.document for hit in house.search("keeper of the lighthouse", scope=only)} == {"bakery.txt"}
    asked = house.ask("When was the oven built?", scope=Scope(collections=["Lights", "Bread"]))
    last = list(house.watch(asked))[-1]
    assert isinstance(last, Done) and last.answer.citations[0].document == "bakery.txt"
    assert sorted(house.record(asked).events[0].body["documents"]) == sorted(ids.values())
    with pytest.raises(NotFoundError) as unknown:
        house.ask("Who is it?", scope=Scope(collections=["Bred"]))
    assert "“Bread”" in unknown.value.hint
    house.change_collection("Bread", remove=[ids["bakery.txt"]])
    with pytest.raises(NotFoundError, match="No document"):
        house.search("oven", scope=only)


def test_uploads_go_straight_into_a_collection(house: Services) -> None:  # noqa: F811
    house.make_collection("Piers")
    job = house.upload([("pier.txt", b"The pier is 300 metres long.")], collection="piers")
    house.parts.ingestor.wait(job.id, timeout_s=60)
    [row] = house.collections(names=["Piers"])
    assert [house.parts.library.document(id_).name for id_ in row.documents] == ["pier.txt"]
    with pytest.raises(NotFoundError):
        house.upload([("pier.txt", b"Another one.")], collection="Pears")
    assert len(house.jobs()) == 2  # nothing was queued for it


def test_collections_cross_the_wire_with_any_name(tmp_path: Path) -> None:
    fake = FakeEngine(file_s=0.0)  # noqa: F811
    with served(tmp_path, fake) as (client, _):
        assert client.make_collection("Löhne / 2024?", documents=[1]).documents == [1]
        client.make_collection("Wind")
        assert client.change_collection("wind", add=[1, 2], remove=[1]).documents == [2]
        assert [row.name for row in client.collections(names=["löhne / 2024?"])] == ["Löhne / 2024?"]
        assert client.rename_collection("Wind", "Wind & sea").name == "Wind & sea"
        job = client.upload([("pier.txt", b"The pier is 300 metres long.")], collection="Wind & sea")
        while client.job(job.id).state == "running":
            time.sleep(0.02)
        assert len(client.collections(names=["Wind & sea"])[0].documents) == 2
        client.delete_collection("Wind & sea")
        assert [row.name for row in client.collections()] == ["Löhne / 2024?"]
        with pytest.raises(NotFoundError) as unknown:
            client.delete_collection("Wind")
        assert unknown.value.hint
        with pytest.raises(UsageError):
            client.make_collection(" ")


def test_an_erasure_takes_a_document_and_a_name_out_of_collections(house: Services) -> None:  # noqa: F811
    ids = {row.name: row.id for row in house.documents()}
    made = house.make_collection("Papers of Oda Brandt", documents=list(ids.values()))
    house.erase(document="keeper.txt", requested_by="Oda", reason="asked")
    assert house.collections()[0].documents == [ids["bakery.txt"]]
    house.erase(names=["Oda Brandt"], requested_by="Oda", reason="asked")
    assert house.collections()[0].name == f"(erased {made.id})"
    assert b"Papers of Oda" not in (house.parts.settings.home / "wherefrom.db").read_bytes()


def test_the_command_line_makes_fills_asks_and_deletes(run: Run, fake: FakeEngine, tmp_path: Path) -> None:  # noqa: F811
    assert "There is no collection yet" in run("collection", "list")[1]
    status, out, _ = run("collection", "make", "Wind", "turbine-report.pdf", "3")
    assert (status, out) == (0, "Made Wind (2 documents).\n")
    assert run("collection", "make", "wind")[0] == 2
    assert "Wind (1 document)" in run("collection", "remove", "Wind", "prices.xlsx")[1]
    assert json.loads(run("collection", "add", "Wind", "minutes.docx", "--json")[1])["documents"] == [1, 2]
    status, out, _ = run("collection", "list", "wind")
    assert status == 0 and "      1  turbine-report.pdf\n      2  minutes.docx" in out
    assert run("ask", "Why did turbine T7 stand still?", "--collection", "Wind")[0] == 0
    assert Scope(collections=["Wind"]) in fake.scopes
    assert run("collection", "rename", "Wind", "Wind park")[1] == "Renamed to Wind park.\n"
    assert [row["name"] for row in json.loads(run("collection", "list", "--json")[1])["collections"]] == ["Wind park"]
    (tmp_path / "note.txt").write_text("The gear is cracked.")
    assert run("ingest", str(tmp_path / "note.txt"), "--collection", "Wind park")[0] == 0
    assert len(fake.collections()[0].documents) == 3
    assert run("collection", "delete", "Wind park")[0] == 0
    assert run("collection", "delete", "Wind park")[0] == 2
    assert len(fake.documents()) == 4


def test_a_folder_stands_for_its_documents(run: Run, fake: FakeEngine, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "note.txt").write_text("The gear is cracked.")
    assert run("collection", "make", "Notes", str(tmp_path / "a"))[0] == 2  # nothing was read from there
    run("ingest", str(tmp_path / "a"))
    assert run("collection", "make", "Notes", str(tmp_path / "a"))[1] == "Made Notes (1 document).\n"


def test_the_page_makes_fills_shows_and_narrows(engine: FakeEngine) -> None:  # noqa: F811
    at = view("library")
    at.text_input(key="collection.new").set_value("Wind")
    at.button(key="collection.make").click().run()
    assert [row.name for row in engine.collections()] == ["Wind"]
    assert at.session_state["collection.open"] is True  # its documents are chosen next
    at.text_input(key="library.filter").set_value("pdf").run()
    at.button(key="collection.edit.1").click().run()
    assert at.session_state["collection.open"] is False  # the dialog does not lie over an open list
    at.button(key="collection.listed").click().run()
    assert not at.exception and not at.error
    assert engine.collections()[0].documents == [1]
    at.text_input(key="library.filter").set_value("").run()
    assert texts(at).count('wf-tag">Wind<') == 1
    at.selectbox(key="library.collection").set_value("Wind").run()
    assert [button.key for button in at.button if button.key.startswith("doc.open.")] == ["doc.open.1"]
    at.button(key="collection.edit.1").click().run()
    at.text_input(key="collection.name").set_value("Wind <b>park</b>")
    at.multiselect(key="collection.documents").set_value([2, 3])
    at.button(key="collection.save").click().run()
    [row] = engine.collections()
    assert (row.name, row.documents) == ("Wind <b>park</b>", [2, 3])
    assert not at.exception and "<b>park" not in "".join(element.proto.body for element in at.get("html"))
    at.button(key="collection.edit.1").click().run()
    at.button(key="collection.delete").click().run()
    assert not at.exception and engine.collections() == [] and len(engine.documents()) == 3


def test_a_name_that_is_taken_is_said_on_the_page(engine: FakeEngine) -> None:  # noqa: F811
    engine.make_collection("Wind")
    at = view("library")
    at.text_input(key="collection.new").set_value("wind")
    at.button(key="collection.make").click().run()
    assert not at.exception and "already" in at.toast[0].value


def test_dropped_files_go_into_the_chosen_collection(engine: FakeEngine) -> None:  # noqa: F811
    engine.make_collection("Wind")
    at = view("library")
    at.selectbox(key="library.into").set_value("Wind").run()
    at.file_uploader[0].set_value([("notes.txt", b"Rigg has nine masts.", "text/plain")]).run()
    until(at, lambda at: "1 added" in texts(at))
    assert not at.exception and engine.collections()[0].documents == [max(row.id for row in engine.documents())]


def test_the_chat_asks_within_the_chosen_collections(engine: FakeEngine) -> None:  # noqa: F811
    engine.make_collection("Wind", documents=[1])
    at = view("chat")
    at.multiselect(key="scope.collections").set_value(["Wind"]).run()
    at.chat_input(key="chat.question").set_value("Why did turbine T7 stand still?").run()
    assert not at.exception and Scope(collections=["Wind"]) in engine.scopes
    engine.rename_collection("Wind", "Wind park")
    at.run()  # the question is not asked of everything because a name is gone
    assert not at.exception and at.multiselect(key="scope.collections").value == ["Wind"]
