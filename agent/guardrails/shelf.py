"""The policy in force: where it lies, how it is changed, and that every version of it stands in the ledger.

A person may edit `policy.toml` in the data folder by hand or on the guard page. A text that cannot be followed changes
nothing: what was in force stays so, and `problem` says which line is wrong. Deleting the file brings back the policy
that is shipped.
"""

from __future__ import annotations

import threading
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from agent.guardrails.policy import Policy, parse_policy
from agent.guardrails.rings import Guards
from provenance.errors import AppError, GuardrailError, StorageError
from provenance.ledger import Entry, new_run_id
from provenance.whole_file import write_whole

__all__ = ["PolicyLedger", "PolicyShelf", "shipped_policy"]

NAME = "policy.toml"
MOST_CHARACTERS = 200_000


class PolicyLedger(Protocol):
    """What the shelf needs of the ledger."""

    def append(self, *, kind: str, run: str, body: dict[str, Any]) -> object: ...
    def last(self, kind: str) -> Entry | None: ...


class PolicyShelf:
    """Keeps the guards under the policy of `folder`. Every method may be called from several threads."""

    def __init__(self, folder: Path, guards: Guards, ledger: PolicyLedger) -> None:
        self._path = folder / NAME
        self._guards, self._ledger = guards, ledger
        self._turn = threading.Lock()
        self._seen: tuple[int, int] | None = (0, 0)  # never true of a file: the first refresh looks
        self.text = shipped_policy()  # of the policy in force
        self.problem: AppError | None = None  # with the file as it lies there now

    def refresh(self) -> Policy:
        """Take up what the file says now, if it changed; the policy in force."""
        with self._turn:
            stamp = _stamp(self._path)
            if stamp != self._seen:
                self._seen = stamp
                self._take_up(stamp is not None)
            return self._guards.policy

    def adopt(self, text: str, *, by: str = "") -> Policy:
        """Put a new policy into force: checked, recorded, written, in this order.

        Raises:
            GuardrailError: If it cannot be followed; the message names the line.
            StorageError: If it cannot be written.
        """
        policy = checked_policy(text)
        with self._turn:
            before = self._guards.policy.version
            self._record(policy, by or "the page")
            try:
                write_whole(self._path, text.encode("utf-8"))
            except OSError as exc:
                raise StorageError("The policy could not be written.", hint="Free some space and try again.") from exc
            self._seen, self.problem, self.text = _stamp(self._path), None, text
            if policy.version != before:
                self._guards.adopt(policy)
            return policy

    def _take_up(self, there: bool) -> None:
        try:
            text = self._path.read_text(encoding="utf-8") if there else shipped_policy()
            policy = checked_policy(text)
        except (OSError, UnicodeDecodeError):
            self.problem = GuardrailError(
                f"{NAME} cannot be read as text.", hint="The policy before it stays in force."
            )
            return
        except GuardrailError as exc:
            self.problem = exc
            return
        self.problem, self.text = None, text
        last = self._ledger.last("policy")
        if last.body.get("version") != policy.version if last is not None else there:
            self._record(policy, "the file")
        self._guards.adopt(policy)

    def _record(self, policy: Policy, by: str) -> None:
        body = {"version": policy.version, "by": by, "rules": dict(policy.content)}
        self._ledger.append(kind="policy", run=new_run_id(), body=body)


def checked_policy(text: str) -> Policy:
    """A policy that can be followed, and whose guards exist.

    Raises:
        GuardrailError: As for `parse_policy`.
    """
    if len(text) > MOST_CHARACTERS:
        raise GuardrailError(f"A policy of more than {MOST_CHARACTERS:,} characters is not read.")
    return parse_policy(text)


def shipped_policy() -> str:
    """The text of the policy that comes with the program."""
    return resources.files("agent.guardrails").joinpath(NAME).read_text(encoding="utf-8")


def _stamp(path: Path) -> tuple[int, int] | None:
    """When the file was changed and how large it is; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
