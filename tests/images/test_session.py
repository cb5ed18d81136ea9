"""From a data set to a picture: codec, training with a break, weights, a drawing; what is missing is said."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.base import BackendContext, ImageRequest
from backends.image.plugins import VaeBackend
from backends.image.shipped import header
from backends.training import session
from backends.training.session import Session
from provenance.errors import AppError, NotFoundError, UsageError

pytestmark = pytest.mark.usefixtures("words_without_weights")


def options(home: Path, what: str, **changes: object) -> argparse.Namespace:
    base = {
        "what": what,
        "home": str(home),
        "models": str(home / "models"),
        "tiers": "emoji",
        "no_cc_by": False,
        "steps": 4,
        "minutes": None,
        "seed": 1,
        "threads": None,
        "save_every": 2,
        "out": None,
    }
    return argparse.Namespace(**{**base, **changes})


def data_set(home: Path) -> None:
    """Twenty squares in two styles, four of them for validation."""
    folder, random = home / "pictures", np.random.default_rng(2)
    folder.mkdir(parents=True)
    pixels, rows = np.zeros((20, 64, 64, 4), dtype=np.uint8), []
    for n, picture in enumerate(pixels):
        left = int(random.integers(2, 30))
        picture[left : left + 30, left : left + 30] = (200, 30 + n, 60, 255)
        rows.append(
            {
                "label": f"square {n}",
                "tags": ["shape"],
                "style": ["flat", "round"][n % 2],
                "concept": f"square-{n}",
                "colour": "red",
                "group": "objects",
                "toned": n == 19,
                "split": "validation" if n < 4 else "train",
                "source": f"test#{n}",
            }
        )
    np.save(folder / "pixels.npy", pixels)
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    chosen = session.recipe
    small = {"width": 64, "depth": 1}
    monkeypatch.setattr(session, "recipe", lambda family: replace(chosen(family), sizes=small))
    for name in ("model.safetensors", "tokenizer.json"):
        path = tmp_path / "models" / "all-minilm-l6-v2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_data_set_becomes_a_model_that_draws(home: Path) -> None:
    data_set(home)
    said: list[str] = []
    Session(options(home, "codec", steps=2), said.append).run()
    stopped = Session(
        options(home, "vae"), said.append, stop=lambda: len(list((home / "vae").glob("s*.png"))) > 0
    ).run()
    assert stopped["steps"] == 2
    done = Session(options(home, "vae"), said.append).run()
    assert done["steps"] == 4 and any("vae step 4 of 4" in line for line in said)
    folder = home / "vae"
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "state.safetensors", "log.jsonl", "curve.png", "sheet.png", "vae.safetensors"
    }  # fmt: skip
    meta = header(folder / "vae.safetensors")
    assert meta["styles"] == ["flat", "round"] and meta["steps"] == 4 and meta["data"].startswith("sha256:")

    context = BackendContext(models_dir=str(home / "models"), runtime_dir=str(home), options={"weights": str(folder)})
    backend = VaeBackend(context)
    assert backend.available() == ""
    [picture] = backend.draw(ImageRequest(prompt="square 7", style="round", seed=3))
    assert (picture.width, picture.height) == (64, 64)


def test_what_is_missing_is_said_with_the_command_that_makes_it(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no data set") as caught:
        Session(options(home, "codec"), print).run()
    assert "wherefrom train data" in caught.value.hint
    data_set(home)
    with pytest.raises(NotFoundError, match="no codec"):
        Session(options(home, "diffusion"), print).run()
    with pytest.raises(UsageError, match="--tiers"):
        Session(options(home, "data", tiers="emoji,photos"), print).run()


def test_a_machine_without_npm_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(AppError, match="no npm"):
        Session(options(home, "data"), print).run()
