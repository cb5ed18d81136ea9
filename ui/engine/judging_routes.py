"""The endpoints of `ui.judging_api.JudgingApi`, beside those of `ui/engine/routes.py`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from ui.engine.served import Engine
from ui.judging_api import Evaluation

__all__ = ["router"]

router = APIRouter()


class Said(BaseModel):
    verdict: Literal["up", "down"]
    reason: str = ""


class QuestionSet(BaseModel):
    text: str
    name: str = ""
    limit: int = 0


@router.post("/runs/{run}/feedback", status_code=204)
def feedback(api: Engine, run: str, body: Said) -> None:
    api.feedback(run, body.verdict, reason=body.reason)


@router.get("/evaluations")
def evaluations(api: Engine) -> list[Evaluation]:
    return api.evaluations()


@router.post("/evaluations")
def evaluate(api: Engine, body: QuestionSet) -> Evaluation:
    return api.evaluate(body.text, name=body.name, limit=body.limit)


@router.get("/evaluations/{id_}")
def evaluation(api: Engine, id_: str) -> Evaluation:
    return api.evaluation(id_)


@router.post("/evaluations/{id_}/stop", status_code=204)
def stop_evaluation(api: Engine, id_: str) -> None:
    api.stop_evaluation(id_)
