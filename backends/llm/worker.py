"""One running llama.cpp child process: started, asked how it is, ended. `supervisor.py` decides when."""

from __future__ import annotations

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from backends.digest import file_digest
from backends.load import calmest_cores
from provenance.errors import BackendError, BackendUnavailableError, GenerationError

__all__ = ["Worker", "WorkerSpec"]

_SCRIPT = Path(__file__).with_name("llamacpp_worker.py")
_LOG_KEEP_BYTES = 1 << 20
_ROOM_FOR_LIBRARIES = 2 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSpec:
    """What a worker is started with. `docs/backends.md` tells how the numbers were chosen."""

    model: str  # the name it answers to
    model_path: str
    sha256: str = ""  # what the file must be; empty for a file of the person's own
    context_tokens: int = 4096
    gpu_layers: int = 0
    slots: int = 2  # two people at once
    cache_ram_mib: int = 512  # prompts that lost their slot, kept computed: what makes a follow-up quick
    keep_folder: str = ""  # where slots may be written to; empty: nowhere
    batch_tokens: int = 128  # prompt tokens between two looks at whether anybody still listens


class Worker:
    """A child process that serves one model. Not thread-safe: its supervisor's thread owns it."""

    def __init__(self, spec: WorkerSpec, *, threads: int, most_threads: int, log_path: Path) -> None:
        self.spec = spec
        self.threads = threads
        self.most_threads = most_threads
        self.url = ""
        self.key = secrets.token_urlsafe(32)
        self.load_s = 0.0
        self.adjustable = False  # `set_threads` works while it runs
        self._log_path = log_path
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self.alive() else None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def memory_bytes(self) -> int:
        """Resident memory, weights included; 0 when it does not run."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss) if self.pid else 0
        except psutil.NoSuchProcess:
            return 0

    def start(
        self,
        *,
        timeout_s: float = 180.0,
        progress: Callable[[float], None] | None = None,
        aborted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start it and wait until it answers.

        The calling thread must outlive the worker: Linux ends the child when the *thread* that made it ends.

        Args:
            progress: Called a few times a second with the share of the weights in memory, 0 to 1.
            aborted: Asked a few times a second; True ends the attempt.

        Raises:
            BackendUnavailableError: If the weights are missing or damaged, or memory or time run out.
        """
        begun = time.monotonic()
        self._check_weights()
        self._spawn()
        assert self._process is not None and self._process.stdout is not None
        told: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=_listen, args=(self._process.stdout, told), daemon=True).start()
        size = max(1, Path(self.spec.model_path).stat().st_size)
        while True:
            try:
                message = told.get(timeout=0.2)
            except queue.Empty:
                if progress is not None:
                    progress(min(0.99, self.memory_bytes() / size))
                if aborted():
                    self.stop()
                    raise BackendUnavailableError("The model is being closed.", hint="Ask again.") from None
                if time.monotonic() - begun > timeout_s:
                    self.stop()
                    raise BackendUnavailableError(
                        f"The model did not load within {timeout_s:.0f} seconds.",
                        hint="Close other programs or choose a smaller model.",
                    ) from None
                continue
            if message["event"] == "ready":
                break
            if message["event"] in ("error", "end"):
                why = self._why_it_did_not_start(message)
                self.stop()
                raise why
        self.url, self.adjustable = str(message["url"]), bool(message["adjustable"])
        if self.adjustable:
            wanted, self.threads = self.threads, self.most_threads
            self.set_threads(wanted)
        self.load_s = time.monotonic() - begun
        if progress is not None:
            progress(1.0)

    def set_threads(self, threads: int) -> None:
        """From the next token on, compute with this many threads; only where `adjustable`.

        OpenMP in the worker makes its team as large as the set of cores that it may run on, at most `most_threads`.
        """
        pid = self.pid
        if not self.adjustable or pid is None or threads == self.threads:
            return
        everywhere = os.sched_getaffinity(0)
        cores = everywhere if threads >= self.most_threads else set(calmest_cores(sorted(everywhere), threads))
        for task in Path(f"/proc/{pid}/task").glob("*"):
            with suppress(OSError):  # a thread that just ended
                os.sched_setaffinity(int(task.name), cores)
        self.threads = threads

    def stop(self, *, patience_s: float = 1.0) -> None:
        """End it: closed standard input first, then by force."""
        process = self._process
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # the pipe is broken because the process is gone: what we want
                    stream.close()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def why_it_died(self) -> BackendError:
        """The error for a caller whose answer broke off."""
        code = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(0.5)  # the connection breaks a moment before the process is gone
        cause = "it was killed, perhaps because memory ran out" if code == -signal.SIGKILL else f"exit status {code}"
        if code is None:
            return GenerationError("The model broke off its answer.", hint="Ask again.")
        return GenerationError(
            f"The model's process ended in the middle of the answer ({cause}).",
            hint=f"Ask again, it is started anew. Its log: {self._log_path}",
        )

    def _check_weights(self) -> None:
        path = Path(self.spec.model_path)
        if not path.is_file():
            raise BackendUnavailableError(
                f"The weights of {self.spec.model} are not there.",
                hint=f"Run: wherefrom models fetch {self.spec.model}",
            )
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise BackendUnavailableError(
                    f"The weights of {self.spec.model} are damaged: {path.name} is no GGUF file.",
                    hint=f"Delete it and run: wherefrom models fetch {self.spec.model}",
                )
        if self.spec.sha256 and file_digest(path) != self.spec.sha256:
            raise BackendUnavailableError(
                f"The weights of {self.spec.model} are damaged: {path.name} is not the file of the catalogue "
                "(its SHA-256 differs).",
                hint=f"Run: wherefrom models fetch {self.spec.model}",
            )
        free, size = psutil.virtual_memory().available, path.stat().st_size
        if free < size:  # the page cache counts as free, so this is a true lack
            raise BackendUnavailableError(
                f"{self.spec.model} needs {size / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free.",
                hint="Close other programs or choose a smaller model.",
            )

    def _spawn(self) -> None:
        config = asdict(self.spec) | {"threads": self.threads, "most_threads": self.most_threads, "key": self.key}
        # Addresses, not pages: the file is mapped once and repacked once, and threads and libraries reserve some too.
        room = psutil.virtual_memory().available + Path(self.spec.model_path).stat().st_size + _ROOM_FOR_LIBRARIES
        config["memory_bytes"] = room
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log_path.exists() and self._log_path.stat().st_size > _LOG_KEEP_BYTES:
            self._log_path.replace(self._log_path.with_suffix(".old.log"))
        kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "CUDA_VISIBLE_DEVICES")
        try:
            with self._log_path.open("a", encoding="utf-8") as log:
                self._process = subprocess.Popen(
                    # -P: the script's folder holds modules named like libraries and must not be on its path.
                    [sys.executable, "-P", str(_SCRIPT), str(os.getpid())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    env={name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"},
                    start_new_session=True,  # Ctrl-C in the terminal is for the person's program, not for this one
                )
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(config) + "\n")
            self._process.stdin.flush()
        except OSError as exc:
            raise BackendUnavailableError(
                f"The model's process cannot be started: {exc.strerror or exc}.",
                hint=f"Check free memory and that {self._log_path.parent} can be written.",
            ) from exc

    def _why_it_did_not_start(self, message: dict[str, Any]) -> BackendUnavailableError:
        assert self._process is not None
        try:
            code = self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            code = 0
        if code == -signal.SIGKILL:
            return BackendUnavailableError(
                f"The system stopped {self.spec.model} while it loaded, most likely because memory ran out.",
                hint="Close other programs, give it a smaller context, or choose a smaller model.",
            )
        log = self._log_path.read_text(encoding="utf-8", errors="replace")[-4000:]
        said = str(message.get("message") or f"exit status {code}").strip().rstrip(".")
        if "ModuleNotFoundError" in said or message.get("kind") in ("ModuleNotFoundError", "ImportError"):
            return BackendUnavailableError(
                f"llama.cpp cannot be loaded: {said}.", hint="Reinstall the package xllamacpp for this system."
            )
        if "failed to allocate" in log or "bad_alloc" in log or message.get("kind") == "MemoryError":
            return BackendUnavailableError(
                f"{self.spec.model} with a context of {self.spec.context_tokens:,} tokens does not fit into memory.",
                hint="Give it a smaller context (WHEREFROM_CONTEXT_TOKENS) or choose a smaller model.",
            )
        if "failed to load model" in log or "corrupted or incomplete" in log or "tensor" in log:
            return BackendUnavailableError(
                f"The weights of {self.spec.model} cannot be read: the file is damaged or of a form that this "
                "llama.cpp does not know.",
                hint=f"Run: wherefrom doctor --full, and then: wherefrom models fetch {self.spec.model}",
            )
        return BackendUnavailableError(
            f"{self.spec.model} did not start: {said}.", hint=f"Its log tells more: {self._log_path}"
        )


def _listen(stream: IO[str], told: queue.Queue[dict[str, Any]]) -> None:
    """Pass on the worker's lines, then one {"event": "end"}."""
    try:
        for line in stream:
            told.put(json.loads(line))
    except ValueError:  # closed by `stop`, or cut in mid-line: both mean the end
        pass
    told.put({"event": "end"})
