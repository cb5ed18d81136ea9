"""What may be asked of the engine about tools of others: MCP servers, what they offer, what the chat may use."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OfferedTool", "OfferedTools", "ToolsApi"]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OfferedTool(_Wire):
    """A tool as its server describes it now."""

    id: str  # SERVER/TOOL
    description: str
    allowed: bool = False
    read_only: bool = False  # as the server says; others ask before each call
    suspicious: str = ""  # why it cannot be allowed


class OfferedTools(_Wire):
    """Every tool of every server that answers."""

    file: str  # where servers are named
    tools: list[OfferedTool] = Field(default_factory=list)
    silent: dict[str, str] = Field(default_factory=dict)  # servers that do not answer, and why


class ToolsApi(Protocol):
    """Every call may raise an `AppError`, as in `EngineApi`."""

    def tools(self) -> OfferedTools:
        """Ask every server; that starts them, and may take seconds."""

    def allow_tool(self, tool_id: str) -> OfferedTool:
        """Let the chat use a tool as it is described now, from the next question on; written into the ledger."""

    def deny_tool(self, tool_id: str) -> None:
        """Let it use the tool no more; written into the ledger."""
