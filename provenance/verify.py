"""Is this ours? Every piece of evidence with its strength, and one verdict that says no more than the evidence does.

    verdict = Verifier(credentials=CredentialReader(certificates), fingerprints=index).verify(data)

*ours* needs strong or moderate evidence, *not ours* moderate evidence for another origin and none for ours. Everything
else is *cannot tell*, which is an answer: a picture without any mark may be anybody's. What this does not cover: a text
that was reworded from end to end, and whether anything said in a file or a text is true.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from provenance.credentials.media import inspect_picture, media_type
from provenance.credentials.read import CredentialReader, CredentialReport
from provenance.credentials.store import ManifestStore
from provenance.errors import UsageError
from provenance.fingerprint import SHORTEST, FingerprintIndex, Match
from provenance.imagemark.picture import PictureError, open_picture, small_view
from provenance.sketch import words_of
from provenance.textmark.code import record_named_in

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Evidence", "ImageMark", "MarkFound", "NoMark", "Strength", "TextMark", "Verdict", "Verifier"]

Strength = Literal["proof", "strong", "moderate", "weak"]
Kind = Literal["file", "credentials", "image mark", "text mark", "fingerprint"]

MOST_BYTES = 512 * 1024 * 1024
MOST_TEXT = 4_000_000  # bytes of a file that are read as text
ENOUGH_WORDS = 50  # a text of this length that resembles no answer was not written here, unless reworded wholly
CLEAR = 0.5  # similarity from which the fingerprint alone is strong
QUOTED = 0.5  # share of a text's word pairs that stand in an answer's sources: then it may come from those


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One thing that was found."""

    kind: Kind
    strength: Strength
    says: Literal["ours", "not ours", "nothing"]
    sentence: str
    run: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`run` is the record that the strongest evidence names."""

    verdict: Literal["ours", "not ours", "cannot tell"]
    evidence: tuple[Evidence, ...]
    run: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkFound:
    """What a detector of marks says. `p_value`: how often unmarked material would look as marked as this by chance."""

    run: str | None
    p_value: float
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NoMark:
    """A detector found nothing, and can say more about it than that."""

    sentence: str


class ImageMark(Protocol):
    """Reads an invisible mark out of a picture; None where there is none that can be told from chance."""

    def detect(self, image: Image) -> MarkFound | NoMark | None: ...


class TextMark(Protocol):
    """Reads the mark that was put into a text while it was written; None, or why, where it cannot tell."""

    def detect(self, text: str) -> MarkFound | NoMark | None: ...


class Verifier:
    """Puts the pieces together. Never raises for what is in a file; time and memory are bounded by the limits above."""

    def __init__(
        self,
        *,
        credentials: CredentialReader,
        fingerprints: FingerprintIndex,
        store: ManifestStore | None = None,
        image_mark: ImageMark | None = None,
        text_mark: TextMark | None = None,
        text_of: Callable[[bytes, str], str | None] | None = None,
        sources_of: Callable[[str], list[str]] | None = None,
        incomplete: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Args:
            text_of: The text of a document (bytes, media type), so that a report without credentials is still matched.
            sources_of: The passages that a run was given: a text that resembles those as much may be the source itself.
            incomplete: Whether some answers cannot be recognised any more (they were erased).
        """
        self._credentials = credentials
        self._fingerprints = fingerprints
        self._store = store
        self._image_mark = image_mark
        self._text_mark = text_mark
        self._text_of = text_of
        self._sources_of = sources_of
        self._incomplete = incomplete

    def verify(self, subject: str | bytes | Path) -> Verdict:
        """The verdict on a text (`str`) or a file.

        Raises:
            UsageError: If there is nothing to look at, or the file cannot be opened or is larger than 512 MiB.
        """
        if isinstance(subject, str):
            return self._text(subject)
        data = _read(subject) if isinstance(subject, Path) else subject
        if len(data) > MOST_BYTES:
            raise UsageError("The file is larger than 512 MiB.", hint="Verify a smaller file.")
        return self._file(data)

    def _text(self, text: str) -> Verdict:
        if not text.strip():
            raise UsageError("There is no text to verify.")
        return _decide(self._text_evidence(text, judge=True))

    def _file(self, data: bytes) -> Verdict:
        if not data:
            return _decide([_nothing("file", "The file is empty.")])
        mime = media_type(io.BytesIO(data))
        if mime is None:
            text = _as_text(data)
            if text is None:
                return _decide([_nothing("file", "The file is of a kind that carries no marks.")])
            if not text.strip():
                return _decide([_nothing("file", "The file holds nothing but white space.")])
            return _decide(self._text_evidence(text, judge=True))
        evidence = [*self._credential_evidence(data)]
        if mime.startswith("image/") and mime != "image/svg+xml":
            evidence += self._picture_evidence(data)
        elif self._text_of is not None and not any(one.strength == "proof" for one in evidence):
            text = self._text_of(data, mime)
            evidence += self._text_evidence(text, judge=False) if text else []
        return _decide(evidence)

    def _credential_evidence(self, data: bytes) -> list[Evidence]:
        report = self._credentials.read(data)
        found = [_judged(report)]
        if not report.ours and self._store and (kept := self._store.find(data)):
            sentence = "It is, byte for byte, a file that was made here. Its manifest is kept here."
            found.insert(0, _ours("file", "strong", sentence, kept.record))
        inner = {one.record_id for one in report.ingredients if one.record_id} - {report.record_id}
        if report.verdict in ("valid", "trusted") and not report.ours and inner and self._store:
            for record in sorted(inner):
                if self._store.of(record):
                    sentence = f"Its signer, and nobody else, says that it was made from the file of record {record}."
                    found.append(Evidence(kind="credentials", strength="weak", says="nothing", sentence=sentence))
        return found

    def _picture_evidence(self, data: bytes) -> list[Evidence]:
        if self._image_mark is None:
            return []
        header = inspect_picture(data)
        if header.problem:
            return [_nothing("image mark", header.problem)]
        try:
            with open_picture(data) as picture:
                view = small_view(picture)
        except PictureError as exc:
            return [_nothing("image mark", str(exc))]
        found = self._image_mark.detect(view)
        if isinstance(found, NoMark):
            return [_nothing("image mark", found.sentence)]
        if found is None:
            seen = _FIRST if header.animated else ""
            return [_nothing("image mark", f"No watermark of this installation was found in the picture.{seen}")]
        kept = found.run is not None and self._store is not None and bool(self._store.of(found.run))
        back = " Its manifest is kept here and can be given back." if kept else ""
        return [_ours("image mark", _by_chance(found.p_value), f"{found.sentence}{back}", found.run)]

    def _text_evidence(self, text: str, *, judge: bool) -> list[Evidence]:
        """`judge`: the text is all there is, so finding nothing in it says something too."""
        evidence: list[Evidence] = []
        words = words_of(text)
        matches = self._fingerprints.match(text)
        evidence += [self._matched(match, words) for match in matches]
        marked = self._text_mark.detect(text) if self._text_mark else None
        if isinstance(marked, MarkFound):
            evidence.append(_ours("text mark", _by_chance(marked.p_value), marked.sentence, marked.run))
        elif isinstance(marked, NoMark):
            evidence.append(_nothing("text mark", marked.sentence))
        elif self._text_mark:
            evidence.append(_nothing("text mark", "No mark could be told from chance in the text."))
        if named := record_named_in(text):
            sentence = f"A comment in it names record {named}, which anybody can write."
            found = Evidence(kind="text mark", strength="weak", says="nothing", sentence=sentence, run=named)
            evidence.append(found)
        if not matches and judge:
            evidence.append(self._unmatched(len(words)))
        return evidence

    def _matched(self, match: Match, words: list[str]) -> Evidence:
        if len(words) < SHORTEST:
            sentence = "It is word for word an answer that was given here, but so short that others may write it too."
            return Evidence(kind="fingerprint", strength="weak", says="nothing", sentence=sentence, run=match.run)
        resembles = _resembles(match)
        if self._sources_of and (share := _quoted(match, words, self._sources_of(match.run))) >= QUOTED:
            sentence = f"{resembles} But {share:.0%} of that stands in the answer's sources, so it may come from them."
            return Evidence(kind="fingerprint", strength="weak", says="nothing", sentence=sentence, run=match.run)
        strength: Strength = "strong" if match.similarity >= CLEAR else "moderate"
        return _ours("fingerprint", strength, resembles, match.run)

    def _unmatched(self, words: int) -> Evidence:
        if self._fingerprints.count() == 0:
            return _nothing("fingerprint", "No answer is recorded here that it could be compared with.")
        if words < ENOUGH_WORDS:
            return _nothing("fingerprint", f"It resembles no recorded answer, but {words} words are too few to tell.")
        if self._incomplete():
            return _nothing("fingerprint", "It resembles no recorded answer, but some answers were erased here.")
        sentence = "It resembles no answer that is recorded here; only a complete rewording would not be recognised."
        return Evidence(kind="fingerprint", strength="moderate", says="not ours", sentence=sentence)


