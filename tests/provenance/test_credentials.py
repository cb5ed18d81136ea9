"""Content Credentials: signing, reading back, and every way in which a file is not what it claims."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from c2pa import Builder, C2paSigningAlg, Signer
from docx import Document
from PIL import Image

from provenance.credentials.certificates import Certificates
from provenance.credentials.disclosure import Disclosure, SoftBinding, Source
from provenance.credentials.engine import context
from provenance.credentials.media import DOCX, SIGNABLE, stored_zip
from provenance.credentials.read import CredentialReader, CredentialReport
from provenance.credentials.sign import CredentialSigner, Parent
from provenance.credentials.store import ManifestStore
from provenance.errors import CredentialError

RUN = "r-01jd0000000000000000000000"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="5" height="5"/></svg>'


@pytest.fixture
def certificates(home: Path) -> Certificates:
    return Certificates(home / "keys" / "credentials")


@pytest.fixture
def signer(certificates: Certificates) -> CredentialSigner:
    return CredentialSigner(certificates)


@pytest.fixture
def reader(certificates: Certificates) -> CredentialReader:
    return CredentialReader(certificates)


@pytest.fixture
def stranger(tmp_path: Path) -> CredentialSigner:
    """Another installation."""
    return CredentialSigner(Certificates(tmp_path / "elsewhere"))


def picture(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (64, 48), frames: int = 1) -> bytes:
    out = io.BytesIO()
    more = [Image.new(mode, size, 7 * n) for n in range(1, frames)]
    options = {"save_all": True, "append_images": more} if more else {}
    Image.new(mode, size, 90 if mode in ("L", "I;16") else None).save(out, kind, **options)
    return out.getvalue()


def document() -> bytes:
    out = io.BytesIO()
    written = Document()
    written.add_paragraph("The lens was repaired in 2019 [1].")
    written.save(out)
    return out.getvalue()


FILES = {
    "image/png": picture(),
    "image/jpeg": picture("JPEG"),
    "image/webp": picture("WEBP"),
    "image/svg+xml": SVG,
    "application/pdf": picture("PDF"),
    DOCX: document(),
}


@pytest.mark.parametrize("mime", sorted(SIGNABLE))
def test_every_kind_of_file_is_signed_and_read_back_as_ours(
    mime: str, signer: CredentialSigner, reader: CredentialReader
) -> None:
    report = reader.read(signer.sign_bytes(FILES[mime], mime, Disclosure(record=RUN)))
    assert (report.verdict, report.ours, report.record_id, report.ai_made) == ("trusted", True, RUN, True)
    assert report.problems == ()
    assert report.issuer


@pytest.mark.parametrize(
    "data",
    [picture("JPEG", "CMYK"), picture("PNG", "I;16"), picture("PNG", frames=3), picture("WEBP", frames=3)],
    ids=["cmyk", "16 bit", "animated png", "animated webp"],
)
def test_odd_pictures_are_signed_too(data: bytes, signer: CredentialSigner, reader: CredentialReader) -> None:
    mime = {b"\xff": "image/jpeg", b"R": "image/webp", b"\x89": "image/png"}[data[:1]]
    assert reader.read(signer.sign_bytes(data, mime, Disclosure(record=RUN))).ours


def test_the_shared_files_get_the_verdicts_that_are_expected(eval_dir: Path, reader: CredentialReader) -> None:
    folder = eval_dir / "c2pa"
    rows = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    assert len(rows) == 7
    for row in rows:
        report = reader.read(folder / row["file"])
        expected = "none" if row["expected"] == "no manifest" else row["expected"].lower()
        assert report.verdict == expected, row["file"]
        assert set(report.codes) == set(row.get("codes", [])), row["file"]
        assert not report.ours


def test_the_public_level_tells_ai_made_and_the_record_and_nothing_else(
    signer: CredentialSigner, reader: CredentialReader
) -> None:
    told = {"prompt": "a private wish", "model": "a-model", "weights": "cafe" * 16, "title": "private title"}
    sources = (Source(title="salaries.pdf", page="3", quote="a private number"),)
    public = signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN, sources=sources, **told))
    for word in (b"private", b"salaries", b"a-model", b"cafe"):
        assert word not in public
    assert set(reader.read(public).told) == {"record", "ai_made", "software", "version"}

    everything = Disclosure(record=RUN, level="full", sources=sources, **told)
    report = reader.read(signer.sign_bytes(FILES["image/png"], "image/png", everything))
    assert report.told["prompt"] == "a private wish"
    assert report.told["model"] == "a-model"
    assert report.told["weights_sha256"] == "cafe" * 16
    [source] = report.ingredients
    assert (source.title, source.relationship) == ("salaries.pdf", "inputTo")
    assert source.details == {"org.wherefrom.page": "3", "org.wherefrom.quote": "a private number"}


@pytest.mark.parametrize(
    ("origin", "term"),
    [
        ("generated", "trainedAlgorithmicMedia"),
        ("edited", "compositeWithTrainedAlgorithmicMedia"),
        ("composite", "compositeSynthetic"),
    ],
)
def test_the_digital_source_type_fits_the_origin(
    origin: str, term: str, signer: CredentialSigner, reader: CredentialReader
) -> None:
    signed = signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN, origin=origin))  # type: ignore[arg-type]
    assert reader.read(signed).source_types == (f"http://cv.iptc.org/newscodes/digitalsourcetype/{term}",)


def test_credentials_of_an_input_picture_are_kept_as_parent(
    signer: CredentialSigner, reader: CredentialReader, stranger: CredentialSigner, eval_dir: Path
) -> None:
    theirs = stranger.sign_bytes(FILES["image/jpeg"], "image/jpeg", Disclosure(record="r-theirs"))
    edit = Disclosure(record=RUN, origin="edited")
    camera = (eval_dir / "c2pa" / "CA.jpg").read_bytes()
    for signed in (
        signer.sign_bytes(picture(), "image/png", edit, parent=Parent(data=theirs)),
        signer.sign_bytes(theirs, "image/jpeg", edit),  # handed over still carrying them
        signer.sign_bytes(picture(), "image/png", edit, parent=Parent(data=camera)),
    ):
        report = reader.read(signed)
        assert (report.verdict, report.ours, report.record_id) == ("trusted", True, RUN)
        [parent] = report.ingredients
        assert (parent.relationship, parent.signed) == ("parentOf", True)
        assert parent.record_id in ("r-theirs", None)


def test_a_parent_that_was_tampered_with_is_not_laundered(signer: CredentialSigner, reader: CredentialReader) -> None:
    broken = bytearray(signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN)))
    broken[-30] ^= 1
    report = reader.read(signer.sign_bytes(bytes(broken), "image/png", Disclosure(record=RUN, origin="edited")))
    assert "The file was changed after it was signed." in report.ingredients[0].problems


def test_a_watermark_is_named_in_the_manifest(signer: CredentialSigner, reader: CredentialReader) -> None:
    mark = SoftBinding(algorithm="org.wherefrom.image.1", value="0f3a")
    report = reader.read(signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN, soft_binding=mark)))
    assert report.ours
    assert b"org.wherefrom.image.1" in report.manifest


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp", DOCX])
def test_one_changed_byte_of_the_content_is_found(
    mime: str, signer: CredentialSigner, reader: CredentialReader
) -> None:
    plain = stored_zip(FILES[mime]) if mime == DOCX else FILES[mime]
    signed = bytearray(signer.sign_bytes(plain, mime, Disclosure(record=RUN)))
    at = signed.rindex(plain[-24:-14]) if mime != DOCX else signed.index(b"lens was repaired")
    signed[at] ^= 1
    report = reader.read(bytes(signed))
    assert report.verdict in ("invalid", "unreadable")
    assert not report.ours


def test_a_changed_record_id_breaks_the_manifest(signer: CredentialSigner, reader: CredentialReader) -> None:
    signed = signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    forged = signed.replace(RUN.encode(), b"r-01jd1111111111111111111111")
    assert forged != signed
    report = reader.read(forged)
    assert (report.verdict, report.ours) == ("invalid", False)
    assert "What the manifest says was changed after it was signed." in report.problems


def test_a_stranger_who_names_our_record_is_not_us(reader: CredentialReader, stranger: CredentialSigner) -> None:
    report = reader.read(stranger.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN)))
    assert (report.verdict, report.ours, report.record_id) == ("valid", False, RUN)


def test_a_stranger_who_edits_our_file_does_not_become_us(
    signer: CredentialSigner, reader: CredentialReader, stranger: CredentialSigner
) -> None:
    ours = signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    report = reader.read(stranger.sign_bytes(ours, "image/png", Disclosure(record="r-theirs", origin="edited")))
    assert (report.verdict, report.ours) == ("valid", False)
    assert report.ingredients[0].record_id == RUN


def test_a_broken_signature_is_said(certificates: Certificates, reader: CredentialReader) -> None:
    identity, made = certificates.identity(), []

    def sign(data: bytes) -> bytes:
        made.append(identity.sign(data))
        return made[-1]

    out = io.BytesIO()
    with (
        context() as settings,
        Builder(Disclosure(record=RUN).manifest(opened=False), settings) as builder,
        Signer.from_callback(sign, C2paSigningAlg.ES256, identity.chain_pem) as key,
    ):
        builder.sign(key, "image/png", io.BytesIO(picture()), out)
    assert reader.read(out.getvalue()).ours
    forged = out.getvalue().replace(made[-1], identity.sign(b"something else"))
    assert forged != out.getvalue()
    report = reader.read(forged)
    assert (report.verdict, report.ours) == ("invalid", False)
    assert "claimSignature.mismatch" in report.codes


def test_further_roots_make_trusted_but_not_ours(certificates: Certificates, tmp_path: Path) -> None:
    known = Certificates(tmp_path / "press-agency")
    signed = CredentialSigner(known).sign_bytes(FILES["image/png"], "image/png", Disclosure(record="r-theirs"))
    report = CredentialReader(certificates, anchors=known.anchors()).read(signed)
    assert (report.verdict, report.ours) == ("trusted", False)


def test_an_ended_certificate_of_ours_still_counts_and_a_foreign_one_does_not(tmp_path: Path) -> None:
    almost_over = datetime.now(UTC) - timedelta(days=397) + timedelta(seconds=4)
    mine = Certificates(tmp_path / "mine", clock=_once(almost_over, 3))
    signed = CredentialSigner(mine).sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    time.sleep(max(0.0, (mine.used()[0].not_valid_after_utc - datetime.now(UTC)).total_seconds()) + 1.1)

    renewed = Certificates(tmp_path / "mine")
    new = CredentialSigner(renewed).sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    assert len(renewed.used()) == 2
    report = CredentialReader(renewed).read(signed)
    assert (report.verdict, report.ours) == ("trusted", True)
    assert "has ended since" in report.problems[0]
    assert CredentialReader(renewed).read(new).problems == ()

    report = CredentialReader(Certificates(tmp_path / "nobody")).read(signed)
    assert (report.verdict, report.ours) == ("invalid", False)
    assert "signingCredential.expired" in report.codes


def _once(first: datetime, times: int):  # type: ignore[no-untyped-def]
    """A clock that is set back for its first readings: while the root and the leaf are made."""
    left = [times]

    def clock() -> datetime:
        left[0] -= 1
        return first if left[0] >= 0 else datetime.now(UTC)

    return clock


def test_keys_belong_to_their_owner_alone(certificates: Certificates, home: Path) -> None:
    certificates.identity()
    folder = home / "keys" / "credentials"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_looking_at_a_file_makes_no_keys(reader: CredentialReader, home: Path) -> None:
    reader.read(FILES["image/png"])
    assert not (home / "keys").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_key_that_others_can_read_is_refused_with_a_hint(certificates: Certificates, home: Path) -> None:
    certificates.identity()
    key = home / "keys" / "credentials" / "leaf.key"
    key.chmod(0o644)
    with pytest.raises(CredentialError, match="read by others") as refused:
        certificates.identity()
    assert "chmod 600" in refused.value.hint


def test_a_missing_or_damaged_key_is_said_plainly(certificates: Certificates, home: Path) -> None:
    certificates.identity()
    key = home / "keys" / "credentials" / "leaf.key"
    key.write_text("no key")
    with pytest.raises(CredentialError, match="cannot be used"):
        certificates.identity()
    key.unlink()
    with pytest.raises(CredentialError, match="cannot be read"):
        certificates.identity()


def test_a_crash_between_new_key_and_new_certificate_repairs_itself(certificates: Certificates, home: Path) -> None:
    certificates.identity()
    folder = home / "keys" / "credentials"
    other = Certificates(home / "other")
    other.identity()
    (folder / "leaf.key").write_bytes((home / "other" / "leaf.key").read_bytes())
    signed = CredentialSigner(certificates).sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    assert CredentialReader(certificates).read(signed).ours


def test_an_own_certificate_signs_and_its_issuer_does_not_make_others_ours(home: Path, tmp_path: Path) -> None:
    company = Certificates(tmp_path / "company")
    company.identity()
    chain, key = tmp_path / "company" / "leaf.pem", tmp_path / "company" / "leaf.key"
    own = Certificates(home / "keys", certificate=chain, key=key)
    signed = CredentialSigner(own).sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    assert CredentialReader(own).read(signed).ours

    (tmp_path / "company" / "leaf.pem").unlink()  # a colleague gets a certificate from the same root
    colleague = CredentialSigner(company).sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    assert not CredentialReader(own).read(colleague).ours


def test_half_of_an_own_certificate_is_refused(home: Path) -> None:
    with pytest.raises(CredentialError, match="both"):
        Certificates(home, certificate=home / "leaf.pem")


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"", "unreadable"),
        (b"a letter", "none"),
        (b"\x89PNG\r\n\x1a\n", "unreadable"),
        (FILES["image/png"][: len(FILES["image/png"]) // 2], "unreadable"),
        (b"PK\x03\x04 no archive", "unreadable"),
        (os.urandom(5000), "none"),
    ],
    ids=["empty", "text", "header only", "truncated", "bad zip", "noise"],
)
def test_bad_input_gets_a_verdict(data: bytes, verdict: str, reader: CredentialReader) -> None:
    report = reader.read(data)
    assert report.verdict == verdict
    assert report.ours is False
    assert bool(report.problems) == (verdict == "unreadable")


def test_a_signed_picture_cut_anywhere_is_never_ours(signer: CredentialSigner, reader: CredentialReader) -> None:
    signed = signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    for end in range(0, len(signed) - 1, 397):
        assert not reader.read(signed[:end]).ours, end


def test_credentials_on_a_server_are_not_fetched(certificates: Certificates, reader: CredentialReader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        identity, out = certificates.identity(), io.BytesIO()
        with (
            context() as settings,
            Builder(Disclosure(record=RUN).manifest(opened=False), settings) as builder,
            Signer.from_callback(identity.sign, C2paSigningAlg.ES256, identity.chain_pem) as key,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"http://127.0.0.1:{server.getsockname()[1]}/x.c2pa")
            beside = bytes(builder.sign(key, "image/png", io.BytesIO(picture()), out))
        report = reader.read(out.getvalue())
        with pytest.raises(TimeoutError):
            server.accept()
    assert report.verdict == "none"
    assert "nothing was fetched" in report.problems[0]
    assert reader.read(out.getvalue(), manifest=beside).ours


@pytest.mark.parametrize(
    ("data", "mime", "message"),
    [
        (b"", "image/png", "empty"),
        (b"GIF89a......", "image/gif", "of this kind"),
        (FILES["image/jpeg"], "image/png", "not image/png"),
        (FILES["image/png"][:60], "image/png", "could not be signed"),
    ],
)
def test_what_cannot_be_signed_is_refused(data: bytes, mime: str, message: str, signer: CredentialSigner) -> None:
    with pytest.raises(CredentialError, match=message):
        signer.sign_bytes(data, mime, Disclosure(record=RUN))


def test_a_document_that_lies_about_its_size_is_refused(signer: CredentialSigner) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 5_000_000)
    honest = out.getvalue()
    size = (5_000_000).to_bytes(4, "little")
    for claim in ((10).to_bytes(4, "little"), (0xFFFFFFF0).to_bytes(4, "little")):
        with pytest.raises(CredentialError):
            signer.sign_bytes(honest.replace(size, claim), DOCX, Disclosure(record=RUN))


def test_a_stripped_file_gets_its_manifest_back(
    certificates: Certificates, reader: CredentialReader, home: Path
) -> None:
    store = ManifestStore(home / "objects" / "manifests")
    signer = CredentialSigner(certificates, store)
    full = Disclosure(record=RUN, level="full", prompt="a red square")
    first = reader.read(signer.sign_bytes(FILES["image/png"], "image/png", full))
    stripped = picture("JPEG")
    assert reader.read(stripped).verdict == "none"

    [stored] = store.of(RUN)
    assert stored.data == first.manifest
    again: CredentialReport = reader.read(signer.reattach(stripped, "image/jpeg", stored))
    assert (again.verdict, again.ours, again.record_id, again.ai_made) == ("trusted", True, RUN, True)
    assert again.ingredients[0].record_id == RUN
    assert b"a red square" in again.manifest


def test_a_damaged_or_foreign_manifest_is_not_given_out(certificates: Certificates, home: Path) -> None:
    store = ManifestStore(home / "manifests")
    signer = CredentialSigner(certificates, store)
    signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record=RUN))
    assert len(store.of(RUN)) == 1
    assert store.of("r-unknown") == store.of("../../etc") == store.of("") == []
    with pytest.raises(CredentialError, match="no record id"):
        signer.sign_bytes(FILES["image/png"], "image/png", Disclosure(record="../up"))
    [path] = (home / "manifests").rglob("*.c2pa")
    path.write_bytes(path.read_bytes()[:-1])
    assert store.of(RUN) == []
    assert store.forget(RUN) == 1
    assert list((home / "manifests").rglob("*.*")) == []
