"""The laws of the image mark: what goes in comes out, what was never in is never found, and nobody sees it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from provenance.errors import CredentialError, UsageError
from provenance.imagemark import code
from provenance.imagemark.embed import embed, psnr
from provenance.imagemark.keys import ImageMarkKey, ImageMarkKeys
from provenance.imagemark.marker import ImageMarkReader, enlarged, mark_picture
from provenance.imagemark.pattern import PILOTS, pattern_of
from provenance.imagemark.picture import PictureError, open_picture, small_view
from provenance.imagemark.read import LIMIT, bound, find
from provenance.keys import LedgerKeys
from provenance.verify import MarkFound, NoMark
from tests.provenance.pictures import cropped, icon, jpeg, photo, resized, screenshot, stored

KEY = ImageMarkKey(hashlib.sha256(b"a key").digest())
FOREIGN = ImageMarkKey(hashlib.sha256(b"another key").digest())
NUMBER = 0xC0FFEE_123456

numbers = st.integers(0, (1 << code.BITS) - 1)


def read(image: Image.Image, key: ImageMarkKey = KEY) -> int | None:
    found = find(np.asarray(image), [key.secret])
    return found.number if found else None


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    return mark_picture(photo(), NUMBER, KEY)


@given(number=numbers)
@settings(max_examples=25, deadline=None)
def test_any_number_survives_an_eighth_of_its_bits_turned_over(number: int) -> None:
    rng = np.random.default_rng(number % 2**32)
    soft = 1.0 - 2.0 * code.encode(code.pack(number))
    soft[rng.choice(code.LENGTH, code.LENGTH // 8, replace=False)] *= -1
    assert code.unpack(code.decode(soft).bits) == number


def test_the_decoder_reads_what_lies_far_below_noise() -> None:
    rng = np.random.default_rng(3)
    right = 0
    for _ in range(40):
        number = int(rng.integers(0, 1 << code.BITS))
        word = 1.0 - 2.0 * code.encode(code.pack(number))
        noisy = word * 12 / np.sqrt(code.LENGTH) + rng.normal(size=code.LENGTH)  # each bit: 0.62 of the noise's size
        right += code.unpack(code.decode(noisy).bits) == number
    assert right >= 38


def test_two_words_of_the_code_differ_in_many_places() -> None:
    words = [code.encode(code.pack(1 << n)) for n in range(code.BITS)]  # linear: differences are words again
    assert min(int(word.sum()) for word in words) >= 50


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        code.pack(1 << code.BITS)


@given(number=numbers)
@settings(max_examples=4, deadline=None)
def test_any_number_comes_back_out_of_a_picture(number: int) -> None:
    pixels = np.asarray(photo(2))
    assert read(Image.fromarray(embed(pixels, number, pattern_of(KEY.secret)))) == number


@pytest.mark.parametrize("picture", [photo(), photo(3, 640, 427), icon(), photo(4).convert("L")])
def test_the_mark_stays_below_what_is_seen(picture: Image.Image) -> None:
    out = mark_picture(picture, NUMBER, KEY)
    assert out.size == picture.size and out.mode == picture.mode
    assert psnr(np.asarray(picture), np.asarray(out)) >= 40
    assert np.abs(np.asarray(picture).astype(int) - np.asarray(out)).max() <= 32


@pytest.mark.parametrize(
    "attack",
    [
        lambda image: jpeg(image, 40),
        lambda image: stored(image, "WEBP", quality=80),
        lambda image: resized(image, 0.5),
        lambda image: resized(image, 1.7),
        lambda image: cropped(image, 0.75),
        lambda image: image.rotate(10, Image.Resampling.BICUBIC),
        lambda image: image.rotate(-6.3, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)),
        lambda image: image.point(lambda x: min(255, int(x * 0.75 + 20))),
        screenshot,
        lambda image: jpeg(cropped(image, 0.8), 50),
    ],
    ids=["jpeg 40", "webp", "half", "larger", "crop", "turn", "turn, wider", "faint", "screenshot", "crop and jpeg"],
)
def test_the_mark_is_read_after(attack: Callable[[Image.Image], Image.Image], marked: Image.Image) -> None:
    assert read(attack(marked)) == NUMBER


def test_a_flat_icon_keeps_its_mark_through_jpeg_and_cropping() -> None:
    out = mark_picture(icon(), NUMBER, KEY)
    assert read(jpeg(out, 50)) == NUMBER
    assert read(cropped(out, 0.8)) == NUMBER


def test_an_unmarked_picture_and_one_of_another_key_hold_nothing(marked: Image.Image) -> None:
    assert read(photo()) is None
    assert read(icon()) is None
    assert read(marked, FOREIGN) is None


def test_a_picture_that_repeats_itself_is_not_taken_for_a_mark() -> None:
    stripes = np.tile(np.array([0, 0, 0, 255, 255, 255], np.uint8), (516, 86))
    checks = np.kron(np.indices((64, 64)).sum(0) % 2, np.ones((8, 8))).astype(np.uint8) * 200
    for pixels in (stripes, checks, np.zeros((300, 300), np.uint8), np.full((64, 4000), 255, np.uint8)):
        assert find(pixels, [KEY.secret]) is None


def test_what_chance_may_do_is_bounded_as_the_docstring_says() -> None:
    rng = np.random.default_rng(0)
    scores = [code.decode(noise).score / np.linalg.norm(noise) for noise in rng.normal(size=(12, code.LENGTH))]
    assert max(scores) < 9  # the best of 2**48 words at pure noise
    assert bound(max(scores), 1) > LIMIT


def test_an_older_key_is_still_read(marked: Image.Image) -> None:
    found = find(np.asarray(marked), [FOREIGN.secret, KEY.secret])
    assert found is not None and (found.number, found.key) == (NUMBER, 1) and found.p_value <= LIMIT


def test_the_pattern_is_the_same_on_every_machine() -> None:
    pattern = pattern_of(bytes(32))
    told = np.stack([pattern.u, pattern.v, np.rint(np.angle(pattern.carrier) * 1e6).astype(np.int64), pattern.bit])
    assert hashlib.sha256(told.astype("<i8").tobytes()).hexdigest()[:16] == "36f7370eff3fa93c"
    assert (pattern.bit[:PILOTS] == -1).all() and np.bincount(pattern.bit[PILOTS:]).min() >= 100


def test_transparent_places_stay_as_they_were_and_the_mark_survives() -> None:
    before = icon(mode="RGBA")
    out = mark_picture(before, NUMBER, KEY)
    gone = np.asarray(before)[..., 3] == 0
    assert (np.asarray(out)[gone] == np.asarray(before)[gone]).all()
    assert (np.asarray(out)[..., 3] == np.asarray(before)[..., 3]).all()
    assert read(small_view(stored(out, "PNG"))) == NUMBER


@pytest.mark.parametrize("mode", ["P", "CMYK", "I;16", "1", "LA", "F", "I"])
def test_every_colour_mode_is_marked(mode: str) -> None:
    grey = photo().convert("L")
    deep = np.asarray(grey).astype(np.uint16) * 257
    picture = (
        Image.fromarray(deep)
        if mode == "I;16"
        else Image.fromarray(deep.astype(np.int32) if mode == "I" else deep.astype(np.float32) / 65535)
        if mode in ("I", "F")
        else photo().convert(mode)
    )
    assert read(small_view(mark_picture(picture, NUMBER, KEY))) == NUMBER


def test_small_pictures_are_enlarged_and_large_ones_left() -> None:
    assert enlarged(icon(64)).size == (512, 512)
    assert enlarged(photo(1, 90, 60)).size == (810, 540)
    assert enlarged(photo(1, 320, 700)).size == (320, 700)
    assert read(jpeg(mark_picture(enlarged(icon(64)), NUMBER, KEY), 60)) == NUMBER


def test_what_cannot_be_marked_is_refused() -> None:
    for size in ((1, 1), (64, 64), (4000, 40)):
        with pytest.raises(UsageError, match="too small"):
            mark_picture(Image.new("RGB", size), NUMBER, KEY)
    moving = stored_animation()
    with pytest.raises(UsageError, match="animated"), Image.open(io.BytesIO(moving)) as image:
        mark_picture(image, NUMBER, KEY)


def stored_animation() -> bytes:
    out = io.BytesIO()
    frames = [photo(n).convert("P") for n in (5, 6)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_a_one_pixel_picture_is_read_without_a_word() -> None:
    assert find(np.zeros((1, 1, 3), np.uint8), [KEY.secret]) is None
    assert find(np.asarray(photo()), []) is None


def test_a_huge_picture_is_read_small() -> None:
    large = mark_picture(photo(7, 1000, 1000), NUMBER, KEY).resize((10_000, 10_000), Image.Resampling.NEAREST)
    view = small_view(large)
    assert view.width * view.height <= 9_000_000
    assert read(view) == NUMBER


def test_a_damaged_picture_gives_one_clear_sentence(marked: Image.Image) -> None:
    out = io.BytesIO()
    marked.save(out, "PNG")
    for data in (out.getvalue()[:5000], b"no picture", b""):
        with pytest.raises(PictureError, match="damaged or cut off"), open_picture(data) as image:
            small_view(image)


def test_the_reader_names_the_record(marked: Image.Image) -> None:
    known = ImageMarkReader(lambda: [KEY], {NUMBER: "r-1"}.get).detect(marked)
    assert isinstance(known, MarkFound) and known.run == "r-1" and known.p_value <= LIMIT
    lost = ImageMarkReader(lambda: [KEY], lambda _: None).detect(marked)
    assert isinstance(lost, MarkFound) and lost.run is None and "not kept here any more" in lost.sentence
    assert ImageMarkReader(lambda: [FOREIGN], {}.get).detect(marked) is None


def test_damaged_keys_are_said_and_stop_nothing_else(tmp_path: Path) -> None:
    keys = ImageMarkKeys(tmp_path / "marks", LedgerKeys(tmp_path / "ledger"))
    keys.current()
    (tmp_path / "marks" / "secrets.json").write_text("no json")
    said = ImageMarkReader(keys.known, {}.get).detect(photo())
    assert isinstance(said, NoMark) and "damaged" in said.sentence


def test_keys_follow_the_ledgers_key_and_old_ones_stay(tmp_path: Path) -> None:
    ledger = LedgerKeys(tmp_path / "ledger")
    keys = ImageMarkKeys(tmp_path / "marks", ledger)
    assert keys.known() == []
    first = keys.current()
    assert keys.current() == first and keys.known() == [first]
    ledger.rotate()
    second = keys.current()
    assert keys.known() == [second, first] and first.number("r-1") != second.number("r-1")
    (tmp_path / "marks" / "secrets.json").unlink()
    assert keys.current() == second  # derived again
    (tmp_path / "marks" / "secrets.json").write_text("[{}]")
    with pytest.raises(CredentialError, match="damaged"):
        keys.known()
