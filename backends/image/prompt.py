"""What may be asked of a picture generator, checked before anything is loaded."""

from __future__ import annotations

import difflib
import re

from backends.base import ImageRequest
from provenance.errors import UsageError

__all__ = ["LONGEST_PROMPT", "MOST_PICTURES", "check_request", "wording"]

LONGEST_PROMPT = 1000  # characters; the text encoder reads the first 64 word pieces
MOST_PICTURES = 64
_LARGEST_SEED = 2**53  # larger ones are not the same number in JSON


_OPENING = re.compile(
    r"^(please\s+)?((draw|paint|show|make)\s+)?(me\s+)?((a picture|an icon|an image) of\s+)?((an?|the|some)\s+)?", re.I
)


def wording(prompt: str) -> str:
    """The prompt as the captions of the training set are worded: no request, no article, lower case.

    Example:
        >>> wording("Draw me a red fox.")
        'red fox'
        >>> wording("anchor")
        'anchor'
    """
    short = _OPENING.sub("", f"{' '.join(prompt.split())} ", count=1).strip().rstrip(".!")
    return (short or prompt.strip()).lower()


def check_request(request: ImageRequest, styles: list[str]) -> None:
    """Raises:
    UsageError: If the prompt is empty or too long, the style unknown, the seed or count out of bounds.
    """
    if not request.prompt.strip():
        raise UsageError("The prompt is empty.", hint="Say what the picture should show, such as “a red fox”.")
    if len(request.prompt) > LONGEST_PROMPT:
        raise UsageError(
            f"The prompt has {len(request.prompt):,} characters; {LONGEST_PROMPT:,} are read.",
            hint="A few words work best here.",
        )
    if styles and request.style and request.style not in styles:
        near = difflib.get_close_matches(request.style, styles, n=3, cutoff=0.5) or styles
        raise UsageError(f"There is no style “{request.style[:80]}”.", hint=f"There are: {', '.join(near)}.")
    if not 1 <= request.count <= MOST_PICTURES:
        raise UsageError(f"Between 1 and {MOST_PICTURES} pictures can be asked for at once.")
    if not 0 <= request.seed <= _LARGEST_SEED:
        raise UsageError("The seed must be a whole number from 0 to 9,007,199,254,740,992.")
