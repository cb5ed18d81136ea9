"""The endpoints of `ui.collection_api.CollectionApi`. Names travel in bodies: an address cannot carry every one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ui.collection_api import CollectionRow
from ui.engine.served import Engine

__all__ = ["router"]

router = APIRouter()


class Named(BaseModel):
    name: str


class Made(Named):
    documents: list[int] = []


class Changed(Named):
    add: list[int] = []
    remove: list[int] = []


class Renamed(Named):
    new_name: str


@router.get("/collections")
def collections(api: Engine, name: Annotated[list[str] | None, Query()] = None) -> list[CollectionRow]:
    return api.collections(names=name)


@router.post("/collections")
def make_collection(api: Engine, body: Made) -> CollectionRow:
    return api.make_collection(body.name, documents=body.documents)


@router.post("/collections/change")
def change_collection(api: Engine, body: Changed) -> CollectionRow:
    return api.change_collection(body.name, add=body.add, remove=body.remove)


@router.post("/collections/rename")
def rename_collection(api: Engine, body: Renamed) -> CollectionRow:
    return api.rename_collection(body.name, body.new_name)


@router.post("/collections/delete", status_code=204)
def delete_collection(api: Engine, body: Named) -> None:
    api.delete_collection(body.name)
