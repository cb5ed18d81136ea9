"""Is this ours? Files and texts, honest and forged, and what no evidence can decide."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from provenance.answers import answers_were_erased, follow_ledger, sources_of
from provenance.credentials.certificates import Certificates
from provenance.credentials.disclosure import Disclosure
from provenance.credentials.media import DOCX
from provenance.credentials.read import CredentialReader
from provenance.credentials.sign import CredentialSigner
from provenance.credentials.store import ManifestStore
from provenance.database import Database
from provenance.erasure import erase_run
from provenance.errors import UsageError
from provenance.fingerprint import FingerprintIndex
from provenance.ledger import Ledger, new_run_id
from provenance.verify import MarkFound, Verifier

ANSWER = (
    "The lens of the great telescope was repaired in 2019 by the workshop in Jena, after a crack had been found "
    "during the yearly inspection [1]. The repair cost 48,000 euros, of which the trust paid half [2]. Since then "
    "the instrument may only be used on nights without frost, and visitors look on."
)
FOREIGN = (
    "Bread was baked twice a week in most villages, and the oven belonged to everybody. Whoever came first in the "
    "morning lit the fire, and whoever came last swept out the ashes. In winter the children sat on the wall beside "
    "it until the bell rang. Nobody remembers any more when the oven was pulled down, or who took away its stones."
)
RUN = "r-01jd0000000000000000000000"


def picture(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (64, 48), frames: int = 1) -> bytes:
    out = io.BytesIO()
    more = [Image.new(mode, size, 7 * n) for n in range(1, frames)]
    options = {"save_all": True, "append_images": more} if more else {}
    Image.new(mode, size, 900 if mode == "I;16" else 90 if mode == "L" else None).save(out, kind, **options)
    return out.getvalue()


class FakeImageMark:
    """Finds what it is told to find, and remembers what it was shown."""

    def __init__(self, found: MarkFound | None = None) -> None:
        self.found = found
        self.seen: list[tuple[str, tuple[int, int]]] = []

    def detect(self, image: Image.Image) -> MarkFound | None:
        self.seen.append((image.mode, image.size))
        return self.found


class FakeTextMark:
    def __init__(self, found: MarkFound | None) -> None:
        self.found = found

    def detect(self, text: str) -> MarkFound | None:
        return self.found


@pytest.fixture
def index(database: Database) -> FingerprintIndex:
    return FingerprintIndex(database)


@pytest.fixture
def store(home: Path) -> ManifestStore:
    return ManifestStore(home / "objects" / "manifests")


@pytest.fixture
def certificates(home: Path) -> Certificates:
    return Certificates(home / "keys" / "credentials")


@pytest.fixture
def signer(certificates: Certificates, store: ManifestStore) -> CredentialSigner:
    return CredentialSigner(certificates, store)


@pytest.fixture
def stranger(tmp_path: Path) -> CredentialSigner:
    return CredentialSigner(Certificates(tmp_path / "elsewhere"))


@pytest.fixture
def verifier(certificates: Certificates, index: FingerprintIndex, store: ManifestStore) -> Verifier:
    return Verifier(credentials=CredentialReader(certificates), fingerprints=index, store=store)


def test_a_signed_file_is_ours_with_proof(verifier: Verifier, signer: CredentialSigner, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN)))
    verdict = verifier.verify(path)
    assert (verdict.verdict, verdict.run) == ("ours", RUN)
    assert (verdict.evidence[0].kind, verdict.evidence[0].strength) == ("credentials", "proof")


def test_a_file_that_lost_its_metadata_is_found_by_its_bytes(verifier: Verifier, signer: CredentialSigner) -> None:
    signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN))
    verdict = verifier.verify(picture())
    assert (verdict.verdict, verdict.run, verdict.evidence[0].strength) == ("ours", RUN, "strong")
    assert verifier.verify(picture(size=(65, 48))).verdict == "cannot tell"


def test_a_forged_record_id_is_not_ours(
    verifier: Verifier, signer: CredentialSigner, stranger: CredentialSigner
) -> None:
    signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN))
    verdict = verifier.verify(stranger.sign_bytes(picture("JPEG"), "image/jpeg", Disclosure(record=RUN)))
    assert (verdict.verdict, verdict.run) == ("not ours", None)
    assert "which anybody can write" in verdict.evidence[0].sentence


def test_a_file_that_was_changed_after_signing_cannot_be_told(verifier: Verifier, signer: CredentialSigner) -> None:
    signed = bytearray(signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN)))
    signed[-30] ^= 1
    verdict = verifier.verify(bytes(signed))
    assert (verdict.verdict, verdict.run) == ("cannot tell", None)
    assert "changed after it was signed" in verdict.evidence[0].sentence


def test_who_signs_over_our_file_is_named_with_what_it_was_made_from(
    verifier: Verifier, signer: CredentialSigner, stranger: CredentialSigner
) -> None:
    ours = signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN))
    verdict = verifier.verify(stranger.sign_bytes(ours, "image/png", Disclosure(record="r-theirs", origin="edited")))
    assert verdict.verdict == "not ours"
    assert any(f"made from the file of record {RUN}" in one.sentence for one in verdict.evidence)


def test_the_shared_files_get_no_false_ours(verifier: Verifier, eval_dir: Path) -> None:
    folder = eval_dir / "c2pa"
    for row in map(json.loads, (folder / "expected.jsonl").read_text().splitlines()):
        expected = "cannot tell" if row["expected"] == "no manifest" else "not ours"
        assert verifier.verify(folder / row["file"]).verdict == expected, row["file"]


def test_a_watermark_names_the_record_where_credentials_are_gone(
    certificates: Certificates, index: FingerprintIndex, store: ManifestStore, signer: CredentialSigner
) -> None:
    signer.sign_bytes(picture(), "image/png", Disclosure(record=RUN))
    mark = FakeImageMark(MarkFound(run=RUN, p_value=1e-12, sentence="The picture carries the mark of this record."))
    verifier = Verifier(credentials=CredentialReader(certificates), fingerprints=index, store=store, image_mark=mark)
    for data in (picture("JPEG", size=(32, 24)), picture("JPEG", "CMYK"), picture("PNG", "I;16"), picture("GIF", "L")):
        verdict = verifier.verify(data)
        assert (verdict.verdict, verdict.run) == ("ours", RUN)
        assert "can be given back" in verdict.evidence[0].sentence
    assert verifier.verify(picture("WEBP", frames=3)).verdict == "ours"
    assert {mode for mode, _ in mark.seen} == {"RGB"}


def test_pictures_that_cannot_be_looked_into_are_said_so(certificates: Certificates, index: FingerprintIndex) -> None:
    mark = FakeImageMark()
    verifier = Verifier(credentials=CredentialReader(certificates), fingerprints=index, image_mark=mark)
    huge = picture(mode="1", size=(13_000, 10_000))
    whole = picture(size=(600, 400))
    for data, words in ((huge, "130 megapixels"), (whole[: len(whole) // 2], "damaged or cut off")):
        verdict = verifier.verify(data)
        assert verdict.verdict == "cannot tell"
        assert any(words in one.sentence for one in verdict.evidence)
    assert mark.seen == []


def test_a_weak_mark_alone_decides_nothing(certificates: Certificates, index: FingerprintIndex) -> None:
    mark = FakeTextMark(MarkFound(run=None, p_value=0.02, sentence="The words lean a little our way."))
    verifier = Verifier(credentials=CredentialReader(certificates), fingerprints=index, text_mark=mark)
    assert verifier.verify(FOREIGN).verdict == "cannot tell"
    mark.found = MarkFound(run=None, p_value=1e-9, sentence="The words are ours.")
    assert verifier.verify(FOREIGN).verdict == "ours"


def test_an_answer_is_recognised_edited_and_among_other_text(verifier: Verifier, index: FingerprintIndex) -> None:
    index.add(RUN, ANSWER)
    index.add("r-other", FOREIGN[::-1])
    edited = ANSWER.replace("great telescope", "big refractor").replace("workshop", "firm").replace("a crack", "damage")
    for text, words in (
        (ANSWER, "word for word"),
        (edited, "resembles an answer"),
        (f"{FOREIGN} {FOREIGN[20:]} {edited}", "A part of it"),
    ):
        verdict = verifier.verify(text)
        assert (verdict.verdict, verdict.run) == ("ours", RUN)
        assert words in verdict.evidence[0].sentence


def test_a_foreign_text_is_not_ours_and_a_short_one_cannot_be_told(verifier: Verifier, index: FingerprintIndex) -> None:
    assert verifier.verify(FOREIGN).verdict == "cannot tell"  # nothing is recorded yet
    index.add(RUN, ANSWER)
    assert verifier.verify(FOREIGN).verdict == "not ours"
    assert verifier.verify("Whoever came last swept out the ashes.").verdict == "cannot tell"
    index.add("r-short", "It is not known.")
    assert verifier.verify("It is not known.").verdict == "cannot tell"


def test_a_text_may_come_in_a_file(verifier: Verifier, index: FingerprintIndex) -> None:
    index.add(RUN, ANSWER)
    assert verifier.verify(ANSWER.encode()).verdict == "ours"
    assert verifier.verify(ANSWER.encode("utf-16")).verdict == "ours"
    assert verifier.verify(FOREIGN.encode("utf-8-sig")).verdict == "not ours"


def test_a_report_without_credentials_is_recognised_by_its_text(
    certificates: Certificates, index: FingerprintIndex
) -> None:
    index.add(RUN, ANSWER)
    verifier = Verifier(
        credentials=CredentialReader(certificates), fingerprints=index, text_of=lambda _data, mime: ANSWER + mime
    )
    verdict = verifier.verify(picture("PDF"))
    assert (verdict.verdict, verdict.run) == ("ours", RUN)


def test_a_text_that_may_be_the_source_itself_is_not_claimed(
    certificates: Certificates, database: Database, ledger: Ledger, index: FingerprintIndex
) -> None:
    run = new_run_id()
    quoting = f"The documents say: {FOREIGN}"
    ledger.append(kind="retrieval", run=run, body={}, contents={"passage 1": FOREIGN})
    ledger.append(kind="answer", run=run, body={"refused": False}, contents={"answer": quoting})
    follow_ledger(database, index)
    verifier = Verifier(
        credentials=CredentialReader(certificates),
        fingerprints=index,
        sources_of=lambda name: sources_of(database, name),
    )
    verdict = verifier.verify(FOREIGN)
    assert (verdict.verdict, verdict.run) == ("cannot tell", None)
    assert "may come from them" in verdict.evidence[0].sentence
    assert verdict.evidence[0].run == run


def test_fingerprints_follow_the_ledger_and_its_erasures(
    certificates: Certificates, database: Database, ledger: Ledger, index: FingerprintIndex
) -> None:
    runs = [new_run_id() for _ in range(3)]
    texts = (ANSWER, FOREIGN, "The documents do not say that.")
    for run, text in zip(runs, texts, strict=True):
        refused = text is texts[2]
        ledger.append(kind="answer", run=run, body={"refused": refused}, contents={"answer": text, "reason": ""})
    assert follow_ledger(database, index) == 3
    assert follow_ledger(database, index) == 0
    assert index.count() == 2
    assert index.match(texts[2]) == []

    verifier = Verifier(
        credentials=CredentialReader(certificates),
        fingerprints=index,
        incomplete=lambda: answers_were_erased(database),
    )
    assert verifier.verify(ANSWER).run == runs[0]
    erase_run(ledger, runs[0], requested_by="Ms Example", reason="as she asked")
    assert follow_ledger(database, index) == 0
    assert index.count() == 1
    verdict = verifier.verify(ANSWER)
    assert verdict.verdict == "cannot tell"  # it was ours; nobody may say that it was not
    assert "erased" in verdict.evidence[0].sentence


def _lying_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 5_000_000)
    return out.getvalue().replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"   \n",
        b"\0" * 5000,
        _lying_zip(),
        b"PK\x03\x04",
        b"%PDF-1.7 nothing",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
    ],
    ids=["empty", "blank", "zeros", "lying zip", "cut zip", "cut pdf", "cut png", "cut webp"],
)
def test_bad_input_cannot_be_told_and_says_why(data: bytes, verifier: Verifier) -> None:
    verdict = verifier.verify(data)
    assert verdict.verdict == "cannot tell"
    assert verdict.evidence
    assert all(one.sentence.endswith(".") for one in verdict.evidence)


def test_a_document_that_lies_about_its_size_is_looked_at_without_unpacking(
    verifier: Verifier, stranger: CredentialSigner
) -> None:
    assert verifier.verify(_lying_zip()).verdict == "cannot tell"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
    assert verifier.verify(stranger.sign_bytes(out.getvalue(), DOCX, Disclosure(record=RUN))).verdict == "not ours"


def test_what_is_not_there_is_wrong_use(verifier: Verifier, tmp_path: Path) -> None:
    for subject in (tmp_path / "missing.png", tmp_path, "", "  \n"):
        with pytest.raises(UsageError):
            verifier.verify(subject)
