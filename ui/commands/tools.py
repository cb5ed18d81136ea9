"""`wherefrom tools`: which tools of MCP servers there are, and which of them the chat may use."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ui.commands.output import Output, shown
from ui.commands.session import open_client

if TYPE_CHECKING:
    from ui.tools_api import OfferedTools

__all__ = ["tools"]


def tools(options: argparse.Namespace, output: Output) -> int:
    """List, allow or deny."""
    with open_client() as client:
        match options.action:
            case "allow":
                one = client.allow_tool(options.tool)
                said = f"{shown(one.id)} may be used from the next question on."
                output.result(one.model_dump(), lambda: output.line(said))
            case "deny":
                client.deny_tool(options.tool)
                value = {"id": options.tool, "allowed": False}
                output.result(value, lambda: output.line(f"{shown(options.tool)} may not be used any more."))
            case _:
                found = client.tools()
                output.result(found.model_dump(), lambda: _list(found, output))
    return 0


def _list(found: OfferedTools, output: Output) -> None:
    if not found.tools and not found.silent:
        output.line(f"No MCP server is named: put them into {shown(found.file)}.")
    for one in found.tools:
        state = "allowed" if one.allowed else "off"
        asks = "" if one.read_only else "; asks before each call"
        output.line(f"{state:8} {shown(one.id)}: {shown(one.description[:120])}{asks}")
        if one.suspicious:
            output.line(f"         {shown(one.suspicious)}")
    for server, why in found.silent.items():
        output.line(f"silent   {shown(server)}: {shown(why)}")
