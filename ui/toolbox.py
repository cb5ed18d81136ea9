"""What the chat can do beside searching and looking in the record: one line a tool (decision 0013)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.middleware.record import LedgerWriter
    from agent.tools.mcp import Servers
    from agent.tools.table import Tool
    from ui.services import Parts
    from ui.settings import Settings

__all__ = ["chat_tools", "mcp_servers"]


def chat_tools(parts: Parts, ledger: LedgerWriter) -> list[Tool]:
    """The tools over the parts of this house. A part that is heavy is built when its tool is first called.

    Args:
        ledger: Where what they do is recorded; a replay has one of its own.
    """
    from agent.middleware.guard import GuardMiddleware
    from agent.tools.code import code_tool
    from agent.tools.condense import compare_tool, list_tool, summary_tool
    from agent.tools.image import image_tool
    from agent.tools.query import table_tool
    from agent.tools.translate import translate_tool

    library = parts.library
    return [
        table_tool(library, ledger),
        summary_tool(library),
        compare_tool(library),
        list_tool(library),
        translate_tool(library, GuardMiddleware(parts.guards, ledger).review),
        image_tool(lambda: parts.drawer.recording(ledger)),
        *mcp_servers(parts.settings).rows(),
        code_tool(parts.sandbox, ledger, parts.guards),
    ]


def mcp_servers(settings: Settings) -> Servers:
    """The MCP servers that the settings name, and which of their tools are allowed."""
    from agent.guardrails.rings import Guards
    from agent.tools.mcp import Servers

    guards = Guards()

    def suspect(text: str) -> str:
        verdict = guards.check_retrieved([text])[0]
        return "" if verdict.action == "allow" else " ".join(d.detail for d in verdict.decisions if d.action != "allow")

    home = settings.home
    return Servers(settings.mcp_servers or home / "mcp.json", home / "mcp-allowed.json", suspect=suspect)
