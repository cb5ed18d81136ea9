"""Tools of others: what MCP servers offer, and which of it a person allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.ledger import new_run_id
from ui.engine.calls.base import Calls
from ui.tools_api import OfferedTool, OfferedTools

if TYPE_CHECKING:
    from agent.tools.mcp import Offered, Servers

__all__ = ["ToolCalls"]


class ToolCalls(Calls):
    """`ToolsApi`."""

    def tools(self) -> OfferedTools:
        """Ask every server."""
        servers = self._servers()
        offered, silent = servers.offered()
        return OfferedTools(file=str(servers.file), tools=[_row(one) for one in offered], silent=silent)

    def allow_tool(self, tool_id: str) -> OfferedTool:
        """From the next question on."""
        one = self._servers().allow(tool_id)
        self._decided(tool_id, allowed=True, digest=one.digest)
        return _row(one)

    def deny_tool(self, tool_id: str) -> None:
        """At once: a call that is under way checks it too."""
        self._servers().deny(tool_id)
        self._decided(tool_id, allowed=False)

    def _servers(self) -> Servers:
        from ui.toolbox import mcp_servers

        return mcp_servers(self.parts.settings)

    def _decided(self, tool_id: str, *, allowed: bool, digest: str = "") -> None:
        body = {"tool": tool_id, "allowed": allowed} | ({"described_as": digest} if digest else {})
        self.parts.ledger.append(kind="tool_permit", run=new_run_id(), body=body)
        self.parts.renew_assistant()


def _row(one: Offered) -> OfferedTool:
    return OfferedTool(
        id=one.id,
        description=one.description,
        allowed=one.allowed,
        read_only=one.read_only,
        suspicious=one.suspicious,
    )
