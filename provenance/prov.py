"""A record as W3C PROV-JSON: who made what from what, for tools that know no Wherefrom.

Entities are the question, each passage and its document, the prompt and the output of each model call, and the answer;
activities are the steps; agents are the model (with the digest of its weights), the software and the person. Private
texts are not in it, only their commitments.

Written by hand from the specification: the package `prov` brings rdflib, networkx and lxml for 150 lines of JSON.

Source:
    W3C PROV-DM (2013) and the PROV-JSON submission (2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["prov_document"]

NAMESPACE = "https://wherefrom.invalid/ns#"

Attributes = dict[str, Any]


def prov_document(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """PROV-JSON of one run.

    Args:
        events: Its entries as mappings with seq, at, run, kind, digest, body; oldest first.
    """
    return _Document(events).made()


class _Document:
    """The parts of the document while it grows."""

    def __init__(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._events = events
        self._run = str(events[0]["run"]) if events else ""
        self._parts: dict[str, dict[str, Attributes]] = {}
        self._passages: dict[int, str] = {}
        self._read: list[str] = []  # what the next model call reads

    def made(self) -> dict[str, Any]:
        self._add("agent", "wf:person", {"prov:type": _name("prov:Person")})
        software = {"prov:type": _name("prov:SoftwareAgent"), "wf:version": _version()}
        self._add("agent", "wf:wherefrom", software)
        for event in self._events:
            self._event(event)
        prefix = {"wf": NAMESPACE, "run": f"{NAMESPACE}{self._run}/", "sha256": "urn:sha256:"}
        return {"prefix": prefix, **self._parts}

    def _event(self, event: Mapping[str, Any]) -> None:
        step, body, kind = f"run:event-{event['seq']}", event["body"], str(event["kind"])
        about = {"prov:type": f"wf:{kind}", "wf:seq": event["seq"], "wf:digest": event["digest"]}
        self._add("activity", step, {"prov:startTime": event["at"], "prov:endTime": event["at"], **about})
        self._link("wasAssociatedWith", {"prov:activity": step, "prov:agent": "wf:wherefrom"})
        match kind:
            case "request":
                self._entity("run:question", step, body, "question")
                self._link("wasAttributedTo", {"prov:entity": "run:question", "prov:agent": "wf:person"})
                self._read.append("run:question")
            case "retrieval":
                self._use(step, "run:question")
                self._retrieved(step, body)
            case "model_call":
                self._called(step, event["seq"], body)
            case "answer" | "stopped" | "interrupted":
                self._answered(step, body)
            case _:
                for name in body.get("commitments", {}):
                    self._entity(f"{step}-{name.replace(' ', '-')}", step, body, name)

    def _retrieved(self, step: str, body: Mapping[str, Any]) -> None:
        for given in body.get("given", []):
            passage, document = f"run:passage-{given['n']}", f"sha256:{given.get('document_digest', '')}"
            self._add("entity", document, {"prov:type": "wf:document"})
            place = {f"wf:{name}": given[name] for name in ("page", "start", "end", "score") if name in given}
            digest = given.get("digest")
            self._add(
                "entity", passage, {"prov:type": "wf:passage", **place, **({"wf:sha256": digest} if digest else {})}
            )
            self._link("wasGeneratedBy", {"prov:entity": passage, "prov:activity": step})
            self._link("wasDerivedFrom", {"prov:generatedEntity": passage, "prov:usedEntity": document})
            self._passages[int(given["n"])] = passage
            self._read.append(passage)

    def _called(self, step: str, seq: int, body: Mapping[str, Any]) -> None:
        weights = str(body.get("weights", "")).rpartition(":")[2] or "unknown"
        agent = f"wf:model-{weights[:16]}"
        told = {"prov:label": str(body.get("model", "")), "wf:weights": str(body.get("weights", ""))}
        self._add("agent", agent, {"prov:type": _name("prov:SoftwareAgent"), **told})
        self._link("wasAssociatedWith", {"prov:activity": step, "prov:agent": agent})
        for entity in dict.fromkeys(self._read):
            self._use(step, entity)
        output = f"run:output-{seq}"
        self._entity(output, step, body, "output")
        self._link("wasAttributedTo", {"prov:entity": output, "prov:agent": agent})
        self._read.append(output)

    def _answered(self, step: str, body: Mapping[str, Any]) -> None:
        self._entity("run:answer", step, body, "answer")
        outputs = [entity for entity in self._read if entity.startswith("run:output-")]
        cited = [self._passages[one["n"]] for one in body.get("citations", []) if one.get("n") in self._passages]
        for source in [*outputs[-1:], *cited]:
            self._use(step, source)
            self._link("wasDerivedFrom", {"prov:generatedEntity": "run:answer", "prov:usedEntity": source})

    def _entity(self, name: str, step: str, body: Mapping[str, Any], content: str) -> None:
        committed = body.get("commitments", {}).get(content, {})
        about = {f"wf:commitment-{key}": value for key, value in committed.items()}
        self._add("entity", name, {"prov:type": f"wf:{content.replace(' ', '-')}", **about})
        self._link("wasGeneratedBy", {"prov:entity": name, "prov:activity": step})

    def _use(self, step: str, entity: str) -> None:
        self._link("used", {"prov:activity": step, "prov:entity": entity})

    def _add(self, part: str, name: str, attributes: Attributes) -> None:
        self._parts.setdefault(part, {}).setdefault(name, {}).update(attributes)

    def _link(self, relation: str, ends: Attributes) -> None:
        links = self._parts.setdefault(relation, {})
        if ends not in links.values():
            links[f"_:{relation}{len(links) + 1}"] = ends


def _name(qualified: str) -> Attributes:
    return {"$": qualified, "type": "prov:QUALIFIED_NAME"}


def _version() -> str:
    try:
        return version("wherefrom")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
