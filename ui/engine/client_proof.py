"""The engine's answers about proof, over the wire: `ui.proof_api.ProofApi` for `EngineClient`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter

from ui.proof_api import (
    ActivityState,
    CheckpointRow,
    CheckpointState,
    Consistency,
    Erased,
    ExportedFile,
    KeyRow,
    Proofs,
    Replayed,
    Verification,
)

__all__ = ["ProofClient"]

LONG_S = 3600.0  # to verify is to read everything

M = TypeVar("M", bound=BaseModel)


class _Wired(Protocol):
    """The part of `EngineClient` that these calls need."""

    def _call(self, method: str, path: str, *, again: bool = False, **request: Any) -> httpx.Response: ...


class ProofClient:
    """Mixed into `EngineClient`."""

    def verify(self: _Wired, *, notes: Sequence[str] = (), codes: Sequence[str] = (), head: str = "") -> Verification:
        body = {"notes": list(notes), "codes": list(codes), "head": head}
        return _asked(self, Verification, "/verify", body, again=True)

    def activity(self: _Wired, *, days: int = 30) -> ActivityState:
        return ActivityState.model_validate_json(self._call("GET", "/activity", params={"days": days}).content)

    def checkpoint(self: _Wired) -> CheckpointRow:
        return _asked(self, CheckpointRow, "/checkpoints", {}, again=True)

    def checkpoints(self: _Wired) -> CheckpointState:
        return CheckpointState.model_validate_json(self._call("GET", "/checkpoints").content)

    def prove(self: _Wired, subject: str) -> Proofs:
        return _asked(self, Proofs, "/proofs", {"subject": subject}, again=True)

    def consistency(self: _Wired, old: str, new: str = "") -> Consistency:
        return _asked(self, Consistency, "/consistency", {"old": old, "new": new}, again=True)

    def signing_keys(self: _Wired) -> list[KeyRow]:
        return TypeAdapter(list[KeyRow]).validate_json(self._call("GET", "/keys").content)

    def rotate_key(self: _Wired, *, lost: bool = False) -> KeyRow:
        return _asked(self, KeyRow, "/keys", {"lost": lost}, again=False)

    def erase(
        self: _Wired,
        *,
        run: str = "",
        document: str = "",
        names: Sequence[str] = (),
        requested_by: str = "",
        reason: str = "",
        dry_run: bool = False,
    ) -> Erased:
        body = {
            "run": run,
            "document": document,
            "names": list(names),
            "requested_by": requested_by,
            "reason": reason,
            "dry_run": dry_run,
        }
        return _asked(self, Erased, "/erasures", body, again=dry_run)

    def pack(self: _Wired, run: str, *, private: bool = True) -> ExportedFile:
        return _asked(self, ExportedFile, f"/runs/{run}/pack", {"private": private}, again=False)

    def replay(self: _Wired, run: str) -> Replayed:
        return _asked(self, Replayed, f"/runs/{run}/replay", {}, again=False)

    def export(self: _Wired, run: str, form: str, *, private: bool = True) -> ExportedFile:
        return _asked(self, ExportedFile, f"/runs/{run}/export", {"form": form, "private": private}, again=False)


def _asked(client: _Wired, kind: type[M], path: str, body: dict[str, Any], *, again: bool) -> M:
    """Post, and read the answer. `again`: asking twice does no harm."""
    timeout = httpx.Timeout(LONG_S, connect=10.0)
    answer = client._call("POST", path, json=body, again=again, timeout=timeout)
    return kind.model_validate_json(answer.content)
