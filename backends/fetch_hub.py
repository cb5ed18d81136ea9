"""Weights from the model hub: plain HTTP with byte ranges, so that a cut goes on where it stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx

from backends.catalog import CatalogModel, HubSource, ModelFile
from backends.partial import Partial, SourceFailed

__all__ = ["fetch_from_hub", "forget_unreachable"]

_CONNECT_S = 4.0
_SILENCE_S = 30.0

_unreachable: set[str] = set()  # endpoints that did not answer in this run of the program: asked once, not per file
_lock = threading.Lock()


def forget_unreachable() -> None:
    """Ask again: the machine may have gone online."""
    with _lock:
        _unreachable.clear()


def fetch_from_hub(
    model: CatalogModel,
    source: HubSource,
    partial: Partial,
    *,
    endpoint: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Bring every file of the model into `partial`.

    Args:
        endpoint: URL of the hub; default: the one the hub's own library uses.

    Raises:
        SourceFailed: If the hub does not answer or has not these files.
        StorageError: If the disk is full.
    """
    from huggingface_hub import constants, hf_hub_url

    base = endpoint or constants.ENDPOINT
    with _lock:
        if base in _unreachable:
            raise SourceFailed("did not answer a moment ago")
    timeout = httpx.Timeout(_SILENCE_S, connect=_CONNECT_S)
    try:
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            for file in model.file:
                url = hf_hub_url(source.repository, file.path, revision=source.revision, endpoint=base)
                _fetch_file(client, url, file, partial, cancelled)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as exc:
        with _lock:
            _unreachable.add(base)
        raise SourceFailed("does not answer") from exc
    except httpx.HTTPError as exc:
        raise SourceFailed(f"broke off ({type(exc).__name__})") from exc


def _fetch_file(
    client: httpx.Client, url: str, file: ModelFile, partial: Partial, cancelled: Callable[[], bool]
) -> None:
    have = partial.size(file)
    if have >= file.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", url, headers=headers) as response:
        if have and response.status_code == 200:  # it knows no ranges, or the file changed: from the start
            partial.drop(file)
        elif response.status_code not in (200, 206):
            raise SourceFailed(f"has not {file.path} (status {response.status_code})")

        partial.write(file, _until(cancelled, response.iter_raw()))
    if partial.size(file) < file.size:
        raise SourceFailed(f"broke off {file.path} at {partial.size(file):,} of {file.size:,} bytes")


def _until(cancelled: Callable[[], bool], blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        if cancelled():
            raise SourceFailed("was stopped")
        yield block
