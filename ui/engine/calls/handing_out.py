"""What leaves the house: evidence packs and reports, signed, and on record before they are handed out."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from provenance.errors import NotFoundError, UsageError
from ui.engine.calls.base import Calls
from ui.engine.reporting import disclosure_of, report_of
from ui.proof_api import FORMS, CheckpointRow, ExportedFile

if TYPE_CHECKING:
    from provenance.checkpoint import Checkpoint
    from provenance.reports.report import Report
    from ui.api import Record

__all__ = ["HandingOutCalls"]


class HandingOutCalls(Calls):
    """`pack` and `export` of `ProofApi`."""

    if TYPE_CHECKING:

        def record(self, run: str) -> Record: ...
        def _row(self, made: Checkpoint) -> CheckpointRow: ...

    def pack(self, run: str, *, private: bool = True) -> ExportedFile:
        """See `ProofApi.pack`."""
        from provenance.evidence.pack import PackContents, make_pack
        from provenance.reports.html import report_html
        from ui.origins import manifest_store

        parts = self.parts
        events = len(self.record(run).events)
        parts.ledger.append(kind="pack", run=run, body={"events": events + 1, "private": private})
        checkpoint = self._row(parts.checkpointing.make())
        vkey = str(parts.keys.current().verifier)
        report = report_of(self.record(run), private=private, checkpoint=checkpoint, vkey=vkey)
        manifests = {f"{one.digest}.c2pa": one.data for one in manifest_store(parts.settings).of(run)}
        pictures = sorted((parts.settings.home / "pictures" / run).glob("*.png"))
        made = {path.name: path.read_bytes() for path in pictures}
        contents = PackContents(report=report_html(report), artifacts=made, manifests=manifests, private=private)
        data = make_pack(parts.ledger, parts.notary, parts.keys, run, contents)
        return ExportedFile(name=f"wherefrom-{run}.zip", mime="application/zip", data=data)

    def export(self, run: str, form: str, *, private: bool = True) -> ExportedFile:
        """See `ProofApi.export`."""
        if form not in FORMS:
            raise UsageError(f"{form!r} is no form of a report.", hint=f"Choose one of {', '.join(FORMS)}.")
        record = self.record(run)
        if form == "prov":
            return self._prov(record)
        report = report_of(record, private=private)
        if not report.answer:
            raise NotFoundError("There is no answer to export: the run has none, or it was erased.")
        data = _drawn(form, report)
        signed, note = self._signed(form, data, record, private)
        body = {"form": form, "private": private, "bytes": len(signed), "sha256": hashlib.sha256(signed).hexdigest()}
        self.parts.ledger.append(kind="export", run=run, body=body)
        return ExportedFile(name=f"wherefrom-{run}.{form}", mime=FORMS[form], data=signed, note=note)

    def _signed(self, form: str, data: bytes, record: Record, private: bool) -> tuple[bytes, str]:
        """The file with Content Credentials inside; HTML, which holds none, with a signed note beside it."""
        from provenance.note import sign_note
        from ui.origins import signer

        if form != "html":
            told = disclosure_of(record, private=private)
            return signer(self.parts.settings).sign_bytes(data, FORMS[form], told), ""
        key, digest = self.parts.keys.current(), hashlib.sha256(data).hexdigest()
        text = f"Wherefrom file v1\n{key.name}\n{record.run.run}\nsha256 {digest} {len(data)} report.html\n"
        return data, sign_note(text, [key])

    def _prov(self, record: Record) -> ExportedFile:
        from provenance.prov import prov_document

        document = prov_document([event.model_dump() for event in record.events])
        data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        return ExportedFile(name=f"wherefrom-{record.run.run}.prov.json", mime=FORMS["prov"], data=data)


def _drawn(form: str, report: Report) -> bytes:
    match form:
        case "pdf":
            from provenance.reports.pdf import report_pdf

            return report_pdf(report)
        case "docx":
            from provenance.reports.docx import report_docx

            return report_docx(report)
        case _:
            from provenance.reports.html import report_html

            return report_html(report).encode()
