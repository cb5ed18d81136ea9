"""Reading credentials back: who signed, whether the bytes are still those, and whether that was us.

    report = CredentialReader(Certificates(folder)).read(path)

*Ours* is only what chains to this installation's own root or was signed by a certificate that once signed here.
A record id alone proves nothing: anybody can write one into a manifest of their own.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from c2pa import C2paError, Reader
from cryptography import x509

from provenance.credentials.certificates import Certificates
from provenance.credentials.disclosure import AI_SOURCE_TYPES, RECORD_LABEL
from provenance.credentials.engine import context
from provenance.credentials.jumbf import signing_certificate
from provenance.credentials.media import BROKEN_ZIP, media_type
from provenance.errors import CredentialError

__all__ = ["CredentialReader", "CredentialReport", "Ingredient"]

MOST_BYTES = 2 * 1024 * 1024 * 1024

_SENTENCES = {
    "signingCredential.untrusted": "The certificate is not one that this installation trusts.",
    "signingCredential.expired": "The certificate had ended, and no trusted time says that it was signed before.",
    "signingCredential.invalid": "The certificate is not made for signing content.",
    "signingCredential.ocsp.revoked": "The certificate was revoked.",
    "claimSignature.mismatch": "The signature is broken: it was not made with this certificate's key.",
    "claimSignature.outsideValidity": "It was signed at a time when the certificate was not valid.",
    "claimSignature.missing": "The signature is missing.",
    "assertion.dataHash.mismatch": "The file was changed after it was signed.",
    "assertion.bmffHash.mismatch": "The file was changed after it was signed.",
    "assertion.boxesHash.mismatch": "The file was changed after it was signed.",
    "assertion.collectionHash.mismatch": "The file was changed after it was signed.",
    "assertion.hashedURI.mismatch": "What the manifest says was changed after it was signed.",
    "assertion.missing": "A part of the manifest is missing.",
}
_MILD = frozenset({"signingCredential.untrusted", "signingCredential.expired"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingredient:
    """Something the file was made from."""

    title: str
    mime: str
    relationship: str  # "parentOf", "componentOf", "inputTo"
    signed: bool  # it has credentials of its own
    record_id: str | None  # as its manifest claims
    problems: tuple[str, ...] = ()  # what was wrong with its credentials when it was taken in, as the signer saw it
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialReport:
    """What a file's credentials say.

    trusted: whole, and signed by somebody that we trust. valid: whole, signed by somebody unknown. invalid: broken, or
    changed since. none: there are none. unreadable: the file is damaged or of a kind that carries none.
    """

    verdict: Literal["trusted", "valid", "invalid", "none", "unreadable"]
    ours: bool = False
    issuer: str = ""
    signed_at: str = ""  # as a timestamp authority said; files signed here have none
    record_id: str | None = None  # as the manifest claims: believe it only if `ours`
    ai_made: bool = False
    source_types: tuple[str, ...] = ()
    ingredients: tuple[Ingredient, ...] = ()
    problems: tuple[str, ...] = ()  # sentences
    codes: tuple[str, ...] = ()  # C2PA failure codes of the active manifest
    told: dict[str, Any] = field(default_factory=dict)  # our own assertion: record, and prompt etc. at full disclosure
    mime: str = ""
    manifest: bytes = b""


class CredentialReader:
    """Reads any file. Never raises for what is in it, never reaches a network."""

    def __init__(self, certificates: Certificates, *, anchors: str = "") -> None:
        """`anchors`: further roots (PEM) whose signatures count as trusted, though not as ours."""
        self._certificates = certificates
        self._anchors = anchors

    def read(self, source: Path | bytes, *, manifest: bytes | None = None) -> CredentialReport:
        """The report. `manifest` is one that was kept beside the file instead of in it.

        Raises:
            CredentialError: If the path cannot be opened.
        """
        if isinstance(source, bytes):
            return self._read(io.BytesIO(source), len(source), manifest)
        try:
            with source.open("rb") as file:
                return self._read(file, source.stat().st_size, manifest)
        except OSError as exc:
            reason = exc.strerror or "it cannot be opened"
            raise CredentialError(f"{source.name} cannot be read: {reason}.") from exc

    def _read(self, stream: BinaryIO, size: int, manifest: bytes | None) -> CredentialReport:
        if size == 0:
            return _unreadable("The file is empty.")
        if size > MOST_BYTES:
            return _unreadable("The file is larger than 2 GiB and was not read.")
        mime = media_type(stream)
        if mime is None:
            return CredentialReport(verdict="none")
        if mime == BROKEN_ZIP:
            return _unreadable("The archive is damaged or cut off.", mime)
        report = _parsed(stream, mime, self._certificates.anchors(), manifest)
        if report.verdict == "trusted":
            return replace(report, ours=True)
        if self._signed_here(report):
            ended = "The certificate has ended since, but it was this installation's own, so the signature counts."
            problems = (ended,) if "signingCredential.expired" in report.codes else ()
            return replace(report, verdict="trusted", ours=True, problems=problems)
        if report.verdict == "valid" and self._anchors:
            return _parsed(stream, mime, self._anchors, manifest)
        return report

    def _signed_here(self, report: CredentialReport) -> bool:
        """Whether all is whole and the certificate is one that signed here: an ended one, or one named by a setting.

        The issuer of a named certificate is no anchor of ours: it issues for others too.
        """
        if not report.codes or not set(report.codes) <= _MILD:
            return False
        try:
            leaf = x509.load_der_x509_certificate(signing_certificate(report.manifest))
        except (CredentialError, ValueError):
            return False
        return leaf in self._certificates.used()


def _parsed(stream: BinaryIO, mime: str, anchors: str, manifest: bytes | None) -> CredentialReport:
    stream.seek(0)
    try:
        with context(anchors=anchors) as settings:
            reader = Reader.try_create(mime, stream, manifest, context=settings)
            if reader is None:
                return CredentialReport(verdict="none", mime=mime)
            with reader:
                kept = io.BytesIO()
                told = json.loads(reader.json())
                with suppress(C2paError):
                    reader.resource_to_stream(told["active_manifest"], kept)
                return _report(told, mime, manifest or kept.getvalue())
    except C2paError.NotSupported:
        return CredentialReport(verdict="none", mime=mime)
    except C2paError as exc:
        if str(exc).startswith("Remote"):  # the library has no exception of its own for this one
            problem = "Its credentials are kept on a server; nothing was fetched from there."
            return CredentialReport(verdict="none", mime=mime, problems=(problem,))
        return _unreadable("The file is damaged, cut off, or not what it says it is.", mime)
    except (KeyError, TypeError, ValueError, AttributeError):  # JSON of a shape that no manifest should have
        return _unreadable("The credentials are of an unknown form.", mime)


def _report(told: dict[str, Any], mime: str, manifest: bytes) -> CredentialReport:
    manifests = told["manifests"]
    active = manifests[told["active_manifest"]]
    results = told.get("validation_results") or {}
    failures = _failures(results.get("activeManifest") or {})
    inner = [one for delta in results.get("ingredientDeltas") or [] for one in _failures(delta["validationDeltas"])]
    verdict: Literal["trusted", "valid", "invalid"]
    match told.get("validation_state"):
        case "Trusted":
            verdict = "trusted"
        case "Valid":
            verdict = "valid"
        case _:
            verdict = "invalid"
    record = _assertion(active, RECORD_LABEL)
    signature = active.get("signature_info") or {}
    types = tuple(dict.fromkeys(_source_types(active)))
    return CredentialReport(
        verdict=verdict,
        issuer=str(signature.get("issuer") or signature.get("common_name") or ""),
        signed_at=str(signature.get("time") or ""),
        record_id=_text(record.get("record")),
        ai_made=record.get("ai_made") is True or any(kind in AI_SOURCE_TYPES for kind in types),
        source_types=types,
        ingredients=tuple(_ingredient(one, manifests) for one in active.get("ingredients") or []),
        problems=_sentences(failures) + tuple(f"Of something it was made from: {one}" for one in _sentences(inner)),
        codes=tuple(dict.fromkeys(code for code, _ in failures)),
        told=record,
        mime=mime,
        manifest=manifest,
    )


def _failures(results: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(one.get("code")), str(one.get("explanation") or "")) for one in results.get("failure") or []]


def _sentences(failures: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_SENTENCES.get(code, f"{text or code}.") for code, text in failures))


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for one in manifest.get("assertions") or []:
        if one.get("label") == label and isinstance(one.get("data"), dict):
            data: dict[str, Any] = one["data"]
            return data
    return {}


def _source_types(manifest: dict[str, Any]) -> list[str]:
    actions = [*_assertion(manifest, "c2pa.actions.v2").get("actions", [])]
    actions += _assertion(manifest, "c2pa.actions").get("actions", [])
    return [str(one["digitalSourceType"]) for one in actions if one.get("digitalSourceType")]


def _ingredient(told: dict[str, Any], manifests: dict[str, Any]) -> Ingredient:
    inner = manifests.get(told.get("active_manifest") or "")
    return Ingredient(
        title=str(told.get("title") or ""),
        mime=str(told.get("format") or ""),
        relationship=str(told.get("relationship") or ""),
        signed=inner is not None,
        record_id=_text(_assertion(inner or {}, RECORD_LABEL).get("record")),
        problems=_sentences(_failures((told.get("validation_results") or {}).get("activeManifest") or {})),
        details=dict(told.get("metadata") or {}),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 80 else None


def _unreadable(problem: str, mime: str = "") -> CredentialReport:
    return CredentialReport(verdict="unreadable", problems=(problem,), mime=mime)
