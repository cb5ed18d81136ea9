"""Answers over sets in SQuAD 2.0, RGB and multi-hop form: right, refused where it should be, cited where it stands.

    wherefrom bench answers [--data DIR] [--limit N --seed S] [--half dev|held]

Every file of `DIR`, or of the folders in it, that has one of these forms is asked through the real assistant; of each
kind of question the first N in an order drawn by the seed. Settings are to be chosen on the half `dev` and reported on
`held`; a paragraph and its questions are always in one half.

WHEREFROM_BENCH_KEPT=DIR keeps libraries and finished answers: a run that was cut off goes on, and a larger limit asks
only what is new; it also gets a plot of what each threshold of doubt would refuse. WHEREFROM_BENCH_SECONDS=N asks
nothing new after N seconds and reports what there is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import answers_multihop, answers_rgb, answers_squad
from benchmarks.answers_assistant import asker
from benchmarks.answers_kept import Kept
from benchmarks.answers_scores import share
from benchmarks.answers_set import HALVES, Half, Question, QuestionSet, chosen, read_rows
from benchmarks.sets import data_folder
from provenance.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from ui.services import Parts
    from ui.settings import Settings

__all__ = ["find_sets", "run"]

FORMS = {"squad": answers_squad, "rgb": answers_rgb, "multihop": answers_multihop}
_FILES = ("*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz")


def run(
    *,
    data: str | None = None,
    limit: int = 0,
    seed: int = 0,
    half: Half = "all",
    settings: Settings | None = None,
    build: Callable[[Settings], Parts] | None = None,
) -> dict[str, Any]:
    """Ask every set.

    Args:
        data: The folder; default: `../shared/eval` beside the checkout.
        limit: So many questions of each kind (answerable, unanswerable; each noise; each kind of hop); 0 asks all.
        half: Only this half of the units.
        settings: Default: those of the environment; the data folder is always another one.
        build: Makes the house; default: the product's.
    Returns:
        By file: what its form reports, how many questions were left out for lack of time, seconds a question; under
        `left_out` the files in another language than the model's, which are asked only when nothing else is there.
    Raises:
        NotFoundError: No file has one of the forms.
    """
    from ui.settings import load_settings

    if half not in HALVES:
        raise UsageError(f"There is no half {half!r}.", hint=f"There are: {', '.join(HALVES)}.")
    settings = settings or load_settings()
    kept, seconds = os.environ.get("WHEREFROM_BENCH_KEPT"), os.environ.get("WHEREFROM_BENCH_SECONDS")
    until = time.monotonic() + float(seconds or "inf")
    measurement = _Measurement(settings=settings, build=build, folder=Path(kept) if kept else None, until=until)
    sets, left_out = find_sets(data_folder(data))
    found = {one.name: measurement.of(one, chosen(one.questions, half=half, limit=limit, seed=seed)) for one in sets}
    if kept:
        _plot(Path(kept), found)
    return {"model": settings.model, "half": half, **found, "left_out": left_out}


def find_sets(folder: Path) -> tuple[list[QuestionSet], list[str]]:
    """The sets in a folder and in the folders in it; files for speakers of Chinese (`zh_*`) only if there is no other.

    Raises:
        NotFoundError: There are none.
    """
    sets, left_out = [], []
    paths = sorted(path for pattern in _FILES for path in [*folder.glob(pattern), *folder.glob(f"*/{pattern}")])
    for path in paths:
        if path.name.startswith("zh_") and any(not other.name.startswith("zh_") for other in path.parent.glob("*.js*")):
            left_out.append(path.name)
            continue
        try:
            rows = read_rows(path)
        except ValueError:  # a folder may hold anything; what is no JSON has none of the forms
            continue
        name = path.name.split(".")[0]
        sets += [one for form in FORMS.values() if (one := form.read_set(name, rows)) is not None]
    if not sets:
        raise NotFoundError(f"No file in {str(folder)!r} is in SQuAD, RGB or multi-hop form.", hint="Check --data.")
    return sets, left_out


def _plot(folder: Path, found: dict[str, dict[str, Any]]) -> None:
    """A picture of the trade-off of each set that has one."""
    for name, report in found.items():
        if report["asked"] and "tradeoff" in report:
            folder.mkdir(parents=True, exist_ok=True)
            drawn = answers_squad.plot_tradeoff(report["tradeoff"])
            (folder / f"refusals-{name}.svg").write_text(drawn, encoding="utf-8")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measurement:
    settings: Settings
    build: Callable[[Settings], Parts] | None
    folder: Path | None
    until: float  # by the monotonic clock; nothing new is asked after it

    def of(self, questions: QuestionSet, wanted: Sequence[Question]) -> dict[str, Any]:
        """Ask what is not kept, and report."""
        kept = Kept(self.folder, _context(self.settings, questions))
        missing = [question for question in wanted if kept.get(question) is None]
        if missing and time.monotonic() < self.until:
            library = _needed(questions, wanted)
            with asker(self.settings, library, kept=self.folder, build=self.build) as assistant:
                for question in missing:
                    if time.monotonic() >= self.until:
                        break
                    kept.add(question, assistant.ask(question))
        asked = [(question, row) for question in wanted if (row := kept.get(question)) is not None]
        return {
            **FORMS[questions.form].report(asked),
            "asked": len(asked),
            "left": len(wanted) - len(asked),
            "seconds_a_question": share([row.seconds for _question, row in asked]),
            "prompt_tokens_a_question": share([float(row.prompt_tokens) for _question, row in asked]),
            "codes": sorted({row.code for _question, row in asked}),
        }


def _needed(questions: QuestionSet, asked: Sequence[Question]) -> QuestionSet:
    """Without the sources that no question may read: each of RGB's has passages of its own."""
    if any(question.among is None for question in asked):
        return questions
    needed = {key for question in asked for key in question.among or ()}
    sources = {key: one for key, one in questions.sources.items() if key in needed}
    return QuestionSet(name=questions.name, form=questions.form, questions=tuple(asked), sources=sources)


def _context(settings: Settings, questions: QuestionSet) -> str:
    """What decides an answer beside the question and the code."""
    spent = ("backend", "model", "context_tokens", "max_answer_tokens", "evidence_tokens", "top_k", "temperature")
    said = {name: getattr(settings, name) for name in spent}
    library = sorted(questions.sources) if all(q.among is None for q in questions.questions) else []
    return repr((said, questions.name, library))
