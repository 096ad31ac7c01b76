"""The report of a scan as HTML: one file that loads nothing, and the same as a part of our own page."""

import base64
import hashlib
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from catalog_specs import Specs
from registry.scan_text import Report, Sayer, anonymity_lines, finding_places, head_line, tells_count

_HERE = Path(__file__).parent
# the pages' own sheet: a report in a file looks as it does on the page
_STYLE = _HERE / "web" / "static" / "mulu.css"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "scan_templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# how verdicts and levels are coloured: the sheet knows three tones
_TONES = {"clean": "fine", "note": "fine", "need": "warning", "hits": "error", "inadequate": "error"}
_TONES |= {"incomplete": "warning"}
_LEVELS = {"error": "error", "need": "warning", "note": "note"}


def html_fragment(report: Report, specs: Specs, lang: str = "zh") -> Markup:
    """A JSON report as a part of a page, without head and style."""
    say = Sayer(specs, lang)
    values: dict[str, Any] = {
        "report": report,
        "say": say,
        "tones": _TONES,
        "tone": _TONES[report["verdict"]],
        "levels": _LEVELS,
        "tells_count": tells_count,
        "k_tone": _k_tone(report),
        "head": head_line(report, say),
        "places": lambda finding: finding_places(finding, report),
        "anonymity": list(anonymity_lines(report, say)) if report["columns"] else [],
    }
    return Markup(_ENVIRONMENT.get_template("fragment.html").render(values))  # noqa: S704  (escaped by the template)


def _k_tone(report: Report) -> str:
    asked = report["thresholds"]["k"]
    if asked is None:
        return ""
    return "fine" if report["k"] is not None and report["k"] >= asked else "bad"


def html_report(report: Report, specs: Specs, lang: str = "zh") -> str:
    """A JSON report as one HTML file: style within, nothing from another place, fit for printing."""
    values = {
        "report": report,
        "lang": lang,
        "say": partial(specs.say, lang=lang),
        "style": Markup(style()),  # noqa: S704  (our own file)
        "fragment": html_fragment(report, specs, lang),
    }
    return _ENVIRONMENT.get_template("report.html").render(values)


@lru_cache(maxsize=1)
def style() -> str:
    """The style sheet of the pages."""
    return _STYLE.read_text("utf-8")


def style_policy() -> str:
    """The content policy under which a browser shows such a file: its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'"
