"""What every chat model of this house has in common: it is a stream first.

`invoke` is the stream, joined; so a stop, an error and a count mean the same in both. Structured output always goes
through a JSON schema that the engine enforces while it decodes, never through hope.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Sequence
from operator import itemgetter
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field

from backends.llm.forced_tools import as_tool_call, forced_schema
from backends.llm.schema import is_free_text, json_schema_format

__all__ = ["StreamedChatModel"]


class StreamedChatModel(BaseChatModel):
    """A chat model whose subclasses give `_write`, the stream of one answer, and nothing else."""

    forces_tools: bool = True  # decode a tool call under a schema when the caller insists on one
    text_mark: Any = Field(None, exclude=True, repr=False)  # a TextMarker; None: this model cannot or must not mark

    def _write(
        self, messages: list[BaseMessage], *, stop: list[str] | None, **kwargs: Any
    ) -> Generator[ChatGenerationChunk]:
        """One answer; the last chunk has `chunk_position="last"` and the counts. Closing it stops the decoding.

        `prose` among the keywords: it is written for a person, so it may be ended when it goes round in circles.
        `mark`, where it is among them, is the `TextMarker` that this answer must carry.
        """
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Generator[ChatGenerationChunk]:
        stop = stop or kwargs.pop("stop", None)
        kwargs.pop("stop", None)
        forced = forced_schema(kwargs.get("tools"), kwargs.get("tool_choice")) if self.forces_tools else None
        if kwargs.pop("text_mark", False) and is_free_text(kwargs):
            kwargs["prose"] = True
            if self.text_mark is not None:
                kwargs["mark"] = self.text_mark
        if forced is None:
            yield from self._write(messages, stop=stop, **kwargs)
        else:  # the tools stay in the prompt, so that the model reads what they are for
            kwargs |= {"tool_choice": "auto", "response_format": json_schema_format(forced)}
            yield from as_tool_call(self._write(messages, stop=stop, **kwargs))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop=stop, run_manager=run_manager, **kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        stream = self._stream(messages, stop=stop, **kwargs)
        try:
            while chunk := await run_in_executor(None, next, stream, None):
                yield chunk
        finally:
            stream.close()  # this stops the decoding now, not when the generator is collected

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools in the OpenAI form. `tool_choice`: "auto", "none", "any", or the name of one tool."""
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        if tool_choice is not None:
            kwargs["tool_choice"] = _tool_choice(tool_choice, [tool["function"]["name"] for tool in formatted])
        return self.bind(tools=formatted, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Answer with an instance of `schema`, decoded under its JSON schema."""
        kwargs.pop("method", None)
        kwargs.pop("strict", None)
        model = self.bind(response_format=json_schema_format(schema), **kwargs)
        parser: BaseOutputParser[Any]
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            parser = PydanticOutputParser(pydantic_object=schema)
        else:
            parser = JsonOutputParser()
        if not include_raw:
            return model | parser
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _tool_choice(choice: str | dict[str, Any] | bool, names: list[str]) -> Any:
    match choice:
        case "any" | True:
            return "required"
        case False:
            return "none"
        case str() if choice in names:
            return {"type": "function", "function": {"name": choice}}
        case _:
            return choice
