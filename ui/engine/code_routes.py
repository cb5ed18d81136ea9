"""The endpoints of `ui.code_api.CodeApi`, beside those of `ui/engine/routes.py`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ui.code_api import CodeResult, CodeRun, SandboxView
from ui.engine.served import Engine

__all__ = ["router"]

router = APIRouter()


class Wanted(BaseModel):
    request: str
    language: str = ""
    tests: list[str] | None = None
    documents: list[int] = []


class Given(BaseModel):
    code: str
    tests: list[str] = []


@router.post("/code")
def write_code(api: Engine, body: Wanted) -> CodeResult:
    return api.write_code(body.request, language=body.language, tests=body.tests, documents=body.documents)


@router.get("/code")
def codes(api: Engine, limit: int = 50) -> list[CodeResult]:
    return api.codes(limit=limit)


@router.get("/code/{run}")
def code(api: Engine, run: str) -> CodeResult:
    return api.code(run)


@router.get("/sandbox")
def sandbox(api: Engine) -> SandboxView:
    return api.sandbox()


@router.post("/sandbox/run")
def run_code(api: Engine, body: Given) -> CodeRun:
    return api.run_code(body.code, tests=body.tests)
