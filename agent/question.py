"""What can be a question at all. Light, so that a bad one is refused before anything is loaded for it."""

from __future__ import annotations

from provenance.errors import UsageError

__all__ = ["MAX_QUESTION_CHARACTERS", "check_question"]

MAX_QUESTION_CHARACTERS = 8_000


def check_question(question: str) -> None:
    """Refuse what cannot be a question before anything is started.

    Raises:
        UsageError: If it is empty or too long.
    """
    if not question.strip():
        raise UsageError("The question is empty.", hint="Type what you want to know.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise UsageError(
            f"The question has {len(question):,} characters; at most {MAX_QUESTION_CHARACTERS:,} fit.",
            hint="Add the long text as a document, then ask about it.",
        )
