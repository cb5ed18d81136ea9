"""Tools of MCP servers: other people's programs, off until a person allows each of them.

A server is started for one call and ended after it, in a process of its own: one that dies, hangs or talks nonsense
costs that call and nothing else. What it says about its tools is a text that is not trusted: it is checked like a
retrieved passage, and a tool whose description changes after it was allowed is off again. What a tool brings is
material, never an instruction. Covers what the chat does with a server; not what the server does on this machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agent.context import RunContext
from agent.tools.plain import readable
from agent.tools.table import Tool, ToolResult
from provenance.errors import AppError, ConfigError, NotFoundError, StorageError
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult
    from mcp.types import Tool as McpTool

__all__ = ["PREFIX", "Offered", "Servers"]

PREFIX = "mcp_"  # the guard's policy names these tools together as "mcp_*"
TIMEOUT_S = 30.0
MOST_TEXT = 8000  # characters of a result that a model is given
_NAME = re.compile(r"[^A-Za-z0-9_]+")

T = TypeVar("T")


class _ServerError(AppError):
    """A server did not start, or ended in the middle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """A tool as its server describes it, and whether it may be used."""

    server: str
    name: str  # as the server calls it
    description: str
    schema: Mapping[str, Any]
    read_only: bool  # as the server says; who lies there is asked for once and then believed
    suspicious: str = ""  # why its description is not shown to a model
    allowed: bool = False

    @property
    def id(self) -> str:
        """What a person names it by."""
        return f"{self.server}/{self.name}"

    @property
    def digest(self) -> str:
        """SHA-256 of all that a model would read of it."""
        said = json.dumps([self.description, dict(self.schema), self.read_only], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


class Servers:
    """The servers of a settings file, in the usual form {"mcpServers": {name: {"command": ..., "args": [...]}}}.

    Which of their tools are allowed stands in a file of our own, with the digest of what was allowed.
    """

    def __init__(
        self, file: Path, permits: Path, *, suspect: Callable[[str], str], timeout_s: float = TIMEOUT_S
    ) -> None:
        """
        Args:
            suspect: Says why a text carries instructions; empty where it does not.
            timeout_s: Of one call, and of asking a server for its tools.
        """
        self.file, self._permits = file, permits
        self._suspect, self._timeout_s = suspect, timeout_s

    def connections(self) -> dict[str, dict[str, Any]]:
        """Server -> how it is reached; none where there is no file.

        Raises:
            ConfigError: If the file cannot be read, or says something else.
        """
        if not self.file.exists():
            return {}
        try:
            servers = json.loads(self.file.read_text(encoding="utf-8"))["mcpServers"]
            return {str(name): _connection(about) for name, about in servers.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            hint = 'It holds {"mcpServers": {"name": {"command": "...", "args": []}}}.'
            raise ConfigError(f"The file of MCP servers cannot be followed: {exc}.", hint=hint) from exc

    def offered(self) -> tuple[list[Offered], dict[str, str]]:
        """Every tool of every server that answers; and for each of the others, why it does not."""
        tools: list[Offered] = []
        silent: dict[str, str] = {}
        permits = self._read_permits()
        for server, connection in self.connections().items():
            try:
                listed = _run(self._listed(connection))
            except _ServerError as exc:
                silent[server] = str(exc)
                continue
            for tool in listed:
                one = self._judged(server, tool)
                tools.append(replace(one, allowed=_same(permits.get(one.id), one)))
        return tools, silent

    def allow(self, tool_id: str) -> Offered:
        """Let the chat use a tool as it is described now.

        Raises:
            NotFoundError: If no server offers it.
            ConfigError: If its description carries instructions.
        """
        one = self._find(tool_id)
        if one.suspicious:
            raise ConfigError(
                f"{tool_id} is not allowed: {one.suspicious}", hint="Its description is kept from models."
            )
        self._write_permits({**self._read_permits(), tool_id: replace(one, allowed=True)})
        return replace(one, allowed=True)

    def deny(self, tool_id: str) -> None:
        """Let the chat use it no more.

        Raises:
            NotFoundError: If it was not allowed.
        """
        permits = self._read_permits()
        if permits.pop(tool_id, None) is None:
            raise NotFoundError(f"The tool {tool_id!r} is not allowed.", hint="`wherefrom tools list` shows them.")
        self._write_permits(permits)

    def rows(self) -> list[Tool]:
        """The allowed tools as rows of the chat's table, as they were when they were allowed. No server is asked."""
        there = self.connections()
        return [self._row(one) for one in self._read_permits().values() if one.server in there]

    def _row(self, one: Offered) -> Tool:
        def call(arguments: Mapping[str, Any], context: RunContext) -> ToolResult:
            context.check_stop()
            if not _same(self._read_permits().get(one.id), one):
                return ToolResult(text="", refused=f"The tool {one.id} is not allowed any more.")
            brought = _run(self._called(self.connections()[one.server], one, dict(arguments)))
            if brought is None:
                changed = f"{one.id} describes itself in other words than when it was allowed, so it was not called."
                return ToolResult(text="", refused=changed)
            whole, failed = brought
            text = readable(whole, most=MOST_TEXT)  # only this goes on, so only this has to pass the guard
            why = self._suspect(text)
            if why:
                return ToolResult(text="", refused=f"What {one.id} brought was put aside: {why}")
            if failed:
                return ToolResult(text="", refused=f"{one.id} says: {text[:300]}")
            cut = "" if len(text) == len(whole) else f", {len(text):,} were read"
            return ToolResult(text=text, detail=f"{len(whole):,} characters{cut}")

        return Tool(
            name=f"{PREFIX}{_NAME.sub('_', one.server)}_{_NAME.sub('_', one.name)}"[:64],
            title=one.id,
            doing=f"Asking {one.server}",
            description=one.description,
            call=call,
            arguments=one.schema,
            fill="schema",
            result="material",
            side_effects=not one.read_only,
            foreign=True,
        )

    def _find(self, tool_id: str) -> Offered:
        tools, silent = self.offered()
        found = next((one for one in tools if one.id == tool_id), None)
        if found is None:
            why = silent.get(tool_id.partition("/")[0], "")
            raise NotFoundError(f"No server offers the tool {tool_id!r}. {why}".strip(), hint="`wherefrom tools list`.")
        return found

    def _judged(self, server: str, tool: McpTool) -> Offered:
        annotations = tool.annotations
        description = tool.description or ""
        return Offered(
            server=server,
            name=tool.name,
            description=description,
            schema=tool.inputSchema,
            read_only=bool(annotations and annotations.readOnlyHint),
            suspicious=self._suspect(f"{tool.name}\n{description}\n{json.dumps(tool.inputSchema, ensure_ascii=False)}"),
        )

    async def _listed(self, connection: dict[str, Any]) -> list[McpTool]:
        async def ask(session: ClientSession) -> list[McpTool]:
            return list((await session.list_tools()).tools)

        return await self._session(connection, ask)

    async def _called(
        self, connection: dict[str, Any], one: Offered, arguments: dict[str, Any]
    ) -> tuple[str, bool] | None:
        """(text, whether the tool calls it an error); None where the tool is not what was allowed."""

        async def ask(session: ClientSession) -> CallToolResult | None:
            listed = (await session.list_tools()).tools
            if not any(_same(self._judged(one.server, tool), one) for tool in listed):
                return None
            return await session.call_tool(one.name, arguments, timedelta(seconds=self._timeout_s))

        result = await self._session(connection, ask)
        if result is None:
            return None
        parts = [str(part.text) for part in result.content if part.type == "text"]
        return "\n".join(parts), bool(result.isError)

    async def _session(self, connection: dict[str, Any], ask: Callable[[ClientSession], Coroutine[Any, Any, T]]) -> T:
        from langchain_mcp_adapters.sessions import create_session

        try:
            async with asyncio.timeout(self._timeout_s), create_session(connection) as session:  # type: ignore[arg-type]
                await session.initialize()
                return await ask(session)
        except Exception as exc:
            # The border to a program of others: whatever it does, this call alone fails.
            reason = "it did not answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__
            raise _ServerError(f"The MCP server failed: {reason}.", hint="Start it by hand to see why.") from exc

    def _read_permits(self) -> dict[str, Offered]:
        try:
            read = json.loads(self._permits.read_text(encoding="utf-8"))
            return {name: Offered(**about) for name, about in read.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as exc:
            raise ConfigError("The list of allowed tools cannot be read.", hint=f"Delete {self._permits}.") from exc

    def _write_permits(self, permits: Mapping[str, Offered]) -> None:
        written = {name: asdict(one) for name, one in permits.items()}
        try:
            write_whole(self._permits, json.dumps(written, indent=1).encode("utf-8"))
        except OSError as exc:
            raise StorageError("The list of allowed tools cannot be written.", hint="Free some space.") from exc


def _connection(about: Mapping[str, Any]) -> dict[str, Any]:
    """A server's entry as the adapter wants it. A command sees no more of our environment than it needs to start."""
    if "command" in about:
        needed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            "transport": "stdio",
            "command": str(about["command"]),
            "args": [str(part) for part in about.get("args", [])],
            "env": {**needed, **{str(name): str(value) for name, value in about.get("env", {}).items()}},
        }
    return {"transport": "streamable_http", "url": str(about["url"]), "headers": dict(about.get("headers", {}))}


def _same(known: Offered | None, one: Offered) -> bool:
    """Whether this is the tool that was allowed, word for word."""
    return known is not None and known.id == one.id and known.digest == one.digest


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread of its own: the caller may be inside an event loop."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="mcp") as pool:
        return pool.submit(asyncio.run, work).result()
