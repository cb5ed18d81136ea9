"""Enlarging: clear stays clear, edges have no fringe, the same pixels give the same, faults are said."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from agent.finishing import Finish, Finisher
from backends.base import Picture
from backends.digest import file_digest
from backends.image import shipped
from backends.image.codec import Codec, from_rgba
from backends.image.enlarging import Enlarger
from backends.image.packing import load_upscaler, save_upscaler
from backends.image.upscaler import FACTOR, Upscaler, straight
from backends.training import session
from backends.training.codec import fit_transform, save_codec
from backends.training.data import large
from backends.training.data.drawings import drawn_at
from backends.training.data.holdout import split_of
from backends.training.data.names import EmojiNames, Naming
from backends.training.loop import Plan, Trainer
from backends.training.pairs import DrawingPairs, Pairs, made_small
from backends.training.session import Session
from backends.training.upscaling import begin, new_upscaler
from benchmarks import upscale
from provenance.errors import BackendUnavailableError, UsageError
from tests.images.conftest import shaken
from tests.images.test_session import options


def disc(side: int, colour: tuple[int, int, int], radius: float = 0.32) -> np.ndarray:
    """A smooth-edged disc on nothing, straight alpha."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    away = np.hypot(rows - side / 2, columns - side / 2)
    alpha = np.clip(radius * side - away + 0.5, 0, 1)
    return np.dstack([*(np.full((side, side), c) for c in colour), 255 * alpha]).round().astype(np.uint8)


def drawings(count: int, side: int = 256) -> np.ndarray:
    """Discs and bars of random colours."""
    random, found = np.random.default_rng(5), []
    for n in range(count):
        image = Image.fromarray(disc(side, tuple(random.integers(0, 256, 3).tolist()), 0.2 + n % 3 / 10))
        left, top = random.integers(20, side // 2, 2).tolist()
        ImageDraw.Draw(image).rectangle((left, top, left + 60, top + 20), (*random.integers(0, 256, 3).tolist(), 255))
        found.append(np.asarray(image))
    return np.stack(found)


def codec_of(pictures: np.ndarray) -> Codec:
    small = straight(made_small(from_rgba(torch.from_numpy(pictures)))).numpy()
    return fit_transform(small, list(range(len(small))), dims=12)


def picture(rgba: np.ndarray, seed: int = 0) -> Picture:
    return Picture(width=rgba.shape[1], height=rgba.shape[0], rgba=rgba.tobytes(), seed=seed)


def pixels(of: Picture) -> np.ndarray:
    return np.frombuffer(of.rgba, np.uint8).reshape(of.height, of.width, 4)


class TestNetwork:
    def test_what_is_clear_or_solid_all_around_stays_so_to_the_bit(self) -> None:
        """Whatever the weights: a network that was shaken paints noise everywhere else."""
        network = shaken(Upscaler(width=8, depth=2), 0.3)
        small = disc(64, (220, 40, 60))
        large = network.enlarged(torch.from_numpy(small)[None])[0].numpy()  # type: ignore[operator]
        alpha = torch.from_numpy(small[..., 3].astype(np.float32))[None, None]
        clear = torch.nn.functional.max_pool2d(alpha, 3, 1, 1)[0, 0].numpy() == 0
        solid = -torch.nn.functional.max_pool2d(-alpha, 3, 1, 1)[0, 0].numpy() == 255
        assert clear.sum() > 1000 and solid.sum() > 500
        assert not large[np.kron(clear, np.ones((FACTOR, FACTOR), bool))].any()
        assert (large[..., 3][np.kron(solid, np.ones((FACTOR, FACTOR), bool))] == 255).all()

    def test_on_a_rim_a_colour_is_that_of_painted_neighbours_and_inside_the_network_is_free(self) -> None:
        """Whatever the weights, and whatever colour hides where next to nothing is painted."""
        network, colour = shaken(Upscaler(width=8, depth=2), 0.3), (220, 40, 60)
        small = disc(64, colour)
        small[small[..., 3] < 60, :3] = (0, 255, 0)
        large = network.enlarged(torch.from_numpy(small)[None])[0].numpy()  # type: ignore[operator]
        alpha = torch.from_numpy(small[..., 3].astype(np.float32))[None, None]
        most = torch.nn.functional.max_pool2d(alpha, 3, 1, 1)[0, 0].numpy()
        least = -torch.nn.functional.max_pool2d(-alpha, 3, 1, 1)[0, 0].numpy()
        rim, inside = (
            np.kron(of, np.ones((FACTOR, FACTOR), bool)) for of in ((least < 255) & (most > 64), least == 255)
        )
        assert rim.sum() > 1000 and (large[rim][:, :3] == colour).all()
        assert (large[inside][:, :3] != colour).any(axis=1).mean() > 0.5

    def test_a_new_network_is_the_filter_and_the_same_seed_makes_the_same(self) -> None:
        network = new_upscaler(3)
        images = torch.rand(1, 4, 8, 8) * 2 - 1
        smooth = torch.nn.functional.interpolate(images, scale_factor=4, mode="bicubic")
        torch.testing.assert_close(network(images), smooth)
        one, two = (new_upscaler(9).state_dict() for _ in range(2))
        assert all(torch.equal(value, two[name]) for name, value in one.items())

    def test_the_loss_sees_a_wrong_alpha_of_white_and_a_wrong_colour_on_black(self) -> None:
        network = new_upscaler(0)
        white = from_rgba(torch.full((1, 8, 8, 4), 255, dtype=torch.uint8))
        clear = from_rgba(torch.zeros((1, 32, 32, 4), dtype=torch.uint8))  # looks the same on white
        right = from_rgba(torch.full((1, 32, 32, 4), 255, dtype=torch.uint8))
        assert float(network.loss(white, right).detach()) < 0.01 < 1 < float(network.loss(white, clear).detach())

    def test_the_loss_is_how_far_off_it_is_on_white_and_on_black_and_in_alpha(self) -> None:
        even, large = torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 32, 32)
        large[:, :3], large[:, 3] = -0.2, -0.1
        assert float(new_upscaler(0).loss(even, large).detach()) == pytest.approx(0.2 + 0.3 + 0.1, abs=1e-3)

    def test_straight_alpha_comes_back_from_what_a_picture_is_on_white(self) -> None:
        rgba = torch.randint(0, 256, (2, 9, 9, 4), dtype=torch.uint8)
        rgba[..., 3] = rgba[..., 3].clamp(min=128)
        assert (straight(from_rgba(rgba)).int() - rgba.int()).abs().max() <= 1


