"""The endpoints of `ui.tools_api.ToolsApi`, beside those of `ui/engine/routes.py`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ui.engine.served import Engine
from ui.tools_api import OfferedTool, OfferedTools

__all__ = ["router"]

router = APIRouter(prefix="/tools")


class Named(BaseModel):
    tool: str


@router.get("")
def tools(api: Engine) -> OfferedTools:
    return api.tools()


@router.post("/allow")
def allow_tool(api: Engine, body: Named) -> OfferedTool:
    return api.allow_tool(body.tool)


@router.post("/deny", status_code=204)
def deny_tool(api: Engine, body: Named) -> None:
    api.deny_tool(body.tool)
