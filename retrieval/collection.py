"""Collections: names a person gives to groups of documents, to ask within. A document may be in several, or in none.

A name is unique but for capitals. Changes are recorded like those of the library: numbers in the body, the name as a
private content. To delete a collection leaves its documents where they are.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from provenance.database import Database
from provenance.errors import NotFoundError, UsageError
from provenance.ledger import Ledger, new_run_id
from retrieval.membership import members, put, take_out
from retrieval.store import utc_now
from retrieval.tables import collection_documents, collections, documents

__all__ = ["LONGEST_NAME", "CollectionInfo", "Collections"]

LONGEST_NAME = 80  # characters
# Names that only we give, so that they never meet one of a person.
_ERASED = "(erased"  # by an erasure
_DELETED = "(deleted"  # in the place of one that is gone


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectionInfo:
    """A collection and the documents in it."""

    id: int
    name: str
    created_at: str  # RFC 3339, UTC
    documents: tuple[int, ...]


class Collections:
    """Makes, fills, renames and deletes collections. Safe for threads and processes: every call is one transaction."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    def all(self) -> list[CollectionInfo]:
        """Every collection, by name."""
        inside: dict[int, list[int]] = {}
        with self._database.read() as conn:
            rows = conn.execute(select(collections).order_by(collections.c.folded)).all()
            for row in conn.execute(select(collection_documents).order_by(collection_documents.c.document)):
                inside.setdefault(row.collection, []).append(row.document)
        return [
            CollectionInfo(id=row.id, name=row.name, created_at=row.created_at, documents=tuple(inside.get(row.id, ())))
            for row in rows
        ]

    def find(self, name: str) -> CollectionInfo:
        """The collection of this name, whatever its capitals.

        Raises:
            NotFoundError: There is none; the hint says which names are near.
        """
        with self._database.read() as conn:
            return self._info(conn, self._id(conn, name))

    def documents_of(self, names: Sequence[str]) -> frozenset[int]:
        """Ids of the documents in one or more of these. Raises as `find`."""
        with self._database.read() as conn:
            return frozenset[int]().union(*(members(conn, self._id(conn, name)) for name in names))

    def ids(self, names: Sequence[str]) -> list[int]:
        """Their numbers, which stay theirs when they are renamed. Raises as `find`."""
        with self._database.read() as conn:
            return [self._id(conn, name) for name in names]

    def names(self, ids: Sequence[int]) -> list[str]:
        """What these are called now; one that was deleted has a name that `find` refuses, saying so."""
        known = {info.id: info.name for info in self.all()}
        return [known.get(id_, f"{_DELETED} {id_})") for id_ in ids]

    def make(self, name: str, inside: Sequence[int] = ()) -> CollectionInfo:
        """A new collection with these documents.

        Raises:
            UsageError: The name is empty, too long, not text, or taken.
            NotFoundError: There is no such document.
        """
        name = _checked(name)
        try:
            with self._database.write() as conn:
                made = conn.execute(insert(collections).values(name=name, folded=name.casefold(), created_at=utc_now()))
                [id_] = made.inserted_primary_key or (0,)
                added = self._put(conn, id_, inside)
                self._record(conn, "collection_made", {"collection": id_, "added": added}, {"collection": name})
                return self._info(conn, id_)
        except IntegrityError as exc:
            raise _taken(name) from exc

    def rename(self, name: str, new_name: str) -> CollectionInfo:
        """Give a collection another name. Raises as `find` and `make`."""
        new_name = _checked(new_name)
        try:
            with self._database.write() as conn:
                info = self._info(conn, self._id(conn, name))
                renamed = update(collections).where(collections.c.id == info.id)
                conn.execute(renamed.values(name=new_name, folded=new_name.casefold()))
                contents = {"collection": new_name, "before": info.name}
                self._record(conn, "collection_renamed", {"collection": info.id}, contents)
                return self._info(conn, info.id)
        except IntegrityError as exc:
            raise _taken(new_name) from exc

    def change(self, name: str, *, add: Sequence[int] = (), remove: Sequence[int] = ()) -> CollectionInfo:
        """Put documents in and take documents out; what is so already stays so.

        Raises:
            NotFoundError: There is no such collection, or none of the documents to add.
        """
        with self._database.write() as conn:
            id_ = self._id(conn, name)
            removed, added = take_out(conn, id_, remove), self._put(conn, id_, add)
            info = self._info(conn, id_)
            if added or removed:
                body = {"collection": id_, "added": added, "removed": removed}
                self._record(conn, "collection_changed", body, {"collection": info.name})
            return info

    def delete(self, name: str) -> None:
        """Delete a collection; its documents stay. Raises as `find`."""
        with self._database.write() as conn:
            info = self._info(conn, self._id(conn, name))
            conn.execute(delete(collection_documents).where(collection_documents.c.collection == info.id))
            conn.execute(delete(collections).where(collections.c.id == info.id))
            body = {"collection": info.id, "documents": len(info.documents)}
            self._record(conn, "collection_deleted", body, {"collection": info.name})

    def forget_names(self, folded: Sequence[str]) -> int:
        """Overwrite the names that mention one of these texts, casefolded; how many. The ledger's are erased apart."""
        with self._database.write() as conn:
            rows = conn.execute(select(collections)).all()
            found = [row.id for row in rows if any(text in row.folded for text in folded)]
            for id_ in found:
                name = f"{_ERASED} {id_})"
                conn.execute(update(collections).where(collections.c.id == id_).values(name=name, folded=name))
        return len(found)

    def _id(self, conn: Connection, name: str) -> int:
        folded = _tidy(name).casefold()
        names = {row.folded: row for row in conn.execute(select(collections))}
        if folded in names:
            return int(names[folded].id)
        if folded.startswith(_DELETED):
            hint = "Choose other limits, or look in all documents."
            raise NotFoundError("A collection that was to be looked in has been deleted.", hint=hint)
        near = difflib.get_close_matches(folded, names, n=3, cutoff=0.5)
        near += [other for other in names if folded and folded in other and other not in near][:2]
        said = f"There is no collection {_tidy(name)[:LONGEST_NAME]!r}."
        raise NotFoundError(said, hint=_hint([names[one].name for one in near], empty=not names))

    def _info(self, conn: Connection, id_: int) -> CollectionInfo:
        row = conn.execute(select(collections).where(collections.c.id == id_)).one()
        inside = tuple(sorted(members(conn, id_)))
        return CollectionInfo(id=row.id, name=row.name, created_at=row.created_at, documents=inside)

    def _put(self, conn: Connection, collection: int, inside: Sequence[int]) -> list[int]:
        visible = set(conn.execute(select(documents.c.id).where(documents.c.state == "ready")).scalars())
        missing = [document for document in inside if document not in visible]
        if missing:
            raise NotFoundError(
                f"There is no document {missing[0]} in the library.", hint="It may have been deleted; see the list."
            )
        return put(conn, collection, inside)

    def _record(self, conn: Connection, kind: str, body: dict[str, Any], contents: dict[str, str]) -> None:
        self._ledger.append_within(conn, kind=kind, run=new_run_id(), body=body, contents=contents)