_FIRST = " Of an animation only the first picture was looked at."
_RANK: dict[Strength, int] = {"proof": 0, "strong": 1, "moderate": 2, "weak": 3}


def _decide(evidence: list[Evidence]) -> Verdict:
    ranked = tuple(sorted(evidence, key=lambda one: (_RANK[one.strength], one.says == "nothing")))
    firm = [one for one in ranked if one.strength != "weak"]
    ours = [one for one in firm if one.says == "ours"]
    if ours:
        return Verdict(verdict="ours", evidence=ranked, run=next((one.run for one in ours if one.run), None))
    other = any(one.says == "not ours" for one in firm)
    return Verdict(verdict="not ours" if other else "cannot tell", evidence=ranked)


def _judged(report: CredentialReport) -> Evidence:
    """What the credentials say."""
    why = " ".join(report.problems)
    named = f" It names record {report.record_id}, which anybody can write." if report.record_id else ""
    signer = report.issuer or "somebody unnamed"
    match report.verdict:
        case "trusted" if report.ours:
            made = "made by AI and " if report.ai_made else ""
            sentence = f"It was {made}signed by this installation, and not a byte has changed since. {why}".strip()
            return _ours("credentials", "proof", sentence, report.record_id)
        case "trusted":
            sentence = f"It was signed by {signer}, who is trusted here and is not this installation.{named}"
            return Evidence(kind="credentials", strength="strong", says="not ours", sentence=sentence)
        case "valid":
            sentence = f"It was signed by {signer}, not by this installation. {why}{named}"
            return Evidence(kind="credentials", strength="moderate", says="not ours", sentence=sentence)
        case "invalid":
            return _nothing("credentials", f"Its credentials (signed by {signer}) do not hold. {why}{named}")
        case "none":
            return _nothing("credentials", f"It carries no Content Credentials. {why}".strip())
        case _:
            return _nothing("credentials", f"It could not be read. {why}")


