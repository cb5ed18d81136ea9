"""Errors across the process border: an `AppError` becomes {error, message, hint} and the same class again."""

from __future__ import annotations

from typing import Any

from provenance import errors
from provenance.errors import AppError, LedgerCorruptError

__all__ = ["error_body", "error_status", "rebuild_error"]

# The first class that matches names the HTTP status; subclasses stand before their parents.
_STATUS: tuple[tuple[type[AppError], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.UsageError, 400),
    (errors.ConfigError, 400),
    (errors.DocumentError, 422),
    (errors.UnknownBackendError, 404),
    (errors.BackendUnavailableError, 503),
    (errors.StorageError, 507),
    (errors.EngineError, 503),
)


def error_body(exc: AppError) -> dict[str, Any]:
    """The error as JSON values."""
    body: dict[str, Any] = {"error": type(exc).__name__, "message": str(exc), "hint": exc.hint}
    if isinstance(exc, LedgerCorruptError):
        body["seq"] = exc.seq
    return body


def error_status(exc: AppError) -> int:
    """The HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)


def rebuild_error(body: dict[str, Any]) -> AppError:
    """The error that `error_body` wrote down; a class that is not known here comes back as `AppError`."""
    message, hint = str(body.get("message", "The engine failed.")), str(body.get("hint", ""))
    kind = getattr(errors, str(body.get("error", "")), AppError)
    if not (isinstance(kind, type) and issubclass(kind, AppError)):
        kind = AppError
    if body.get("error") == LedgerCorruptError.__name__:
        return LedgerCorruptError(message, seq=int(body.get("seq", -1)), hint=hint)
    return kind(message, hint=hint)
