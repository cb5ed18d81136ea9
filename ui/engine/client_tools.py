"""Tools of others over the wire: `ui.tools_api.ToolsApi` for `EngineClient`."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from ui.tools_api import OfferedTool, OfferedTools

__all__ = ["ToolsClient"]


class _Wired(Protocol):
    """The part of `EngineClient` that these calls need."""

    def _call(self, method: str, path: str, *, again: bool = False, **request: Any) -> httpx.Response: ...


class ToolsClient:
    """Mixed into `EngineClient`."""

    def tools(self: _Wired) -> OfferedTools:
        return OfferedTools.model_validate_json(self._call("GET", "/tools").content)

    def allow_tool(self: _Wired, tool_id: str) -> OfferedTool:
        return OfferedTool.model_validate_json(self._call("POST", "/tools/allow", json={"tool": tool_id}).content)

    def deny_tool(self: _Wired, tool_id: str) -> None:
        self._call("POST", "/tools/deny", json={"tool": tool_id})
