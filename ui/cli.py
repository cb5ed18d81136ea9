"""`wherefrom`: the command line. Names and fields are stable; `--json` puts one object on standard output, no more.

Exit status: 0 done, 1 refused or not verified (said plainly), 2 wrong use, 3 a fault of ours, 130 ended by Ctrl-C.
Building the parser imports nothing heavy; each command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from provenance.errors import AppError, ConfigError, UsageError
from ui.commands.output import Output

__all__ = ["EXIT_FAULT", "EXIT_INTERRUPTED", "EXIT_REFUSED", "EXIT_USAGE", "build_parser", "main"]

EXIT_REFUSED, EXIT_USAGE, EXIT_FAULT, EXIT_INTERRUPTED = 1, 2, 3, 130

Handler = Callable[[argparse.Namespace, Output], int]


class _Parser(argparse.ArgumentParser):
    """Raises instead of exiting, so that `--json` can answer with an object."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", hint=f"`{self.prog} --help` shows how to use it.")


def build_parser() -> argparse.ArgumentParser:
    """Every command with its arguments."""
    common = _Parser(add_help=False)
    suppress = argparse.SUPPRESS  # given before the command or after it, it counts
    common.add_argument("--json", action="store_true", default=suppress, help="one JSON object on standard output")
    parser = _Parser(
        prog="wherefrom",
        description="A private assistant on your own machine that can prove where every output came from.",
        epilog="The data folder is named by WHEREFROM_HOME. Exit status: 0 done, 1 refused or not verified, "
        "2 wrong use, 3 a fault of ours.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--json", action="store_true", default=suppress, help=suppress)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _conversation_commands(commands, common)
    _library_commands(commands, common)
    _record_commands(commands, common)
    _house_commands(commands, common)
    return parser


def _add(commands: argparse._SubParsersAction[_Parser], common: _Parser, name: str, handler: str, text: str) -> _Parser:
    parser = commands.add_parser(name, help=text, description=text, parents=[common])
    parser.set_defaults(handler=handler)
    return parser


def _group(
    commands: argparse._SubParsersAction[_Parser], common: _Parser, name: str, text: str
) -> argparse._SubParsersAction[_Parser]:
    parser = commands.add_parser(name, help=text, description=text, parents=[common])
    return parser.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser, required=True)