def _tidy(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split())


def _checked(name: str) -> str:
    """A name as it is kept.

    Raises:
        UsageError: It cannot be one.
    """
    tidy = _tidy(name)
    if not tidy:
        raise UsageError("A collection needs a name.", hint="Such as “Lease 2024”.")
    if len(tidy) > LONGEST_NAME:
        said = f"The name has {len(tidy):,} characters; at most {LONGEST_NAME} fit."
        raise UsageError(said, hint="Choose a shorter one.")
    if not tidy.isprintable():
        raise UsageError("The name holds signs that cannot be shown.", hint="Use letters, digits and spaces.")
    ours = next((start for start in (_ERASED, _DELETED) if tidy.casefold().startswith(start)), None)
    if ours is not None:
        raise UsageError(f"A name cannot begin with “{ours}”.", hint="Choose another one.")
    return tidy


def _taken(name: str) -> UsageError:
    return UsageError(f"There is a collection {name!r} already.", hint="Choose another name, or put documents into it.")


def _hint(near: Sequence[str], *, empty: bool) -> str:
    if empty:
        return "There is none yet: `wherefrom collection make NAME` makes one, and so does the Library page."
    if near:
        return f"Did you mean {' or '.join(f'“{name}”' for name in near)}?"
    return "`wherefrom collection list` shows those there are."
