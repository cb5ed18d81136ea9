"""Signing: the last thing that happens to a file. Afterwards any change of a byte shows.

signer = CredentialSigner(Certificates(folder))
signed = signer.sign_bytes(png, "image/png", Disclosure(record=run))
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from c2pa import Builder, C2paBuilderIntent, C2paError, C2paSigningAlg, Reader, Signer

from provenance.credentials.certificates import Certificates, Identity
from provenance.credentials.disclosure import Disclosure
from provenance.credentials.engine import context
from provenance.credentials.media import DOCX, SIGNABLE, media_type, stored_zip
from provenance.credentials.store import ManifestStore, StoredManifest
from provenance.errors import CredentialError

__all__ = ["CredentialSigner", "Parent", "carries"]

MOST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """The file that was edited. Its own credentials, if it has any, stay in the chain."""

    data: bytes
    title: str = "input"  # told to whoever reads the file, so no name of a person's file by default


@dataclass(frozen=True, kw_only=True, slots=True)
class _Signed:
    """A signed file, and its manifest on its own."""

    data: bytes
    manifest: bytes


class CredentialSigner:
    """Signs with one identity; keeps each manifest in `store`, so that a stripped file can get it back."""

    def __init__(self, certificates: Certificates, store: ManifestStore | None = None) -> None:
        self._certificates = certificates
        self._store = store

    def sign_bytes(
        self,
        data: bytes,
        mime: str,
        disclosure: Disclosure,
        *,
        parent: Parent | None = None,
        inputs: Sequence[Parent] = (),
    ) -> bytes:
        """The same file with Content Credentials. What `data` itself carries already is kept as its parent.

        `inputs` are files that it was made out of without being a version of one of them; they are kept, too.

        Raises:
            CredentialError: If the file is of another type than `mime` or damaged, or the key cannot be used.
        """
        found = _check(data, mime)
        if parent is None and carries(data, found):
            parent = Parent(data=data, title="earlier version")
        if found == DOCX:
            data = stored_zip(data)

        def describe(builder: Builder) -> None:
            if parent is not None:
                builder.set_intent(C2paBuilderIntent.EDIT)
                _add(builder, parent, "parentOf")
            for one in inputs:
                _add(builder, one, "inputTo")

        manifest = disclosure.manifest(opened=parent is not None)
        signed = _signed(data, found, manifest, describe, self._certificates.identity())
        if self._store:
            self._store.put(disclosure.record, signed.manifest, mime=found, unsigned=data, signed=signed.data)
        return signed.data

    def reattach(self, data: bytes, mime: str, stored: StoredManifest) -> bytes:
        """Give a stripped file its credentials back: a new signature, with the first manifest inside as its parent.

        Raises:
            CredentialError: As `sign_bytes`.
        """
        found = _check(data, mime)
        manifest = Disclosure(record=stored.record).manifest(opened=True)
        manifest["assertions"][0]["data"]["actions"] = [{"action": "c2pa.edited.metadata"}]
        manifest["ingredients"] = [
            {
                "title": "as it was first signed",
                "format": stored.mime,
                "relationship": "parentOf",
                "instance_id": f"sha256:{stored.digest}",
                "active_manifest": stored.label,
                "manifest_data": {"format": "application/c2pa", "identifier": "stored.c2pa"},
                "validation_results": {"activeManifest": {"success": [], "informational": [], "failure": []}},
            }
        ]

        def describe(builder: Builder) -> None:
            builder.set_intent(C2paBuilderIntent.EDIT)
            builder.add_resource("stored.c2pa", io.BytesIO(stored.data))

        data = stored_zip(data) if found == DOCX else data
        return _signed(data, found, manifest, describe, self._certificates.identity()).data


def _check(data: bytes, mime: str) -> str:
    """The media type, if it can be signed and is what the caller says."""
    if not data:
        raise CredentialError("An empty file cannot be signed.")
    if len(data) > MOST_BYTES:
        raise CredentialError("The file is larger than 512 MiB and was not signed.")
    found = media_type(io.BytesIO(data))
    if found not in SIGNABLE:
        raise CredentialError(
            "Content Credentials cannot be put into a file of this kind.",
            hint="PNG, JPEG, WebP, SVG, PDF and DOCX can be signed.",
        )
    if found != mime:
        raise CredentialError(f"The file is {found}, not {mime}.", hint="Name its true type.")
    return found


def carries(data: bytes, mime: str) -> bool:
    """Whether a file holds Content Credentials, whoever made them."""
    try:
        return Reader.try_create(mime, io.BytesIO(data), context=context()) is not None
    except C2paError:
        return False  # damaged beyond reading: nothing to keep


def _add(builder: Builder, given: Parent, relationship: str) -> None:
    mime = media_type(io.BytesIO(given.data)) or "application/octet-stream"
    described = {"title": given.title, "relationship": relationship, "format": mime}
    try:
        builder.add_ingredient(described, mime, io.BytesIO(given.data))
    except C2paError as exc:
        raise CredentialError(
            "The file that was edited is damaged, so its credentials cannot be kept.", hint="Edit an undamaged copy."
        ) from exc


def _signed(
    data: bytes, mime: str, manifest: dict[str, object], describe: Callable[[Builder], None], identity: Identity
) -> _Signed:
    out = io.BytesIO()
    try:
        with (
            context() as settings,
            Builder(manifest, settings) as builder,
            Signer.from_callback(identity.sign, C2paSigningAlg[identity.algorithm], identity.chain_pem) as signer,
        ):
            describe(builder)
            kept = builder.sign(signer, mime, io.BytesIO(data), out)
    except C2paError as exc:
        raise CredentialError(
            "The file could not be signed; it may be damaged, or the certificate is not made for signing.",
            hint=f"The library says: {exc.message or type(exc).__name__}",
        ) from exc
    return _Signed(data=out.getvalue(), manifest=bytes(kept))