def _conversation_commands(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    page = _add(commands, common, "ui", "page:serve", "open the page")
    page.add_argument("--host", help="address to listen on; anything but loopback needs a password")
    page.add_argument("--port", type=int, help="port to listen on")
    ask = _add(commands, common, "ask", "ask:ask", "ask your documents")
    ask.add_argument("text", metavar="TEXT", help="the question; - reads it from standard input")
    ask.add_argument("--conversation", metavar="ID", help="go on with this conversation; `last` is the newest")
    ask.add_argument("-o", "--out", metavar="DIR", help="copy the files that were made into this folder")
    _scope(ask)
    text = "in all documents: lifts the limits that the conversation has"
    ask.add_argument("--everywhere", action="store_true", help=text)
    image = _add(commands, common, "image", "image:image", "draw pictures")
    image.add_argument("text", metavar="TEXT", help="what to draw; - reads it from standard input")
    image.add_argument(
        "--style", default="", help="such as “fluent flat”; a wrong one is answered with those there are"
    )
    image.add_argument(
        "--family", "--backend", metavar="NAME", default="", help="who draws; default: the best there is"
    )
    image.add_argument("--seed", metavar="S", type=int, help="the same seed draws the same picture; default: a new one")
    image.add_argument("--count", metavar="N", type=int, default=1, help="how many (default 1)")
    image.add_argument("--option", metavar="NAME=VALUE", action="append", default=[], help="an option of the family")
    image.add_argument("--size", metavar="PX", type=int, default=512, help="256 or 512 pixels a side (default 512)")
    image.add_argument(
        "--enlarge", metavar="BY", default="", help="network, or filter for a plain one; default: what the settings say"
    )
    image.add_argument("-o", "--out", metavar="PATH", help="copy to this file, or into this folder; .svg for outlines")
    image.add_argument("--svg", action="store_true", help="copies are SVG outlines (default folder: here)")
    code = _add(commands, common, "code", "code:code", "write code, test it in a sandbox, repair it")
    code.add_argument("text", metavar="TEXT", help="what it should do, with examples; - reads it from standard input")
    code.add_argument("--language", metavar="NAME", default="", help="default: the one the text names, or Python")
    code.add_argument(
        "--test", metavar="ASSERT", action="append", default=[], help="a test in place of the text's examples"
    )
    code.add_argument(
        "--document", metavar="ID", type=int, action="append", default=[], help="a document that the code may read"
    )
    code.add_argument("-o", "--out", metavar="PATH", help="copy what was made to this file, or into this folder")
    demo = _add(commands, common, "demo", "demo:demo", "fill a fresh library with samples, ask, and verify")
    demo.add_argument("--keep", action="store_true", help="keep the library, and say where it lies")


def _scope(parser: _Parser) -> None:
    """Which documents may be looked at."""
    text = "only in this folder or document (its name or number); may be given again for documents"
    parser.add_argument("--in", dest="within", metavar="WHERE", action="append", default=[], help=text)
    text = "only in this collection; may be given again"
    parser.add_argument("--collection", dest="collections", metavar="NAME", action="append", default=[], help=text)
    parser.add_argument("--type", dest="kinds", metavar="KIND", action="append", default=[], help="only pdf, xlsx ...")
    parser.add_argument("--since", metavar="DAY", default="", help="only documents added on this day or later")
    parser.add_argument("--until", metavar="DAY", default="", help="only documents added on this day or before")


def _library_commands(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    ingest = _add(commands, common, "ingest", "library:ingest", "read files and folders into the library")
    ingest.add_argument("paths", metavar="PATH", nargs="*", help="a file or a folder")
    ingest.add_argument("--watch", metavar="DIR", action="append", default=[], help="read a folder and keep in step")
    ingest.add_argument("--unwatch", metavar="DIR", action="append", default=[], help="watch it no longer")
    ingest.add_argument(
        "--collection", metavar="NAME", default="", help="put what is read, also later, into this collection"
    )
    search = _add(commands, common, "search", "library:search", "find passages")
    search.add_argument("text", metavar="TEXT", help="what to look for; - reads it from standard input")
    _scope(search)
    search.add_argument("--top", metavar="N", type=int, default=10, help="how many passages (default 10)")
    table = _add(commands, common, "table", "table:table", "show or query the tables of a document")
    table.add_argument("document", metavar="DOCUMENT", help="its name or number in the library")
    table.add_argument("sql", metavar="SQL", nargs="?", help="one SELECT; without it, the tables and their columns")
    documents = _add(commands, common, "documents", "library:documents", "list or delete documents")
    documents.add_argument("action", choices=["list", "delete"], nargs="?", default="list")
    documents.add_argument("ids", metavar="ID", nargs="*", type=int, help="for delete: numbers from the list")
    _collection_commands(_group(commands, common, "collection", "groups of documents to ask within"), common)


def _collection_commands(collection: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    listed = _add(collection, common, "list", "collection:listed", "list the collections, or the documents of some")
    listed.add_argument("names", metavar="NAME", nargs="*", help="with the documents in this collection")
    make = _add(collection, common, "make", "collection:make", "make a collection")
    add = _add(collection, common, "add", "collection:change", "put documents in")
    remove = _add(collection, common, "remove", "collection:change", "take documents out; they stay in the library")
    rename = _add(collection, common, "rename", "collection:rename", "give a collection another name")
    delete = _add(collection, common, "delete", "collection:delete", "delete a collection; its documents stay")
    for parser in (make, add, remove, rename, delete):
        parser.add_argument("name", metavar="NAME", help="its name, whatever the capitals")
    for parser, nargs in ((make, "*"), (add, "+"), (remove, "+")):
        text = "a document by its name or number, or a folder"
        parser.add_argument("places", metavar="DOCUMENT", nargs=nargs, help=text)
    rename.add_argument("new_name", metavar="NEW")


def _record_commands(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    record = _add(commands, common, "record", "audit:record", "show where an answer came from")
    record.add_argument("run", metavar="ID", help="the id of a run; `last` is the newest")
    feedback = _add(commands, common, "feedback", "judging:feedback", "say whether an answer was of use")
    feedback.add_argument("run", metavar="ID", help="the id of a run; `last` is the newest answer")
    feedback.add_argument("verdict", choices=["up", "down"])
    feedback.add_argument("reason", metavar="REASON", nargs="?", help="why, in your words")
    evaluate = _add(commands, common, "eval", "judging:evaluate", "ask your own questions and grade the answers")
    evaluate.add_argument(
        "file", metavar="FILE", help="CSV: question, answer, file, page, unanswerable; - reads it here"
    )
    evaluate.add_argument("--limit", metavar="N", type=int, help="only the first N questions")
    replay = _add(commands, common, "replay", "replay:replay", "ask a recorded question again and compare")
    replay.add_argument("run", metavar="ID", help="the id of a run; `last` is the newest")
    pack = _add(commands, common, "pack", "handing_out:pack", "write the evidence of a run as one zip")
    pack.add_argument("run", metavar="ID", help="the id of a run; `last` is the newest")
    pack.add_argument("--out", metavar="FILE", help="name of the zip; default: wherefrom-ID.zip here")
    pack.add_argument("--public", action="store_true", help="without question, passages and answer")
    export = _add(commands, common, "export", "handing_out:export", "write an answer as a signed report")
    export.add_argument("run", metavar="ID", help="the id of a run; `last` is the newest")
    export.add_argument("--to", metavar="FILE", required=True, help="FILE.pdf, .docx, .html, or .json for W3C PROV")
    export.add_argument("--public", action="store_true", help="without question and quoted passages")
    verify = _add(commands, common, "verify", "verify:verify", "say whether a file or a text is ours")
    verify.add_argument("file", metavar="FILE", help="a file; - reads a text or a file from standard input")
    verify.add_argument(
        "--restore", metavar="OUT", help="where it is ours but lost its credentials: write it with them"
    )
    _guard_command(commands, common)
    _audit_commands(_group(commands, common, "audit", "verify, sign, prove, list, export or erase"), common)


def _guard_command(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    guard = _add(commands, common, "guard", "guard:guard", "put a text through the guards, or try a policy")
    guard.add_argument("text", metavar="TEXT", nargs="?", help="the text; - reads it from standard input")
    guard.add_argument("--policy", metavar="FILE", help="put this policy into force; with --replay only try it")
    guard.add_argument("--replay", metavar="N", type=int, help="what it would have done in the last N questions")
    guard.add_argument("--decisions", metavar="N", type=int, help="the last N that stopped or hid something")
    guard.add_argument("--asked", action="store_true", help="what a person was asked; what waits for a reviewer first")
    guard.add_argument("--agree", metavar="ID", help="a reviewer agrees to what was left to one")
    guard.add_argument("--reject", metavar="ID", help="a reviewer rejects it")


def _audit_commands(audit: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    verify = _add(audit, common, "verify", "audit:verify", "check every event, signature and exported checkpoint")
    verify.add_argument(
        "--against", metavar="FILE|CODE", action="append", default=[], help="a checkpoint kept elsewhere, or its code"
    )
    verify.add_argument("--head", metavar="SEQ:DIGEST", default="", help="a head that was written down")
    listed = _add(audit, common, "list", "audit:list_runs", "list the runs, newest first")
    listed.add_argument("--limit", metavar="N", type=int, default=50, help="how many runs (default 50)")
    listed.add_argument("--kind", help="only runs of this kind, such as ask or ingest")
    listed.add_argument("--text", help="only runs whose title holds this")
    export = _add(audit, common, "export", "audit:export", "write out every event")
    export.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")
    export.add_argument("--contents", action="store_true", help="with the private texts that are still there")
    erase = _add(audit, common, "erase", "erase:erase", "erase private texts; the ledger stays whole")
    what = erase.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", metavar="ID", default="", help="the question and answer of one run")
    what.add_argument("--document", metavar="NAME", default="", help="a document: its name, number or SHA-256")
    what.add_argument("--person", metavar="NAME", nargs="+", default=[], help="a person, by every spelling of the name")
    erase.add_argument("--by", metavar="NAME", default="", help="by whose request")
    erase.add_argument("--reason", metavar="TEXT", default="", help="why")
    erase.add_argument("--dry-run", action="store_true", help="only say what would go")
    checkpoint = _add(audit, common, "checkpoint", "proof:checkpoint", "sign the ledger as it is now")
    checkpoint.add_argument("--export", metavar="FILE", help="write the signed checkpoint to this file, too")
    checkpoint.add_argument("--print", action="store_true", help="print the note and its code for paper")
    prove = _add(audit, common, "prove", "proof:prove", "prove that an event or a run is in the ledger")
    prove.add_argument("subject", metavar="SEQ|RUN", help="the number of an event, or the id of a run")
    between = _add(audit, common, "consistency", "proof:consistency", "prove that one checkpoint leads to another")
    between.add_argument("old", metavar="OLD", help="a size of the ledger, or the file of a checkpoint")
    between.add_argument("new", metavar="NEW", nargs="?", default="", help="the same; default: the ledger as it is now")
    keys = _add(audit, common, "keys", "proof:keys", "show the signing keys, or change the key")
    keys.add_argument("action", choices=["show", "rotate", "replace-lost"], nargs="?", default="show")


def _house_commands(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    tools = _group(commands, common, "tools", "which tools of MCP servers the chat may use")
    _add(tools, common, "list", "tools:tools", "every tool of every server, and whether it is allowed")
    for action, text in (("allow", "let the chat use a tool"), ("deny", "let it use the tool no more")):
        _add(tools, common, action, "tools:tools", text).add_argument("tool", metavar="SERVER/TOOL")
    models = _add(commands, common, "models", "models:models", "list, fetch or describe models")
    models.add_argument("action", choices=["list", "fetch", "card"], nargs="?", default="list")
    models.add_argument("name", metavar="NAME", nargs="?", help="a name from the list")
    models.add_argument("--default", action="store_true", help="fetch: what the house needs to answer")
    models.add_argument("--tests", action="store_true", help="fetch: what the tests need besides")
    train = _add(commands, common, "train", "train:train", "train a family of pictures")
    train.add_argument(
        "what", metavar="WHAT", help="data, codec, sketch, diffusion, autoregressive, flow, vae, gan or upscaler"
    )
    train.add_argument("--home", metavar="DIR", help="where data set and checkpoints lie; default: in the data folder")
    train.add_argument("--models", metavar="DIR", help="where the text encoder lies; default: with the other models")
    train.add_argument("--tiers", default="emoji", help="data: emoji, colour, mono, joined by commas (default emoji)")
    train.add_argument("--no-cc-by", action="store_true", help="data: only CC0, MIT and Apache art")
    train.add_argument("--folder", metavar="DIR", help="a family: go on from the shipped weights with these pictures")
    train.add_argument("--style", metavar="NAME", help="with --folder: what their style is called; default: the folder")
    train.add_argument("--styles", metavar="A,B", help="only these styles; the same ones in every call")
    train.add_argument("--rate", metavar="R", type=float, help="learning rate; default: the family's own")
    train.add_argument("--steps", metavar="N", type=int, help="steps in all; the learning rate falls towards the end")
    train.add_argument("--minutes", metavar="M", type=float, help="pause after so many; the same command goes on")
    train.add_argument("--seed", metavar="S", type=int, default=0, help="of weights, batches and noise (default 0)")
    train.add_argument("--threads", metavar="N", type=int, help="threads to compute with")
    train.add_argument(
        "--save-every", metavar="N", type=int, default=500, help="steps between checkpoints (default 500)"
    )
    train.add_argument("--out", metavar="DIR", help="write the finished weights there")
    _add(commands, common, "backends", "models:backends", "list the installed model backends")
    doctor = _add(commands, common, "doctor", "doctor:doctor", "check that everything is in order")
    doctor.add_argument("--full", action="store_true", help="read every byte of the weights again")
    bench = _add(commands, common, "bench", "bench:bench", "measure")
    bench.add_argument("name", metavar="NAME", nargs="?", help="which measurement; without it, list them")
    bench.add_argument("--text", action="store_true", help="of `marks`: those in texts")
    bench.add_argument("--data", metavar="DIR", help="a folder of data in a form the measurement knows")
    bench.add_argument("--images", metavar="DIR", help="with `marks`: measure the image mark on these pictures")
    bench.add_argument("--limit", metavar="N", type=int, help="measure a sample of this size")
    bench.add_argument("--seed", metavar="S", type=int, default=0, help="which sample (default 0)")
    bench.add_argument("--half", choices=["all", "dev", "held"], help="which half of `answers`, `evidence`, `signs`")
    engine = _add(commands, common, "engine", "engine:engine", "look at or end the background engine")
    engine.add_argument("action", choices=["status", "stop"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
    output = Output(json_mode="--json" in flags)
    try:
        options = build_parser().parse_args(arguments)
        if options.version:
            return _version(output)
        if options.command is None:
            raise UsageError("No command was given.", hint="`wherefrom --help` lists them.")
        module, _, function = options.handler.partition(":")
        handler: Handler = getattr(import_module(f"ui.commands.{module}"), function)
        return handler(options, output)
    except (UsageError, ConfigError) as exc:
        output.error(exc)
        return EXIT_USAGE
    except AppError as exc:
        output.error(exc)
        return EXIT_FAULT
    except KeyboardInterrupt:
        output.error(AppError("Stopped."))
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        output.abandon()
        return 0
    except Exception as exc:  # noqa: BLE001 - the border of the program: a bug is one sentence, its trace on request
        output.bug(exc)
        return EXIT_FAULT


def _version(output: Output) -> int:
    from importlib.metadata import version

    number = version("wherefrom")
    output.result({"version": number}, lambda: output.line(f"wherefrom {number}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
