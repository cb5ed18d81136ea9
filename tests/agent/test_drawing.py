"""A drawing and its record: request, guards, model, pictures; a stop and a failure are written down too."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from agent.drawing import Drawer
from agent.drawn import Source
from agent.finishing import Finish, Finisher, png
from agent.guardrails.rings import Guards
from backends.base import BackendContext, ImageProgress, ImageRequest, Kind, ModelIdentity, Picture
from backends.cancellation import Cancellation, GenerationStopped, cancellable, current_cancellation
from backends.image.enlarging import Enlarger
from provenance.errors import (
    BackendUnavailableError,
    ConfigError,
    GenerationError,
    NotFoundError,
    StorageError,
    UsageError,
)
from provenance.ledger import Ledger, new_run_id
from provenance.record import record


class SquareOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    shade: int = Field(90, ge=0, le=255)


class Squares:
    """One colour a seed."""

    name: ClassVar[str] = "squares"
    kind: ClassVar[Kind] = Kind.IMAGE
    options_model: ClassVar[type[BaseModel]] = SquareOptions

    def __init__(self, context: BackendContext, problem: str = "") -> None:
        self.problem, self.prompts = problem, list[str]()

    def available(self) -> str:
        return self.problem

    def styles(self) -> list[str]:
        return []

    def close(self) -> None: ...

    def identity(self, options: BaseModel | None = None) -> ModelIdentity:
        return ModelIdentity(backend="squares", model="squares-1", digest="sha256:" + "1" * 64)

    def draw(
        self,
        request: ImageRequest,
        options: BaseModel | None = None,
        *,
        progress: Callable[[ImageProgress], None] | None = None,
    ) -> list[Picture]:
        assert isinstance(options, SquareOptions)
        self.prompts.append(request.prompt)
        if request.prompt == "break":
            raise GenerationError("It broke.")
        if progress is not None:
            progress(ImageProgress(step=1, steps=1))
        current_cancellation().raise_if_cancelled()
        pixel = lambda n: bytes([(request.seed + n) % 256, options.shade, 0, 255])  # noqa: E731
        return [Picture(width=8, height=8, rgba=pixel(n) * 64, seed=request.seed + n) for n in range(request.count)]


@pytest.fixture
def squares() -> Squares:
    return Squares(BackendContext(models_dir="", runtime_dir=""))


@pytest.fixture
def drawer(ledger: Ledger, squares: Squares, tmp_path: Path) -> Drawer:
    return Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=tmp_path / "pictures")


class Mixing(Squares):
    """Squares with latents and a likelihood: what comes back says what it was made of."""

    def between(self, first: Picture, second: Picture, *, steps: int) -> list[Picture]:
        ends = [first, *[first] * (steps - 2), second]
        return [replace(picture, seed=n) for n, picture in enumerate(ends)]

    def vary(self, picture: Picture, *, strength: float, seed: int, count: int) -> list[Picture]:
        if not 0 <= strength <= 1:
            raise UsageError("The strength lies between 0 and 1.")
        return [replace(picture, seed=seed + n) for n in range(count)]

    def bits_per_dim(self, picture: Picture, *, prompt: str, style: str = "") -> float:
        return float(picture.rgba[0])


def test_pictures_are_made_out_of_pictures_and_that_is_written_down(ledger: Ledger, tmp_path: Path) -> None:
    mixing = Mixing(BackendContext(models_dir="", runtime_dir=""))
    given: list[list[bytes]] = []

    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        given.append(list(sources))
        return SimpleNamespace(data=data, facts={})

    finisher = Finisher(deliver)
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: mixing, folder=tmp_path, finisher=finisher)
    first, second = new_run_id(), new_run_id()
    drawer.draw(ImageRequest(prompt="square", seed=200), run=first)
    drawer.draw(ImageRequest(prompt="square", seed=20), run=second)
    red, dark = Source(run=first, n=1), Source(run=second, n=1)

    run = new_run_id()
    way = drawer.mix([red, dark], run=run, strength=0.5, seed=0, count=3)
    shades = [Image.open(file.path).convert("RGB").getpixel((0, 0))[0] for file in way.files]
    assert shades == [200, 200, 20]
    files = [(tmp_path / source.run / "1.png").read_bytes() for source in (red, dark)]
    assert given == [[], [], files, files, files], "what they were made of goes along, for its credentials"
    [call] = [event for event in record(ledger, run).events if event.kind == "model_call"]
    assert call.body["purpose"] == "between"
    assert call.body["parameters"]["of"] == [{"run": first, "n": 1}, {"run": second, "n": 1}]

    varied = drawer.mix([red], run=new_run_id(), strength=0.5, seed=9, count=2)
    assert [file.seed for file in varied.files] == [9, 10]
    assert drawer.likelihood(dark, prompt="square") == 20.0
    failed = new_run_id()
    with pytest.raises(UsageError):
        drawer.mix([red], run=failed, strength=3.0, seed=0, count=2)
    assert kinds(ledger, failed) == ["request", "error"]
    with pytest.raises(NotFoundError):
        drawer.mix([Source(run=first, n=5)], run=new_run_id(), strength=0.5, seed=0, count=2)


def test_a_family_without_latents_says_so(drawer: Drawer) -> None:
    run = new_run_id()
    drawer.draw(ImageRequest(prompt="square"), run=run)
    with pytest.raises(BackendUnavailableError, match="apart"):
        drawer.mix([Source(run=run, n=1)], run=new_run_id(), strength=0.5, seed=0, count=2)


def test_a_picture_becomes_outlines_that_are_signed_like_it(ledger: Ledger, squares: Squares, tmp_path: Path) -> None:
    signed: list[str] = []

    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        signed.append(record)
        return SimpleNamespace(data=data, facts={"signed": True})

    finisher = Finisher(deliver)
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=tmp_path, finisher=finisher)
    run = new_run_id()
    drawer.draw(ImageRequest(prompt="square", seed=200), run=run)
    svg = drawer.outlines(run, 1).decode()
    assert svg.count("<path") == 1 and "#C85A00" in svg.upper(), "one square of the seed's colour"
    assert drawer.outlines(run, 1) == svg.encode() and signed == [run, run], "traced once"
    with pytest.raises(StorageError):
        drawer.outlines(run, 2)
    (tmp_path / run / "3.png").write_bytes(b"no picture")
    with pytest.raises(GenerationError):
        drawer.outlines(run, 3)


def kinds(ledger: Ledger, run: str) -> list[str]:
    return [event.kind for event in record(ledger, run).events]


def test_every_picture_can_be_traced_to_prompt_seed_and_weights(drawer: Drawer, ledger: Ledger) -> None:
    run = new_run_id()
    drawn = drawer.draw(
        ImageRequest(prompt="a red fox", seed=40, count=2), run=run, family="squares", options={"shade": 7}
    )
    found = record(ledger, run)
    assert [event.kind for event in found.events if event.kind != "guard"] == ["request", "model_call", "answer"]
    assert (found.run.kind, found.run.title, found.run.state) == ("image", "a red fox", "done")
    request, *_, call, answer = (event for event in found.events)
    assert request.body["family"] == "squares" and "fox" not in str(request.body)
    assert call.body["weights"] == "sha256:" + "1" * 64
    assert call.body["parameters"] == {"shade": 7, "seed": 40, "count": 2, "style": ""}
    for file, fact in zip(drawn.files, answer.body["pictures"], strict=True):
        data = file.path.read_bytes()
        assert fact["file"] == file.file_sha256 == hashlib.sha256(data).hexdigest()
        assert fact["pixels"] == hashlib.sha256(Image.open(io.BytesIO(data)).tobytes()).hexdigest()
    assert [file.seed for file in drawn.files] == [40, 41]


def test_the_same_pixels_give_the_same_file(squares: Squares) -> None:
    [picture] = squares.draw(ImageRequest(prompt="x", seed=3), SquareOptions())
    assert png(picture) == png(picture)
    assert Image.open(io.BytesIO(png(picture))).getpixel((0, 0)) == (3, 90, 0, 255)


def test_a_prompt_with_a_secret_is_drawn_without_it_or_not_at_all(
    drawer: Drawer, squares: Squares, ledger: Ledger
) -> None:
    run, key = new_run_id(), "AKIA" + "IOSFODNN7EXAMPLQ"
    drawn = drawer.draw(ImageRequest(prompt=f"a poster of {key}"), run=run, family="squares")
    assert "guard" in kinds(ledger, run) and kinds(ledger, run)[-1] == "answer"
    assert drawn.refused or key not in squares.prompts[0]
    assert not any(key in str(event.body) for event in record(ledger, run).events)


def test_a_stop_and_a_failure_are_in_the_record(drawer: Drawer, ledger: Ledger) -> None:
    stopped, failed, token = new_run_id(), new_run_id(), Cancellation()
    with cancellable(token), pytest.raises(GenerationStopped):
        drawer.draw(ImageRequest(prompt="fox"), run=stopped, progress=lambda _progress: token.cancel())
    with pytest.raises(GenerationError):
        drawer.draw(ImageRequest(prompt="break"), run=failed)
    assert kinds(ledger, stopped)[-1] == "stopped" and record(ledger, stopped).run.state == "stopped"
    assert kinds(ledger, failed)[-1] == "error" and record(ledger, failed).run.state == "failed"


def test_wrong_options_are_refused_before_anything_is_written(drawer: Drawer, ledger: Ledger) -> None:
    before = ledger.head()
    with pytest.raises(ConfigError, match="shade"):
        drawer.draw(ImageRequest(prompt="fox"), run=new_run_id(), options={"shade": 999})
    assert ledger.head() == before


def test_the_first_family_that_can_run_draws(ledger: Ledger, tmp_path: Path) -> None:
    def family(name: str) -> Any:
        return Squares(BackendContext(models_dir="", runtime_dir=""), "" if name == "vae" else f"No {name}.")

    drawer = Drawer(ledger=ledger, guards=Guards(), family=family, folder=tmp_path)
    assert drawer.family() is drawer.family("vae")
    with pytest.raises(BackendUnavailableError, match=r"No gan\."):
        drawer.family("gan")


def test_what_is_delivered_is_what_is_stored_and_recorded(ledger: Ledger, squares: Squares, tmp_path: Path) -> None:
    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        return SimpleNamespace(data=data + record.encode(), facts={"signed": True})

    finisher = Finisher(deliver)
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=tmp_path, finisher=finisher)
    run = new_run_id()
    [file] = drawer.draw(ImageRequest(prompt="fox"), run=run).files
    assert file.path.read_bytes().endswith(run.encode())
    assert [one.body for one in ledger.entries(run=run, kind="mark")] == [{"signed": True}]


def test_what_the_house_delivers_is_signed_and_names_its_record(ledger: Ledger, squares: Squares, home: Path) -> None:
    from provenance.credentials.read import CredentialReader
    from ui.origins import certificates, picture_delivery, verifier
    from ui.settings import Settings

    settings = Settings(home=home)
    drawer = Drawer(
        ledger=ledger,
        guards=Guards(),
        family=lambda _name: squares,
        folder=home / "pictures",
        finisher=Finisher(picture_delivery(settings)),
    )
    run = new_run_id()
    [file] = drawer.draw(ImageRequest(prompt="fox"), run=run).files
    assert min(file.width, file.height) >= 512
    with verifier(settings) as judge:
        verdict = judge.verify(file.path.read_bytes())
    assert verdict.verdict == "ours" and verdict.run == run
    svg = CredentialReader(certificates(settings)).read(drawer.outlines(run, 1))
    assert svg.ours and [(one.relationship, one.record_id) for one in svg.ingredients] == [("parentOf", run)]
    [mark, _outlines] = [one.body for one in ledger.entries(run=run, kind="mark")]
    assert mark["file"] == file.file_sha256 and mark["signed"] and mark["image_mark"] and mark["psnr"] >= 40


class Doubler(Enlarger):
    """Every picture has its size; twice as large."""

    @staticmethod
    def takes(picture: Picture) -> bool:
        return True

    def enlarge(self, pictures: Sequence[Picture]) -> list[Picture]:
        return [replace(p, width=16, height=16, rgba=p.rgba * 4) for p in pictures]

    def identity(self) -> ModelIdentity:
        return ModelIdentity(backend="upscaler", model="upscaler-x4", digest="sha256:" + "2" * 64)


@pytest.mark.parametrize(("asked", "by"), [("", True), ("network", True), ("filter", False)])
def test_the_record_names_who_enlarged_a_picture(
    ledger: Ledger, squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, by: bool
) -> None:
    monkeypatch.setattr(Enlarger, "takes", Doubler.takes)
    sides: list[int] = []

    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        sides.append(side)
        return SimpleNamespace(data=data, facts={})

    finisher = Finisher(deliver, Doubler())
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=tmp_path, finisher=finisher)
    run = new_run_id()
    [file] = drawer.draw(ImageRequest(prompt="fox"), run=run, finish=Finish(enlarging=asked, side=256)).files
    assert file.width == (16 if by else 8) and sides == [256]
    calls = [event.body for event in record(ledger, run).events if event.kind == "model_call"]
    weights = "sha256:" + "2" * 64 if by else ""
    assert calls[0]["enlarged"] == {"means": "network" if by else "filter", "weights": weights, "side": 256, "note": ""}
    assert [call["weights"] for call in calls[1:]] == [weights] * by
    assert file.pixels_sha256 == calls[0]["pixels"][0], "the drawing's own pixels name it, whoever enlarged them"


class Blue(Doubler):
    """What it enlarges is blue, so that one sees what was traced."""

    def enlarge(self, pictures: Sequence[Picture]) -> list[Picture]:
        return [replace(p, width=128, height=128, rgba=bytes((0, 0, 255, 255)) * 128 * 128) for p in pictures]


@pytest.mark.parametrize(("usual", "colour"), [("network", "#0000FF"), ("filter", "#C85A00")])
def test_outlines_follow_what_the_house_enlarged_and_the_record_names_it(
    ledger: Ledger, squares: Squares, tmp_path: Path, usual: Any, colour: str
) -> None:
    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Any:
        return SimpleNamespace(data=data, facts={})

    finisher = Finisher(deliver)
    drawer = Drawer(ledger=ledger, guards=Guards(), family=lambda _name: squares, folder=tmp_path, finisher=finisher)
    run = new_run_id()
    drawer.draw(ImageRequest(prompt="square", seed=200), run=run)
    drawer._finisher = Finisher(deliver, Blue(), usual)
    assert colour in drawer.outlines(run, 1).decode().upper()
    by = usual == "network"
    traces = [e.body for e in record(ledger, run).events if e.body.get("purpose") == "trace"]
    assert [(trace["model"], len(trace["pixels"])) for trace in traces] == [("upscaler-x4", 1)] * by
    weights = "sha256:" + "2" * 64 if by else ""
    marks = [one.body for one in ledger.entries(run=run, kind="mark")]
    assert marks[-1]["enlarged"] == {"means": usual, "weights": weights, "side": 512, "note": ""}
