"""Drawing from the chat: the order is read, the picture is kept with its facts, the next order can change it."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.artifacts import ArtifactStore
from agent.drawing import Drawer
from agent.finishing import Finisher
from agent.guardrails.rings import Guards
from agent.tools.image import image_tool
from agent.updates import Answer
from backends.base import BackendContext
from tests.agent.doubles import ListLedger, MemoryTurns, ScriptedModel, assistant_of, plan
from tests.agent.test_drawing import Squares


class Styled(Squares):
    """Squares in two styles; stops when it is told to."""

    def styles(self) -> list[str]:
        return ["noto", "fluent flat"]


class House:
    """An assistant that can draw."""

    def __init__(self, folder: Path, problem: str = "", deliver: Any = None) -> None:
        self.model, self.ledger, self.turns = ScriptedModel(script=[]), ListLedger(), MemoryTurns()
        self.squares, self.stop = Styled(BackendContext(models_dir="", runtime_dir=""), problem), threading.Event()
        self.drawer = Drawer(
            ledger=self.ledger,
            guards=Guards(),
            family=lambda _name: self.squares,
            folder=folder,
            finisher=Finisher(deliver),
        )
        self.assistant = assistant_of(
            self.model,
            self.ledger,
            turns=self.turns,
            tools=[image_tool(lambda: self.drawer)],
            artifacts=ArtifactStore(folder),
        )
        self.asked = 0

    def ask(self, question: str) -> Answer:
        self.asked += 1
        self.model.script.append(plan("generate_image", question))
        return self.assistant.run(
            question, run=f"r-{self.asked}", conversation="c", stop=self.stop, emit=lambda _update: None
        )

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [body for known, _run, body, _contents in self.ledger.events if known == kind]


def test_a_picture_arrives_in_the_answer_with_its_facts(tmp_path: Path) -> None:
    marked: list[str] = []

    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        marked.append(record)
        return SimpleNamespace(data=data + b"marked", facts={"image_mark": "m"})

    house = House(tmp_path, deliver=deliver)
    answer = house.ask("Draw a red fox in flat style, seed 7")
    assert answer.text == "Here is “a red fox” (style fluent flat, drawn by squares, seed 7)." and not answer.refused
    [picture] = answer.artifacts
    assert (picture.kind, picture.media_type, picture.name) == ("image", "image/png", "a-red-fox-7.png")
    assert picture.details["seed"] == 7 and picture.details["model"] == "squares-1"
    data = Path(picture.path).read_bytes()
    assert data.startswith(b"\x89PNG") and data.endswith(b"marked") and marked == ["r-1"]

    [drawn] = [body for body in house.bodies("model_call") if body.get("purpose") == "draw"]
    assert drawn["parameters"]["seed"] == 7 and drawn["pixels"] == [picture.details["pixels_sha256"]]
    assert [one["sha256"] for one in house.bodies("answer")[0]["artifacts"]] == [picture.sha256]
    assert len(house.bodies("request")) == len(house.bodies("answer")) == 1, "one record, not two"
    assert "fox" not in json.dumps([body for _kind, _run, body, _contents in house.ledger.events])


def test_another_one_is_the_last_picture_changed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.ask("draw two pictures of a red fox in flat style, seed 7")
    blue = house.ask("another one, blue")
    assert "“a blue fox” (style fluent flat, drawn by squares, seed 7)" in blue.text
    again = house.ask("one more")
    assert "“a blue fox” (style fluent flat, drawn by squares, seed 8)" in again.text
    assert house.squares.prompts == ["a red fox", "a blue fox", "a blue fox"]


def test_the_same_words_give_the_same_picture(tmp_path: Path) -> None:
    one, two = House(tmp_path / "1"), House(tmp_path / "2")
    seeds = [house.ask("draw a fox").artifacts[0].details["seed"] for house in (one, two)]
    assert seeds[0] == seeds[1]
    assert one.ask("draw a house").artifacts[0].details["seed"] != seeds[0]


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    house = House(tmp_path)
    unclear = house.ask("another one, blue")
    assert unclear.refused and "Say what the picture should show" in unclear.text and not unclear.artifacts
    foreign = house.ask("draw a fox in the style of Picasso")
    assert "I know no style “Picasso”; there are noto, fluent flat." in foreign.text and foreign.artifacts
    without = House(tmp_path / "none", problem="There are no weights for squares yet.").ask("draw a fox")
    assert without.refused and "weights" in without.text


def test_a_stop_reaches_the_drawing(tmp_path: Path) -> None:
    house = House(tmp_path)
    draw = house.squares.draw

    def stopped_while_drawing(*arguments: Any, **named: Any) -> Any:
        house.stop.set()
        return draw(*arguments, **named)

    house.squares.draw = stopped_while_drawing  # type: ignore[method-assign]
    answer = house.ask("draw a fox")
    assert not answer.artifacts and [kind for kind, *_ in house.ledger.events][-1] == "stopped"


@pytest.mark.parametrize("count", ["0", "1000"])
def test_a_count_out_of_bounds_is_brought_back(tmp_path: Path, count: str) -> None:
    assert len(House(tmp_path).ask(f"draw {count} pictures of a fox").artifacts) in (1, 9)
