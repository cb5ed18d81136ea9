"""Builds what signs files and what tells whether they are ours, from the settings.

Both the engine and the command line use it: verifying needs no model and no library, so it starts no engine.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import ConfigError, DocumentError, NotFoundError, RetrievalError

if TYPE_CHECKING:
    from provenance.credentials.certificates import Certificates
    from provenance.credentials.sign import CredentialSigner
    from provenance.credentials.store import ManifestStore
    from provenance.database import Database
    from provenance.delivery import Delivered, Deliverer
    from provenance.imagemark.keys import ImageMarkKeys
    from provenance.imagemark.marker import ImageMarkReader
    from provenance.textmark.keys import TextMarkKeys
    from provenance.textmark.marker import TextMarker
    from provenance.verify import Verifier
    from ui.settings import Settings

__all__ = [
    "certificates",
    "deliverer",
    "image_mark_keys",
    "image_mark_reader",
    "manifest_store",
    "picture_delivery",
    "restored",
    "signer",
    "text_mark_keys",
    "text_marker",
    "verifier",
    "verifier_of",
]

READ_TIMEOUT_S = 60.0


def certificates(settings: Settings) -> Certificates:
    """The signing identity: this machine's own, or the one that the settings name.

    Raises:
        CredentialError: If only one of certificate and key is named.
    """
    from provenance.credentials.certificates import Certificates

    return Certificates(
        settings.home / "keys" / "credentials", certificate=settings.certificate, key=settings.certificate_key
    )


def text_mark_keys(settings: Settings) -> TextMarkKeys:
    """The secrets of the text mark, old ones too."""
    from provenance.keys import LedgerKeys
    from provenance.textmark.keys import TextMarkKeys

    return TextMarkKeys(settings.home / "keys" / "text-mark", LedgerKeys(settings.home / "keys" / "ledger"))


def text_marker(settings: Settings) -> TextMarker | None:
    """What marks free text; None where the setting turned it off.

    Raises:
        CredentialError: If the secrets are damaged or readable by others: unmarked text must be somebody's choice.
    """
    from provenance.textmark.marker import TextMarker

    return TextMarker(text_mark_keys(settings).current()) if settings.text_mark else None


def manifest_store(settings: Settings) -> ManifestStore:
    """Where every manifest is kept by record."""
    from provenance.credentials.store import ManifestStore

    return ManifestStore(settings.home / "manifests")


def signer(settings: Settings) -> CredentialSigner:
    """Signs files and keeps their manifests. Raises as `certificates`."""
    from provenance.credentials.sign import CredentialSigner

    return CredentialSigner(certificates(settings), manifest_store(settings))


def image_mark_keys(settings: Settings) -> ImageMarkKeys:
    """The secrets of the image mark, old ones too."""
    from provenance.imagemark.keys import ImageMarkKeys
    from provenance.keys import LedgerKeys

    return ImageMarkKeys(settings.home / "keys" / "image-mark", LedgerKeys(settings.home / "keys" / "ledger"))


def image_mark_reader(settings: Settings) -> ImageMarkReader:
    """Finds the mark in pictures."""
    from provenance.imagemark.marker import ImageMarkReader

    return ImageMarkReader(image_mark_keys(settings).known, manifest_store(settings).marked)


def deliverer(settings: Settings) -> Deliverer:
    """Marks and signs pictures, the last thing that happens to them.

    Raises:
        CredentialError: If a key cannot be used.
    """
    from provenance.delivery import Deliverer

    return Deliverer(signer(settings), manifest_store(settings), image_mark_keys(settings).current())


def picture_delivery(settings: Settings) -> Callable[..., Delivered]:
    """What marks, signs and keeps each picture that is drawn here (`agent.finishing.Deliver`)."""

    def deliver(data: bytes, *, record: str, sources: Sequence[bytes] = (), side: int = 512) -> Delivered:
        from provenance.credentials.disclosure import Disclosure
        from provenance.credentials.sign import Parent

        given = [Parent(data=source) for source in sources]
        house = deliverer(settings)
        match given:
            case []:
                return house.deliver(data, Disclosure(record=record), side=side)
            case [one]:
                return house.deliver(data, Disclosure(record=record, origin="edited"), parent=one, side=side)
            case _:
                return house.deliver(data, Disclosure(record=record, origin="composite"), inputs=given, side=side)

    return deliver


def restored(settings: Settings, data: bytes, run: str) -> bytes:
    """A file that lost its credentials, with its first manifest inside a new signature.

    Raises:
        NotFoundError: If no manifest of its record is kept.
        CredentialError: If the file is of a kind that carries none.
    """
    import io

    from provenance.credentials.media import media_type

    store = manifest_store(settings)
    kept = store.of(run)
    if not kept:
        raise NotFoundError("No manifest is kept for this file, so none can be given back.")
    mime = media_type(io.BytesIO(data)) or ""
    alike = [one for one in kept if one.mime == mime] or kept
    return signer(settings).reattach(data, mime, store.find(data) or alike[-1])


@contextlib.contextmanager
def verifier(settings: Settings) -> Iterator[Verifier]:
    """A verifier on its own connection to the database.

    Raises:
        StorageError: If the database cannot be opened.
        ConfigError: If the file of trusted roots cannot be read.
    """
    from provenance.database import open_database

    database = open_database(settings.url)
    try:
        yield verifier_of(settings, database)
    finally:
        database.close()


def verifier_of(settings: Settings, database: Database) -> Verifier:
    """A verifier on a database that is open already. Its fingerprints are brought up to date. Raises as `verifier`."""
    from provenance.answers import answers_were_erased, follow_ledger, sources_of
    from provenance.credentials.read import CredentialReader
    from provenance.fingerprint import FingerprintIndex
    from provenance.textmark.detector import TextMarkDetector
    from provenance.verify import Verifier

    index = FingerprintIndex(database)
    follow_ledger(database, index)
    return Verifier(
        credentials=CredentialReader(certificates(settings), anchors=_roots(settings.trusted_roots)),
        fingerprints=index,
        store=manifest_store(settings),
        image_mark=image_mark_reader(settings),
        text_mark=TextMarkDetector(text_mark_keys(settings).known),
        text_of=_text_reader(settings),
        sources_of=lambda run: sources_of(database, run),
        incomplete=lambda: answers_were_erased(database),
    )


def _roots(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            "The file of trusted roots cannot be read.", hint="WHEREFROM_TRUSTED_ROOTS names a PEM file."
        ) from exc
    if "BEGIN CERTIFICATE" not in text:
        raise ConfigError(
            "The file of trusted roots holds no certificate.", hint="WHEREFROM_TRUSTED_ROOTS names a PEM file."
        )
    return text


def _text_reader(settings: Settings) -> Callable[[bytes, str], str | None]:
    """Reads documents in the confined parser, in a process that ends with the call."""

    def read(data: bytes, mime: str) -> str | None:
        if mime.startswith(("image/", "audio/", "video/")) or len(data) > settings.max_file_mib * 2**20:
            return None
        from retrieval.parser import ParseOptions, Parser

        options = ParseOptions(ocr=False, timeout_s=READ_TIMEOUT_S, memory_mib=settings.parse_memory_mib)
        with tempfile.TemporaryDirectory(prefix="wherefrom-") as folder, Parser(options) as parser:
            path = Path(folder) / "document"
            path.write_bytes(data)
            try:
                pages = parser.parse(path, path.name).pages
            except (DocumentError, RetrievalError):
                return None  # what cannot be read cannot be compared; its credentials were looked at all the same
        return "\n".join(page.text for page in pages)

    return read
