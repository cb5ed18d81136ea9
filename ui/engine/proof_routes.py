"""The endpoints of `ui.proof_api.ProofApi`, beside those of `ui/engine/routes.py`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ui.engine.served import Engine
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

__all__ = ["router"]

router = APIRouter()


class Against(BaseModel):
    notes: list[str] = []
    codes: list[str] = []
    head: str = ""


class Subject(BaseModel):
    subject: str


class Between(BaseModel):
    old: str
    new: str = ""


class Rotation(BaseModel):
    lost: bool = False


class Erasure(BaseModel):
    run: str = ""
    document: str = ""
    names: list[str] = []
    requested_by: str = ""
    reason: str = ""
    dry_run: bool = False


class Export(BaseModel):
    form: str = "pdf"
    private: bool = True


@router.post("/verify")
def verify(api: Engine, body: Against) -> Verification:
    return api.verify(notes=body.notes, codes=body.codes, head=body.head)


@router.post("/checkpoints")
def checkpoint(api: Engine) -> CheckpointRow:
    return api.checkpoint()


@router.get("/checkpoints")
def checkpoints(api: Engine) -> CheckpointState:
    return api.checkpoints()


@router.post("/proofs")
def prove(api: Engine, body: Subject) -> Proofs:
    return api.prove(body.subject)


@router.post("/consistency")
def consistency(api: Engine, body: Between) -> Consistency:
    return api.consistency(body.old, body.new)


@router.get("/keys")
def signing_keys(api: Engine) -> list[KeyRow]:
    return api.signing_keys()


@router.post("/keys")
def rotate_key(api: Engine, body: Rotation) -> KeyRow:
    return api.rotate_key(lost=body.lost)


@router.post("/erasures")
def erase(api: Engine, body: Erasure) -> Erased:
    return api.erase(**body.model_dump())


@router.post("/runs/{run}/pack")
def pack(api: Engine, run: str, body: Export) -> ExportedFile:
    return api.pack(run, private=body.private)


@router.post("/runs/{run}/export")
def export(api: Engine, run: str, body: Export) -> ExportedFile:
    return api.export(run, body.form, private=body.private)


@router.post("/runs/{run}/replay")
def replay(api: Engine, run: str) -> Replayed:
    return api.replay(run)


@router.get("/activity")
def activity(api: Engine, days: int = 30) -> ActivityState:
    return api.activity(days=days)
