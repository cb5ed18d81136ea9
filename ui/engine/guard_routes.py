"""The endpoints of `ui.guard_api.GuardApi`, beside those of `ui/engine/routes.py`."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from ui.engine.served import Engine
from ui.guard_api import ApprovalRow, DecisionRow, DryRunReport, GuardReport, PolicyState

__all__ = ["router"]

router = APIRouter(prefix="/guards")


class Text(BaseModel):
    text: str


class DryRunWanted(BaseModel):
    text: str
    last: int = 50


class Word(BaseModel):
    outcome: Literal["approved", "declined", "escalated"]
    arguments: dict[str, Any] | None = None
    by: str = ""


class Review(BaseModel):
    agreed: bool
    by: str = ""


@router.post("/try")
def guard(api: Engine, body: Text) -> GuardReport:
    return api.guard(body.text)


@router.get("/decisions")
def decisions(api: Engine, limit: int = 500, stopped: bool = False) -> list[DecisionRow]:
    return api.guard_decisions(limit=limit, stopped=stopped)


@router.get("/policy")
def policy(api: Engine) -> PolicyState:
    return api.guard_policy()


@router.put("/policy")
def set_policy(api: Engine, body: Text) -> PolicyState:
    return api.set_guard_policy(body.text)


@router.post("/dry-run")
def dry_run(api: Engine, body: DryRunWanted) -> DryRunReport:
    return api.guard_dry_run(body.text, last=body.last)


@router.get("/approvals")
def approvals(api: Engine, limit: int = 100) -> list[ApprovalRow]:
    return api.approvals(limit=limit)


@router.post("/approvals/{id_}", status_code=204)
def answer_approval(api: Engine, id_: str, body: Word) -> None:
    api.answer_approval(id_, body.outcome, arguments=body.arguments, by=body.by)


@router.post("/approvals/{id_}/review", status_code=204)
def review_approval(api: Engine, id_: str, body: Review) -> None:
    api.review_approval(id_, agreed=body.agreed, by=body.by)
