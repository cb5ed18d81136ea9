"""Marked, signed, kept: a picture leaves the house with two marks, and gets the lost one back from the other."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from provenance.credentials.certificates import Certificates
from provenance.credentials.disclosure import Disclosure
from provenance.credentials.read import CredentialReader
from provenance.credentials.sign import CredentialSigner, Parent
from provenance.credentials.store import ManifestStore
from provenance.database import Database
from provenance.delivery import Deliverer, Format
from provenance.errors import UsageError
from provenance.fingerprint import FingerprintIndex
from provenance.imagemark.keys import ImageMarkKey, ImageMarkKeys
from provenance.imagemark.marker import ALGORITHM, ImageMarkReader
from provenance.imagemark.picture import PictureError
from provenance.keys import LedgerKeys
from provenance.verify import Verdict, Verifier
from tests.provenance.pictures import cropped, icon, photo
from tests.provenance.test_imagemark import stored_animation

RUN = "r-01jd0000000000000000000000"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4" fill="red"/></svg>'


class House:
    """What delivers and what verifies, over one folder."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.certificates = Certificates(folder / "credentials")
        self.store = ManifestStore(folder / "manifests")
        self.signer = CredentialSigner(self.certificates, self.store)
        self.keys = ImageMarkKeys(folder / "image-mark", LedgerKeys(folder / "ledger"))
        self.deliverer = Deliverer(self.signer, self.store, self.keys.current())
        self.verifier = Verifier(
            credentials=CredentialReader(self.certificates),
            fingerprints=FingerprintIndex(database),
            store=self.store,
            image_mark=ImageMarkReader(self.keys.known, self.store.marked),
        )

    def verify(self, data: bytes) -> Verdict:
        return self.verifier.verify(data)


@pytest.fixture
def house(tmp_path: Path, database: Database) -> House:
    return House(tmp_path, database)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp"])
def test_a_delivered_picture_is_signed_and_marked(house: House, mime: Format) -> None:
    made = house.deliverer.deliver(icon(128), Disclosure(record=RUN), mime=mime)
    assert (made.width, made.height, made.mime, made.record) == (512, 512, mime, RUN)
    assert made.psnr is not None and made.psnr >= 40 and house.store.marked(made.mark or 0) == RUN
    report = CredentialReader(house.certificates).read(made.data)
    assert report.verdict == "trusted" and report.ours and report.record_id == RUN
    assert ALGORITHM in str(house.store.of(RUN)[0].data)
    found = house.verify(made.data)
    assert found.verdict == "ours" and {"credentials", "image mark"} <= {one.kind for one in found.evidence}


def test_a_stripped_and_cropped_copy_is_recognised_and_gets_its_manifest_back(house: House) -> None:
    made = house.deliverer.deliver(photo(), Disclosure(record=RUN))
    copy = saved(cropped(opened(made.data), 0.8), "JPEG", quality=70)
    found = house.verify(copy)
    assert found.verdict == "ours" and found.run == RUN
    [mark] = [one for one in found.evidence if one.kind == "image mark"]
    assert mark.strength == "strong" and "can be given back" in mark.sentence
    back = house.signer.reattach(copy, "image/jpeg", house.store.of(RUN)[-1])
    report = CredentialReader(house.certificates).read(back)
    assert report.ours and report.record_id == RUN and report.ingredients


def test_a_picture_of_another_house_is_not_ours(house: House, tmp_path: Path, database: Database) -> None:
    other = House(tmp_path / "other", database)
    made = other.deliverer.deliver(photo(), Disclosure(record=RUN))
    assert house.verify(saved(opened(made.data), "PNG")).verdict == "cannot tell"
    assert house.verify(made.data).verdict == "not ours"


def test_credentials_of_an_edited_picture_stay_as_an_ingredient(house: House) -> None:
    first = house.deliverer.deliver(photo(), Disclosure(record=RUN))
    other = "r-01jd0000000000000000000001"
    second = house.deliverer.deliver(first.data, Disclosure(record=other, origin="edited"))
    report = CredentialReader(house.certificates).read(second.data)
    assert report.record_id == other and [one.record_id for one in report.ingredients] == [RUN]
    assert house.verify(saved(opened(second.data), "PNG")).run == other  # the newer mark lies over the older one