def _resembles(match: Match) -> str:
    if match.kind == "exact":
        return "It is word for word an answer that was given here."
    alike = f"{match.similarity:.0%} of the word pairs are the same"
    if match.kind == "whole":
        return f"It resembles an answer that was given here: {alike}."
    return f"A part of it, about {match.share:.0%}, resembles an answer that was given here: {alike}."


def _quoted(match: Match, words: list[str], sources: list[str]) -> float:
    """The share of the matched text's word pairs that stand in the sources."""
    mine = {pair for start, end in match.spans for pair in pairwise(words[start:end])}
    theirs: set[tuple[str, str]] = set()
    for source in sources:
        theirs.update(pairwise(words_of(source)))
    return len(mine & theirs) / len(mine) if mine else 0.0


def _by_chance(p_value: float) -> Strength:
    return "strong" if p_value <= 1e-6 else "moderate" if p_value <= 1e-3 else "weak"


def _ours(kind: Kind, strength: Strength, sentence: str, run: str | None) -> Evidence:
    return Evidence(kind=kind, strength=strength, says="ours", sentence=sentence, run=run)


def _nothing(kind: Kind, sentence: str) -> Evidence:
    return Evidence(kind=kind, strength="weak", says="nothing", sentence=sentence)


def _as_text(data: bytes) -> str | None:
    """The text of a plain-text file; None for anything else."""
    head = data[:MOST_TEXT]
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = head.decode(encoding, "strict" if len(data) <= MOST_TEXT else "ignore")
    except UnicodeDecodeError:
        text = head.decode("cp1252", "replace")  # an old text; noise fails the next test
    odd = sum(not (character.isprintable() or character in "\r\n\t\f") for character in text[:10_000])
    return None if odd > 0.02 * min(len(text), 10_000) else text


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError("The file is larger than 512 MiB.", hint="Verify a smaller file.")
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"{path.name} cannot be read: {exc.strerror or 'it cannot be opened'}.") from exc
