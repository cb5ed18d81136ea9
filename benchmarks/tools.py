"""Calls of documented functions by a small model: right, wrong, or rightly none. Data in BFCL's form.

    wherefrom bench tools --data DIR [--limit N --seed S] [--json]

`DIR` holds JSON-lines files of rows with `question`, `function` and, where a call is right, `ground_truth` of one call.
The weights of the irrelevance test were fitted on rows whose id's SHA-256 begins with an even byte; `unseen` are the
others. Each row's outcome is kept in the data folder under the digest of what decides it, so a run that was cut off
goes on where it ended; `--limit` draws that many rows of each file.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agent.calling import caller as caller_module
from agent.calling import function as function_module
from agent.calling.caller import FunctionCaller
from agent.calling.doubt import Signs, Weights
from agent.prompts import load_prompt
from benchmarks.bfcl import functions_of, is_right, request_of
from benchmarks.sets import data_folder
from provenance.errors import UsageError

__all__ = ["run", "score"]


def run(*, data: str | None = None, limit: int = 0, seed: int = 0) -> dict[str, Any]:
    """Measure every file of one call a request, and those where none is right.

    Returns:
        For each file: rows, accuracy (a right call; for irrelevance: none made) on the unseen half and on all,
        unparseable calls, and seconds a request; and the machine's settings that decide it.
    """
    rows = _read(data_folder(data, "tools_bfcl"), limit, seed)
    weights = Weights()
    named = {name: [(name, row) for row in some] for name, some in rows.items()}
    with _caller(weights) as (caller, model, kept):
        # By turns, so that what a run that was cut off has kept is spread over all files.
        turns = [pair for some in zip_longest(*named.values()) for pair in some if pair is not None]
        outcomes = [_outcome(name, row, caller, model, kept) for name, row in turns]
    return {
        "model": model,
        "sets": {name: score([one for one in outcomes if one["set"] == name], weights) for name in rows},
    }


def score(outcomes: Sequence[Mapping[str, Any]], weights: Weights) -> dict[str, Any]:
    """The numbers of one file."""
    unseen = [one for one in outcomes if one["unseen"]]
    return {
        "rows": len(outcomes),
        "right": _share(outcomes, weights),
        "unseen_rows": len(unseen),
        "unseen_right": _share(unseen, weights),
        "unparseable": sum(not one["parses"] for one in outcomes),
        "median_s": round(statistics.median(one["seconds"] for one in outcomes), 2) if outcomes else None,
    }


def _share(outcomes: Sequence[Mapping[str, Any]], weights: Weights) -> float | None:
    if not outcomes:
        return None
    meant = [one["call"] is not None and weights.doubt(Signs(**one["signs"])) < weights.threshold for one in outcomes]
    right = [one["right" if calls else "none_is_right"] for one, calls in zip(outcomes, meant, strict=True)]
    return round(sum(right) / len(right), 4)


def _read(folder: Path, limit: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """File name -> rows; files whose rows want several calls or several turns are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        rows = [row for row in rows if "function" in row and len(row["question"]) == 1]
        if not rows or any(len(row.get("ground_truth") or [0]) > 1 for row in rows):
            continue
        if "irrelevance" not in path.stem and "ground_truth" not in rows[0]:
            continue  # relevance alone: no call is named as the right one
        found[path.stem] = random.Random(seed).sample(rows, limit) if 0 < limit < len(rows) else rows
    if not found:
        raise UsageError("The folder holds no function calls in BFCL's form.", hint="See ../shared/eval/tools_bfcl.")
    return found


def _outcome(name: str, row: Mapping[str, Any], caller: FunctionCaller, model: str, kept: Path) -> dict[str, Any]:
    path = kept / f"{_key(model, row)}.json"
    if path.exists():
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return stored
    began = time.perf_counter()
    chosen = caller.choose(request_of(row), functions_of(row))
    call = chosen.likeliest
    outcome = {
        "set": name,
        "id": row["id"],
        "unseen": hashlib.sha256(str(row["id"]).encode()).digest()[0] % 2 == 1,
        "signs": asdict(chosen.signs),
        "right": bool(call and row.get("ground_truth") and is_right(call, row)),
        "none_is_right": not row.get("ground_truth"),
        "parses": call is None or bool(call.arguments) or not functions_of(row)[0].schema()["properties"],
        "call": None if call is None else {"name": call.name, "arguments": dict(call.arguments)},
        "seconds": time.perf_counter() - began,
    }
    path.write_text(json.dumps(outcome), encoding="utf-8")
    return outcome


def _key(model: str, row: Mapping[str, Any]) -> str:
    """What decides an outcome: the row, the model, and the words and rules that it is asked with."""
    rules = [Path(str(module.__file__)).read_bytes() for module in (caller_module, function_module)]
    parts = [model.encode(), load_prompt("functions").text.encode(), json.dumps(row, sort_keys=True).encode(), *rules]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


@contextmanager
def _caller(weights: Weights) -> Iterator[tuple[FunctionCaller, str, Path]]:
    """The caller over the backend and the embedder of the settings in force, and where outcomes are kept."""
    from ui.services import Parts
    from ui.settings import Settings

    settings = Settings()
    kept = settings.home / "bench" / "tools"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wherefrom-bench-") as home:
        parts = Parts(settings.model_copy(update={"home": Path(home), "models_dir": settings.models}))
        chat = parts.backend.chat_model()

        def decode(
            said: Sequence[str], schema: Mapping[str, Any], *, max_tokens: int, logprobs: bool
        ) -> tuple[str, Mapping[str, Any]]:
            turns = [HumanMessage(text) if n % 2 == 0 else AIMessage(text) for n, text in enumerate(said)]
            form = {"type": "json_schema", "json_schema": {"name": "call", "schema": dict(schema), "strict": True}}
            more: dict[str, Any] = {"logprobs": True, "top_logprobs": 10} if logprobs else {}
            bound = chat.bind(response_format=form, max_tokens=max_tokens, temperature=0.0, seed=0, **more)
            answer = bound.invoke([SystemMessage(load_prompt("functions").text), *turns])
            return str(answer.text), answer.response_metadata

        try:
            yield FunctionCaller(decode, parts.embedder, weights=weights), parts.backend.identity().model, kept
        finally:
            parts.close()
