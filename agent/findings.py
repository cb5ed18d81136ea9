"""What the tools of a free loop have brought, and what the answer is made of then.

The same three kinds as in the steered way: what a tool wrote itself is shown as it is, never retold; what is written
from passages is checked against them; what is written from material alone stands, without a source. Where passages and
other things were brought, each sentence goes to what bears it out, and one that nothing bears out is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.context import Part, RunContext
from agent.evidence import Evidence
from agent.grounding import SUPPORT_THRESHOLD, check_answer, strip_marks, support
from agent.middleware.cite import NOT_IN_DOCUMENTS
from agent.tools.table import REPLY, Tool, ToolResult

__all__ = ["Findings"]

NO_PASSAGE = "No passage was found."


@dataclass(slots=True)
class Findings:
    """Of one run."""

    looked: bool = False  # a tool was let through
    barred: bool = False  # a guard or a person said no to a call
    passages: list[str] = field(default_factory=list)  # as the model read them
    material: list[tuple[str, str]] = field(default_factory=list)  # (tool, text)
    shown: list[Part] = field(default_factory=list)  # shown as they are
    refusals: dict[str, Part] = field(default_factory=dict)  # by tool: what was not done, and why
    used: dict[int, Evidence] = field(default_factory=dict)  # every source so far, by its number
    source: str = ""  # the tool that searched
    empty: bool = False  # the last call was a search that found nothing

    @property
    def to_read(self) -> bool:
        """Whether there is something that an answer can be written from."""
        return bool(self.passages or self.material)

    def take(self, tool: Tool, context: RunContext, result: ToolResult) -> None:
        """What a call brought."""
        self.looked, self.empty = True, False
        self.refusals.pop(tool.name, None)
        if result.refused:
            self.refusals[tool.name] = Part.of(context, result.refused, refused=result.refused)
            return
        match tool.result:
            case "passages":
                self.source = tool.name
                self.empty = not context.used
                if context.used:
                    self.passages.append(result.text)
            case "material":
                self.material.append((tool.name, result.text))
            case "final":
                self.shown.append(Part.of(context, result.text))
        self.used |= {item.n: item for item in context.used}

    def fail(self, context: RunContext, why: str, *, barred: bool) -> None:
        """A call that failed, or that a guard or a person stopped."""
        self.looked, self.empty = True, False
        self.barred |= barred
        self.refusals[context.tool] = Part.of(context, why, refused=why)

    def parts(self, context: RunContext, text: str, *, unaided: str) -> list[Part]:
        """The answer.

        Args:
            text: What the model wrote at the end.
            unaided: The tool whose part a text is that was written without any call.
        """
        written = self._written(context, text, unaided)
        parts = [*self.shown, *written]
        if not written and (self.empty or not (parts or self.refusals)):
            parts.append(_part(context, self.source or unaided, NOT_IN_DOCUMENTS, refused=NO_PASSAGE))
        return [*parts, *self.refusals.values()]

    def _written(self, context: RunContext, text: str, unaided: str) -> list[Part]:
        if not text:
            return []
        if not self.looked:
            return [_part(context, unaided, strip_marks(text) if unaided == REPLY.name else text)]
        if self.passages and (self.material or self.shown):
            return self._by_origin(context, text)
        if self.passages:
            return [_part(context, self.source, text)]
        return [_part(context, self.material[-1][0], strip_marks(text))] if self.material else []

    def _by_origin(self, context: RunContext, text: str) -> list[Part]:
        """The sentences that passages bear out, and those that other material does."""
        from_passages: list[str] = []
        from_material: list[str] = []
        cited = False
        for sentence in check_answer(text, context.board.items, context.question).sentences:
            if not sentence.numbers and _borne_out(sentence.text, [part.text for part in self.shown]):
                continue  # it retells what is shown anyway
            if not sentence.numbers and _borne_out(sentence.text, [brought for _tool, brought in self.material]):
                from_material.append(sentence.text)
                continue
            cited |= bool(sentence.numbers)
            from_passages.append(sentence.text + "".join(f" [{n}]" for n in sentence.numbers))
        parts = [_part(context, self.source, " ".join(from_passages))] if cited else []
        if from_material:
            parts.append(_part(context, self.material[-1][0], " ".join(from_material)))
        return parts


def _borne_out(sentence: str, texts: list[str]) -> bool:
    return any(support(sentence, text) >= SUPPORT_THRESHOLD for text in texts)


def _part(context: RunContext, tool: str, text: str, *, refused: str = "") -> Part:
    return Part(tool=tool, request=context.question, text=text, refused=refused)
