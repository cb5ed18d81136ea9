"""`wherefrom bench NAME`: every measurement is a module of `benchmarks/` with a function

    run(*, data: str | None, limit: int, seed: int) -> dict

whose numbers come back as one object.
"""

from __future__ import annotations

import argparse
import pkgutil
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from provenance.errors import NotFoundError, UsageError
from ui.commands.output import Output
from ui.measured import keep_result
from ui.settings import load_settings

__all__ = ["bench", "measurements"]

_HALVED = ("answers", "evidence", "signs")  # those that report one half of a set


def measurements() -> dict[str, str]:
    """Name -> first line of its docstring."""
    import ast

    import benchmarks

    found = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        tree = ast.parse(Path(benchmarks.__path__[0], f"{module.name}.py").read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if "run" in names:
            found[module.name] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def bench(options: argparse.Namespace, output: Output) -> int:
    """Run one measurement, or all, or list them."""
    known = measurements()
    if options.name is None:
        listed = [{"name": name, "what": what} for name, what in known.items()]
        output.result({"measurements": listed}, lambda: _show_list(known, output))
        return 0
    if options.text:
        options.name += "_text"
    if options.limit is not None and options.limit < 1:
        raise UsageError("--limit must be 1 or more.")
    if options.images is not None:  # `marks --images DIR` and `marks_images --data DIR` are the same
        if options.name not in ("marks", "marks_images"):
            raise UsageError("--images goes with `wherefrom bench marks`.")
        options.name, options.data = "marks_images", options.images
    if options.half and options.name not in _HALVED:
        raise UsageError(f"--half goes with {' and '.join(f'`wherefrom bench {name}`' for name in _HALVED)}.")
    if options.data is not None and not Path(options.data).is_dir():
        raise NotFoundError(f"The folder {options.data!r} does not exist.", hint="Check --data or --images.")
    chosen = list(known) if options.name == "all" else [options.name]
    if chosen[0] not in known:
        raise NotFoundError(f"There is no measurement {chosen[0]!r}.", hint=f"There are: {', '.join(known)}, all.")
    results = {name: _run(name, options, output) for name in chosen}
    value: dict[str, Any] = results if options.name == "all" else results[chosen[0]]
    output.result(value, lambda: _show(value, output))
    return 0


def _run(name: str, options: argparse.Namespace, output: Output) -> dict[str, Any]:
    if output.interactive:
        output.note(f"measuring {name} …")
    began = time.perf_counter()
    module = import_module(f"benchmarks.{name}")
    more = {"half": options.half} if options.half else {}
    result: dict[str, Any] = module.run(data=options.data, limit=options.limit or 0, seed=options.seed, **more)
    result = {**result, "bench": name, "seconds": round(time.perf_counter() - began, 2)}
    keep_result(load_settings().home, name, result)
    return result


def _show_list(known: dict[str, str], output: Output) -> None:
    for name, what in known.items():
        output.line(f"{name:16} {what}")


def _show(value: dict[str, Any], output: Output, indent: str = "") -> None:
    for name, item in value.items():
        if isinstance(item, dict):
            output.line(f"{indent}{name}:")
            _show(item, output, indent + "  ")
        else:
            shown = f"{item:,.4g}" if isinstance(item, float) else item
            output.line(f"{indent}{name}: {shown}")
