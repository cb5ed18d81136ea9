"""The contract every image backend keeps, as tests. Shipped, so that a third party tests a plug-in with five lines:

    class TestMine(ImageBackendContract):
        @pytest.fixture
        def backend(self) -> ImageBackend:
            return MyBackend(BackendContext(models_dir="models", runtime_dir="run"))

Needs pytest.
"""

from __future__ import annotations

import json
import time
from typing import ClassVar

import pytest

from backends.base import ImageBackend, ImageProgress, ImageRequest, Kind
from backends.cancellation import Cancellation, GenerationStopped, cancellable
from provenance.errors import ConfigError, UsageError

__all__ = ["ImageBackendContract"]


class ImageBackendContract:
    """Subclass it, give it a `backend` fixture, and every check runs against your backend."""

    prompt: ClassVar[str] = "a red fox"
    stop_s: ClassVar[float] = 1.0  # a stop may take this long

    @pytest.fixture
    def backend(self) -> ImageBackend:
        raise NotImplementedError("a subclass gives the backend")

    def test_it_says_what_it_is(self, backend: ImageBackend) -> None:
        assert backend.name and backend.kind is Kind.IMAGE
        assert isinstance(backend, ImageBackend)
        assert backend.options_model.model_json_schema()["type"] == "object"
        assert backend.options_model() is not None  # all have defaults: the page draws a form before anyone chose
        assert backend.available() == ""
        assert len(set(backend.styles())) == len(backend.styles())

    def test_its_identity_names_the_weights_and_does_not_change(self, backend: ImageBackend) -> None:
        first, second = backend.identity(), backend.identity()
        assert first.backend == backend.name and first.model
        assert first.digest.startswith(("sha256:", "unverified:"))
        assert (first.model, first.digest) == (second.model, second.digest)
        json.dumps(first.details)  # it goes into the ledger

    def test_the_same_request_gives_the_same_bytes_and_another_seed_others(self, backend: ImageBackend) -> None:
        first, again, other = (backend.draw(ImageRequest(prompt=self.prompt, seed=seed))[0].rgba for seed in (5, 5, 6))
        assert first == again != other

    def test_as_many_pictures_come_as_were_asked_for(self, backend: ImageBackend) -> None:
        pictures = backend.draw(ImageRequest(prompt=self.prompt, seed=2**40, count=3))
        assert [picture.seed for picture in pictures] == [2**40, 2**40 + 1, 2**40 + 2]
        assert all(len(picture.rgba) == 4 * picture.width * picture.height for picture in pictures)
        assert len({picture.rgba for picture in pictures}) == 3

    def test_progress_ends_with_the_last_step(self, backend: ImageBackend) -> None:
        seen: list[ImageProgress] = []
        backend.draw(ImageRequest(prompt=self.prompt, count=2), progress=seen.append)
        assert seen and seen[-1].step == seen[-1].steps
        assert [p.step for p in seen] == sorted(p.step for p in seen)
        assert all(len(progress.previews) in (0, 2) for progress in seen)

    def test_every_style_can_be_named_and_no_other(self, backend: ImageBackend) -> None:
        for style in backend.styles()[:2]:
            assert backend.draw(ImageRequest(prompt=self.prompt, style=style))
        if backend.styles():
            with pytest.raises(UsageError, match="no style"):
                backend.draw(ImageRequest(prompt=self.prompt, style="no such style"))

    @pytest.mark.parametrize(
        "wrong",
        [
            ImageRequest(prompt=""),
            ImageRequest(prompt="  \n"),
            ImageRequest(prompt="fox " * 1250),
            ImageRequest(prompt="fox", count=0),
            ImageRequest(prompt="fox", count=1000),
            ImageRequest(prompt="fox", seed=-1),
        ],
    )
    def test_a_wrong_request_is_refused_in_a_sentence(self, backend: ImageBackend, wrong: ImageRequest) -> None:
        with pytest.raises(UsageError) as caught:
            backend.draw(wrong)
        assert str(caught.value).endswith(".")

    def test_options_that_are_no_numbers_are_refused(self, backend: ImageBackend) -> None:
        from backends.options import chosen_options

        for name, field in backend.options_model.model_fields.items():
            if field.annotation is float:
                with pytest.raises(ConfigError, match=name):
                    chosen_options(backend.options_model, None, {name: float("nan")}, backend=backend.name)

    def test_a_cancel_stops_the_drawing(self, backend: ImageBackend) -> None:
        token = Cancellation()
        times: list[float] = []

        def cancel(_progress: ImageProgress) -> None:
            times.append(time.monotonic())
            token.cancel()

        with cancellable(token):
            try:
                backend.draw(ImageRequest(prompt=self.prompt), progress=cancel)
            except GenerationStopped:
                assert time.monotonic() - times[0] < self.stop_s
            else:
                assert len(times) == 1  # a backend with a single step is done when it first reports
        with cancellable(token), pytest.raises(GenerationStopped):
            backend.draw(ImageRequest(prompt=self.prompt))

    def test_it_can_be_used_again_after_it_was_closed(self, backend: ImageBackend) -> None:
        request = ImageRequest(prompt=self.prompt, seed=1)
        first = backend.draw(request)[0].rgba
        backend.close()
        backend.close()
        assert backend.draw(request)[0].rgba == first
