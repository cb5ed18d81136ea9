"""The child process that holds the weights: a llama.cpp server on loopback.

Run as a script with nothing of ours on its path. It reads one JSON object from its first line of standard input (the
key comes this way, so that neither the process list nor the environment shows it), tells its progress as JSON lines on
standard output, and ends when standard input closes or its parent dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pathlib
import runpy
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until told to end. Exit status 0 after an ordered end, 3 when the model could not be loaded."""
    out = _private_stdout()
    _die_with_parent()
    config = json.loads(sys.stdin.readline())
    _say(out, event="loading", pid=os.getpid())
    _be_the_first_to_go(config)
    confine = runpy.run_path(str(pathlib.Path(__file__).with_name("confine.py")))["confine"]
    adjustable = config["gpu_layers"] == 0 and confine()  # a GPU's driver may need what we refuse
    try:
        server = _serve(config, adjustable=adjustable)
    except Exception as exc:  # noqa: BLE001 - a process border: whatever it is, the parent hears it as one line
        _say(out, event="error", kind=type(exc).__name__, message=str(exc))
        return 3
    # llama.cpp installs its own handlers, which print and wait; an ordered end is standard input closing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say(out, event="ready", url=server.listening_address, adjustable=adjustable)
    for _line in sys.stdin:
        pass
    # No orderly teardown: nothing in here is worth saving, and a running decode would hold it up.
    os._exit(0)


def _serve(config: dict[str, Any], *, adjustable: bool) -> Any:
    if adjustable:  # OpenMP then makes its teams no larger than the set of cores that the supervisor allows
        os.environ["OMP_DYNAMIC"] = "true"
    _preload_openmp()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model_path"]
    params.model_alias = {config["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["key"]]
    # A loopback port can be reached by every program of this machine and, through a browser, by any page.
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = False
    params.endpoint_props = False
    params.offline = True
    if config["keep_folder"]:
        params.slot_save_path = config["keep_folder"] + os.sep
    params.verbosity = 1  # errors only: the more talkative levels would write prompts into the log
    params.n_ctx = config["context_tokens"] * config["slots"]  # each slot has its own: two long ones cannot collide
    params.n_gpu_layers = config["gpu_layers"]
    params.fit_params = False  # it would shrink the context without a word
    params.n_parallel = config["slots"]
    params.cache_ram_mib = config["cache_ram_mib"]
    params.n_batch = config["batch_tokens"]
    params.n_ubatch = config["batch_tokens"]
    params.cpuparams.n_threads = config["most_threads"] if adjustable else config["threads"]
    params.cpuparams_batch.n_threads = params.cpuparams.n_threads
    params.n_threads_http = 4
    params.warmup = True
    return xllamacpp.Server(params)


def _preload_openmp() -> None:
    """xllamacpp wants the system's libgomp.so.1; where a slim system has none, torch brings one of that name."""
    try:
        ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)
        return
    except OSError:
        pass
    import importlib.util

    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.origin is not None:
        bundled = pathlib.Path(spec.origin).parent / "lib" / "libgomp.so.1"
        if bundled.exists():
            ctypes.CDLL(str(bundled), mode=ctypes.RTLD_GLOBAL)


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    parent = int(sys.argv[1])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _be_the_first_to_go(config: dict[str, Any]) -> None:
    """Where memory runs out, this process ends and not the engine; and it hears a refusal rather than be killed."""
    if sys.platform != "linux":
        return
    import resource

    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
    if config["gpu_layers"] == 0:  # a GPU's driver reserves addresses by the terabyte
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (config["memory_bytes"], config["memory_bytes"]))


def _private_stdout() -> Any:
    """Our lines go out alone: what a library prints on descriptor 1 is sent to the log instead."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


def _say(out: Any, **fields: Any) -> None:
    out.write(json.dumps(fields) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
