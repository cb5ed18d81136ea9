"""A report as one HTML file: no scripts, nothing fetched, readable in print."""

from __future__ import annotations

from html import escape

from provenance.reports.report import LABEL, Report

__all__ = ["report_html"]

_STYLE = """
body{font:16px/1.55 Georgia,'Times New Roman',serif;color:#1c2430;background:#fff;max-width:46rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.05rem;margin-top:2rem;border-bottom:1px solid #d8dde3}
.label{font:13px/1.4 system-ui,sans-serif;background:#eef3f8;border-left:4px solid #34658f;padding:.5rem .8rem}
.answer{white-space:pre-wrap}
blockquote{margin:.3rem 0 1rem;padding-left:.8rem;border-left:3px solid #d9b23c;white-space:pre-wrap}
table{border-collapse:collapse;font:13px/1.4 system-ui,sans-serif;width:100%}td,th{text-align:left;vertical-align:top;
padding:.15rem .6rem .15rem 0;border-bottom:1px solid #eceff2}
code{font:12px ui-monospace,monospace;overflow-wrap:anywhere}
small{font:12px/1.4 system-ui,sans-serif;color:#5a6572}
"""


def report_html(report: Report) -> str:
    """The whole page, every text in it escaped."""
    parts = [f"<h1>{escape(report.title)}</h1>", f'<p class="label">{escape(LABEL)}</p>']
    if report.withheld:
        parts.append("<p><small>The question and the quoted passages are withheld.</small></p>")
    if report.question:
        parts.append(f'<h2>Question</h2><div class="answer">{escape(report.question)}</div>')
    said = report.answer or "(erased)"
    parts.append(f'<h2>{"Refusal" if report.refused else "Answer"}</h2><div class="answer">{escape(said)}</div>')
    parts += [*_sources(report), *_facts(report), *_events(report)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="generator" content="Wherefrom"><meta name="wherefrom-record" content="{escape(report.run)}">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _sources(report: Report) -> list[str]:
    if not report.sources:
        return []
    items = []
    for source in report.sources:
        where = ", ".join(part for part in (source.document, source.place) if part)
        quote = f"<blockquote>{escape(source.quote)}</blockquote>" if source.quote else ""
        digest = f"<br><small>SHA-256 <code>{escape(source.digest)}</code></small>" if source.digest else ""
        items.append(f"<div><b>[{source.n}]</b> {escape(where)}{digest}{quote}</div>")
    return ["<h2>Sources</h2>", *items]


def _facts(report: Report) -> list[str]:
    facts = (("Record", report.run), ("Recorded", report.at), *report.facts)
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts)
    return ["<h2>Origin</h2>", f"<table>{rows}</table>"]


def _events(report: Report) -> list[str]:
    if not report.events:
        return []
    rows = "".join(
        f"<tr><td>{event.seq}</td><td>{escape(event.at)}</td><td>{escape(event.title)}</td>"
        f"<td><code>{escape(event.digest[:23])}…</code></td></tr>"
        for event in report.events
    )
    signed = f"<p><small>Signed in checkpoint <code>{escape(report.checkpoint)}</code>" if report.checkpoint else ""
    key = f" with the key <code>{escape(report.vkey)}</code>" if report.vkey else ""
    end = f"{signed}{key}.</small></p>" if signed else ""
    return [
        "<h2>What is on record</h2>",
        f"<table><tr><th>event</th><th>time</th><th>what</th><th>digest</th></tr>{rows}</table>{end}",
    ]