class TestTraining:
    def trainer(self, folder: Path, **changes: Any) -> Trainer[Upscaler]:
        pictures = drawings(6)
        pairs = DrawingPairs(pictures[:4], pictures[4:], codec_of(pictures))
        torch.manual_seed(1)
        return Trainer(Upscaler(width=8, depth=1), pairs, folder, Plan(**{"batch": 2, "warmup": 2, **changes}))

    def test_a_training_that_was_killed_goes_on_to_the_same_bits(self, tmp_path: Path) -> None:
        whole, broken = self.trainer(tmp_path / "whole"), self.trainer(tmp_path / "broken")
        whole.run(4)
        broken.run(4, stop=lambda: broken.step >= 2)
        broken._one(4)  # work that a kill throws away
        again = self.trainer(tmp_path / "broken")
        again.run(4)
        assert again.step == 4
        assert all(
            torch.equal(value, again.model.state_dict()[name]) for name, value in whole.model.state_dict().items()
        )

    def test_cuts_of_both_sizes_show_the_same_place(self) -> None:
        """Clean pairs: the large cut made small is the small cut, away from its rim."""
        pictures = drawings(3)
        pairs = DrawingPairs(pictures, pictures, codec_of(pictures))
        pairs._spoiled = lambda small, _generator: small  # type: ignore[method-assign]
        batch = pairs.draw(8, torch.Generator().manual_seed(2))
        assert batch.small.shape == (8, 4, 32, 32) and batch.large.shape == (8, 4, 128, 128)
        again = made_small(batch.large)
        torch.testing.assert_close(again[..., 3:-3, 3:-3], batch.small[..., 3:-3, 3:-3], atol=1e-4, rtol=0)

    def test_it_begins_with_the_least_squares_answer_and_learns_from_there(self, tmp_path: Path) -> None:
        learner = self.trainer(tmp_path, batch=4, rate=2e-3, ema=0.9)
        batch = learner.source.draw(8, torch.Generator().manual_seed(0))
        assert isinstance(batch, Pairs)

        def far_off() -> float:
            with torch.no_grad():
                return float((learner.model(batch.small) - batch.large).square().mean())

        filtered = far_off()
        begin(learner.model, learner.source, 0)  # type: ignore[arg-type]
        assert far_off() < 0.97 * filtered
        learner.averaged.load_state_dict(learner.model.state_dict())
        begun = learner.validate()
        learner.run(20, save_every=20)
        learned = learner.validate()
        assert begun is not None and learned is not None and learned < 0.97 * begun

    def test_the_command_trains_weights_that_enlarge(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures = drawings(4)
        pairs = DrawingPairs(pictures, pictures, codec_of(pictures), digest="d" * 64)
        monkeypatch.setattr(session, "pairs_of", lambda *_of: pairs)
        save_codec(codec_of(pictures), tmp_path / "codec.safetensors")
        said: list[str] = []
        found = Session(options(tmp_path, "upscaler", steps=2), said.append).run()
        assert found["steps"] == 2 and any("upscaler step 2 of 2" in line for line in said)
        folder = tmp_path / "upscaler"
        assert {"state.safetensors", "log.jsonl", "curve.png", "sheet.png", "upscaler.safetensors"} <= {
            path.name for path in folder.iterdir()
        }
        assert shipped.header(folder / "upscaler.safetensors")["data"] == "sha256:" + "d" * 64
        [made] = Enlarger(folder).enlarge([picture(disc(64, (20, 90, 200)), seed=4)])
        assert (made.width, made.height, made.seed) == (256, 256, 4)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with forty squares, taken for every set."""
    icons = {f"square-{n}": {"body": f'<rect x="2" y="2" width="{9 + n}" height="20" fill="#c33"/>'} for n in range(40)}
    data = json.dumps({"icons": icons, "width": 64, "height": 64}).encode()
    path = tmp_path / "art.tgz"
    with tarfile.open(path, "w:gz") as tar:
        about = tarfile.TarInfo("package/icons.json")
        about.size = len(data)
        tar.addfile(about, io.BytesIO(data))
    monkeypatch.setattr(large, "archive", lambda _art, _cache: path)
    monkeypatch.setattr(EmojiNames, "__init__", lambda _self, _cache: None)
    monkeypatch.setattr(EmojiNames, "of_slug", lambda _self, name: Naming(label=name, concept=name))
    return tmp_path


def test_drawings_are_rendered_once_and_none_that_is_held_out_is_trained_on(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    folder = packages / "drawings"
    train, validation, digest = large.rendered(folder, packages, size=128, count=30, held=2, say=said.append)
    assert train.shape == (30, 128, 128, 4) and 1 <= len(validation) <= 2 and len(said) == 2
    again = large.rendered(folder, packages, size=128, count=30, held=2, say=said.append)
    assert again[2] == digest and len(said) == 2, "taken from the disk"
    assert large.rendered(folder, packages, size=64, count=30, held=2, say=said.append)[2] != digest
    seen: list[str] = []
    monkeypatch.setattr(large, "drawn_at", lambda job, size: seen.append(job.name) or drawn_at(job, size))
    assert len(large.held_out(packages, size=64, count=5)) == 5
    assert all(any(split_of(name, style) in ("concept", "cell") for style in large.STYLES) for name in seen)
    known = {name for name in (f"square-{n}" for n in range(40)) if split_of(name, "noto") == "concept"}
    seen.clear()
    large.rendered(packages / "all", packages, size=64, count=1000, held=1, say=said.append)
    assert seen and not known & set(seen)


class TestEnlarger:
    def weights(self, folder: Path) -> Path:
        torch.manual_seed(2)
        save_upscaler(folder / "upscaler.safetensors", Upscaler(width=8, depth=1), {"model": "upscaler-x4", "steps": 1})
        return folder

    def test_the_same_pixels_give_the_same_whoever_lies_beside_them(self, tmp_path: Path) -> None:
        enlarger = Enlarger(self.weights(tmp_path))
        red, blue = picture(disc(64, (220, 40, 60))), picture(disc(64, (20, 90, 200), 0.2))
        [alone] = enlarger.enlarge([red])
        assert enlarger.enlarge([blue, red])[1].rgba == alone.rgba
        assert enlarger.identity().digest == f"sha256:{file_digest(tmp_path / 'upscaler.safetensors', full=True)}"

    def test_missing_and_damaged_weights_are_said_and_the_filter_steps_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        red = picture(disc(64, (220, 40, 60)))
        monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
        monkeypatch.setattr(shipped, "_index", lambda: {"upscaler.safetensors": "0" * 64})
        gone = Finisher(enlarger=Enlarger()).enlarged([red], Finish())
        assert gone.by is None and gone.pictures == (red,)
        assert gone.note.startswith("Enlarged by a plain filter.") and "upscaler.safetensors is missing" in gone.note
        self.weights(tmp_path)
        with pytest.raises(BackendUnavailableError, match="SHA-256 differs"):
            Enlarger().enlarge([red])
        path = tmp_path / "own" / "upscaler.safetensors"
        self.weights(path.parent)
        path.write_bytes(path.read_bytes()[:-40])
        broken = Finisher(enlarger=Enlarger(path.parent)).enlarged([red], Finish())
        assert broken.by is None and "cannot be read" in broken.note

    def test_the_filter_is_there_for_whoever_chooses_it_and_large_pictures_are_left_alone(self, tmp_path: Path) -> None:
        enlarger, small = Enlarger(self.weights(tmp_path)), picture(disc(64, (1, 2, 3)))
        assert Finisher(enlarger=enlarger).enlarged([small], Finish(enlarging="filter")).pictures == (small,)
        assert Finisher(enlarger=enlarger, usual="filter").enlarged([small], Finish()).by is None
        chosen = Finisher(enlarger=enlarger, usual="filter").enlarged([small], Finish(enlarging="network"))
        assert chosen.by is not None and chosen.pictures[0].width == 256 and chosen.note == ""
        big = picture(disc(512, (1, 2, 3)))
        for among in ((big,), (small, big)):
            assert Finisher(enlarger=enlarger).enlarged(among, Finish()).pictures == among

    def test_a_full_memory_costs_the_network_and_not_the_picture(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_self: Upscaler, _rgba: torch.Tensor) -> torch.Tensor:
            raise MemoryError

        monkeypatch.setattr(Upscaler, "enlarged", full)
        red = picture(disc(64, (220, 40, 60)))
        found = Finisher(enlarger=Enlarger(self.weights(tmp_path))).enlarged([red], Finish())
        assert found.by is None and found.pictures == (red,) and "the memory is full" in found.note

    @pytest.mark.parametrize("wrong", [{"enlarging": "magic"}, {"side": 300}, {"side": 0}])
    def test_a_way_or_a_size_that_there_is_not_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            Finish(**wrong)


class TestShipped:
    @pytest.mark.parametrize("colour", [(255, 255, 255), (240, 200, 30), (0, 0, 0)])
    def test_an_edge_has_the_colour_of_what_it_bounds(self, colour: tuple[int, int, int]) -> None:
        """No dark fringe around a light drawing, no light one around a dark: seen on both papers."""
        [made] = Enlarger().enlarge([picture(disc(64, colour))])
        found = pixels(made).astype(float)
        weight = found[..., 3:] / 255
        off = np.abs(found[..., :3] - colour) * weight  # how far an edge is off where it is laid on its own colour
        assert off.max() < 16 and off[weight[..., 0] > 0].mean() < 2
        assert found[..., 3].min() == 0 and found[..., 3].max() == 255

    def test_it_is_sharper_than_the_filter(self) -> None:
        truth = disc(256, (30, 120, 220))
        small = straight(made_small(from_rgba(torch.from_numpy(truth)[None])))[0].numpy()
        [made] = Enlarger().enlarge([picture(small)])
        filtered = np.asarray(Image.fromarray(small).resize((256, 256), Image.Resampling.LANCZOS))
        assert upscale.psnr(pixels(made), truth) > upscale.psnr(filtered, truth) + 1

    def test_a_file_written_again_is_the_same_network(self, tmp_path: Path) -> None:
        network = load_upscaler(shipped.verified_path("upscaler"))
        meta = shipped.header(shipped.WEIGHTS / "upscaler.safetensors")
        digest = save_upscaler(tmp_path / "again.safetensors", network, meta)
        assert digest == json.loads((shipped.WEIGHTS / "index.json").read_text())["upscaler.safetensors"]