def test_a_picture_put_together_keeps_the_credentials_of_every_part(house: House) -> None:
    records = ["r-01jd0000000000000000000001", "r-01jd0000000000000000000002"]
    parts = [Parent(data=house.deliverer.deliver(photo(), Disclosure(record=one)).data) for one in records]
    made = house.deliverer.deliver(photo(), Disclosure(record=RUN, origin="composite"), inputs=parts)
    report = CredentialReader(house.certificates).read(made.data)
    assert (report.verdict, report.ours, report.record_id) == ("trusted", True, RUN)
    assert [(one.relationship, one.record_id) for one in report.ingredients] == [("inputTo", one) for one in records]


def test_an_svg_gets_credentials_only(house: House) -> None:
    made = house.deliverer.deliver(SVG, Disclosure(record=RUN))
    assert made.mime == "image/svg+xml" and made.mark is None
    assert house.verify(made.data).verdict == "ours"


def test_transparency_survives_delivery_and_the_mark_does_too(house: House) -> None:
    made = house.deliverer.deliver(icon(mode="RGBA"), Disclosure(record=RUN))
    image = opened(made.data)
    assert image.mode == "RGBA" and np.asarray(image)[..., 3].min() == 0
    assert house.verify(saved(image, "PNG")).run == RUN
    assert (
        opened(house.deliverer.deliver(icon(mode="RGBA"), Disclosure(record=RUN), mime="image/jpeg").data).mode == "RGB"
    )


def test_a_photograph_that_lies_on_its_side_is_delivered_upright_with_its_colour_profile(house: House) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter when shown
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    sideways = saved(photo(1, 640, 480), "JPEG", exif=exif, icc_profile=profile)
    for mime in ("image/png", "image/jpeg", "image/webp"):
        made = house.deliverer.deliver(sideways, Disclosure(record=RUN), mime=mime)
        image = opened(made.data)
        assert image.size == (480, 640) and image.getexif().get(0x0112, 1) == 1
        assert image.info.get("icc_profile") == profile


def test_two_records_never_share_a_number(tmp_path: Path) -> None:
    store = ManifestStore(tmp_path)
    assert store.claim(7, "r-1") and store.claim(7, "r-1")
    assert not store.claim(7, "r-2") and store.marked(7) == "r-1" and store.marked(8) is None
    (tmp_path / "_by-mark" / f"{9:012x}").touch()  # a crash before it was written
    assert store.marked(9) is None and store.claim(9, "r-3") and store.marked(9) == "r-3"


def test_a_number_that_is_taken_is_passed_over(house: House) -> None:
    key = ImageMarkKey(b"k" * 32)
    house.store.claim(key.number(RUN), "r-other")
    made = Deliverer(house.signer, house.store, key).deliver(icon(), Disclosure(record=RUN))
    assert made.mark == key.number(RUN, 1)


def test_bad_pictures_give_clear_verdicts(house: House) -> None:
    house.deliverer.deliver(icon(), Disclosure(record=RUN))
    whole = saved(photo(), "PNG")
    bad = {
        "damaged": whole[:3000],
        "No watermark": saved(Image.new("RGB", (1, 1)), "PNG"),
        "only the first picture": stored_animation(),
    }
    for words, data in bad.items():
        found = house.verify(data)
        assert found.verdict == "cannot tell" and any(words in one.sentence for one in found.evidence), words
    for data in (b"", b"text", whole[:3000]):
        with pytest.raises(PictureError):
            house.deliverer.deliver(data, Disclosure(record=RUN))
    with pytest.raises(UsageError, match="animated"):
        house.deliverer.deliver(stored_animation(), Disclosure(record=RUN))


@pytest.mark.parametrize("mode", ["P", "CMYK", "L"])
def test_a_marked_picture_in_another_colour_mode_is_still_ours(house: House, mode: str) -> None:
    made = opened(house.deliverer.deliver(photo(), Disclosure(record=RUN)).data)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert house.verify(saved(made.convert(mode), kind)).run == RUN


def test_a_picture_of_a_hundred_megapixels_is_read(house: House) -> None:
    made = opened(house.deliverer.deliver(photo(), Disclosure(record=RUN)).data)
    large = saved(made.resize((10_000, 10_000), Image.Resampling.BILINEAR), "JPEG", quality=60)
    assert house.verify(large).run == RUN
