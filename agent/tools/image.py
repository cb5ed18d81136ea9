"""The tool that draws: a request in the person's own words, or a change to the last picture of this conversation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from agent.commission import MOST, Commission, read_commission
from agent.context import Prompted, RunContext, RunStopped
from agent.drawing import PREFERRED, Drawer
from agent.drawn import Made
from agent.tools.table import Tool, ToolResult
from agent.updates import Artifact
from backends.base import ImageRequest
from backends.cancellation import GenerationStopped

__all__ = ["image_tool"]

_SAID = re.compile(
    r"“(?P<prompt>[^”]+)” \((?:style (?P<style>[^,()]+), )?drawn by (?P<family>[\w-]+), seeds? (?P<seed>\d+)"
)
_SEEDS = 100_000  # of pictures that nobody chose a seed for: short enough to be typed again


def image_tool(drawer: Callable[[], Drawer]) -> Tool:
    """`generate_image`; `drawer` gives the part that draws, when it is first needed."""

    def generate_image(arguments: Mapping[str, Any], context: RunContext) -> ToolResult:
        maker = drawer()
        wanted = _commission(str(arguments["request"]), maker, context)
        if wanted is None:
            return ToolResult(text="", refused="Say what the picture should show, such as “a red fox in flat style”.")
        backend = maker.family(wanted.family)
        seed = wanted.seed if wanted.seed is not None else _seed_of(wanted.prompt)
        order = ImageRequest(prompt=wanted.prompt, style=wanted.style, seed=seed, count=wanted.count)
        try:
            made = maker.make(order, run=context.run, family=backend.name, progress=lambda _step: context.check_stop())
        except GenerationStopped as exc:
            raise RunStopped from exc
        if made.refused:
            return ToolResult(text="", refused=made.refused)
        kept = tuple(_kept(context, made, n, order, backend.name) for n in range(len(made.files)))
        said = " ".join(filter(None, (_said(order, backend.name, wanted, backend.styles()), made.note)))
        # So that the model, and `_earlier`, know in the next turn what "it" is.
        context.exchange.append(Prompted(role="user", content="Draw it, and say what you drew."))
        context.exchange.append(Prompted(role="assistant", content=said))
        return ToolResult(
            text=said,
            artifacts=kept,
            detail=f"{len(kept)} × {backend.name}, {made.seconds:.1f} s",
        )

    return Tool(
        name="generate_image",
        title="Draw a picture",
        doing="Drawing",
        description="only to draw, paint or change a picture, an icon or an emoji.",
        call=generate_image,
        fill="request",
        result="final",
        examples=(
            "draw a red fox in flat style",
            "make me a picture of a house",
            "can you paint a yellow star?",
            "three icons of a key, please",
            "generate an image of a cat",
            "another one, blue",
            "the same picture in 3d style",
            "draw it again",
            "an emoji of a pizza",
        ),
    )


def _commission(request: str, maker: Drawer, context: RunContext) -> Commission | None:
    earlier = _earlier(context)
    styles = maker.family(earlier.family if earlier else "").styles()
    return read_commission(request, styles=styles, families=PREFERRED, earlier=earlier)


def _earlier(context: RunContext) -> Commission | None:
    """The last picture that this conversation tells of, as the sentence under it says."""
    for message in reversed(context.history):
        if message.role == "assistant" and (found := _SAID.search(message.content)):
            return Commission(
                prompt=found["prompt"], style=found["style"] or "", family=found["family"], seed=int(found["seed"])
            )
    return None


def _seed_of(prompt: str) -> int:
    """The same words give the same picture; another one is asked for by saying so."""
    return int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:6], "big") % _SEEDS


def _kept(context: RunContext, made: Made, n: int, order: ImageRequest, family: str) -> Artifact:
    picture = made.pictures[n]
    return context.artifacts.put(
        context.run,
        made.files[n],
        name=f"{'-'.join(re.findall(r'[a-z0-9]+', order.prompt.lower()))[:40] or 'picture'}-{picture.seed}.png",
        kind="image",
        media_type="image/png",
        title=order.prompt,
        details={
            "prompt": order.prompt,
            "style": order.style,
            "family": family,
            "model": made.model,
            "seed": picture.seed,
            "pixels_sha256": hashlib.sha256(picture.rgba).hexdigest(),
        },
    )


def _said(order: ImageRequest, family: str, wanted: Commission, styles: list[str]) -> str:
    """What stands under the picture. `_SAID` reads it again when somebody asks for another one."""
    last = order.seed + order.count - 1
    seeds = f"seed {order.seed}" if order.count == 1 else f"seeds {order.seed} to {last}"
    style = f"style {order.style}, " if order.style else ""
    begin = "Here is" if order.count == 1 else f"Here are {order.count} pictures of"
    said = f"{begin} “{order.prompt}” ({style}drawn by {family}, {seeds})."
    if wanted.unknown_style:
        said += f" I know no style “{wanted.unknown_style}”; there are {', '.join(styles)}."
    if wanted.count == MOST:
        said += f" I draw {MOST} at most in one answer."
    return said
