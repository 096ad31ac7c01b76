"""The report of a scan for a terminal: columns as a table, findings with cure and source, the verdict last."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from catalog_specs import Specs
from registry.scan_report import open_label

Report = Mapping[str, Any]
_GAP = "  "


def text_report(report: Report, specs: Specs, lang: str = "zh") -> str:
    """A JSON report in words for people; its last line is the verdict."""
    return "\n".join(_lines(report, Sayer(specs, lang)))


class Sayer:
    """Messages of one language."""

    def __init__(self, specs: Specs, lang: str) -> None:
        self.specs, self.lang = specs, lang

    def __call__(self, key: str, **params: object) -> str:
        return self.specs.say(key, self.lang, **params)


def _lines(report: Report, say: Sayer) -> Iterator[str]:
    yield head_line(report, say)
    if report["items"]:
        yield f"{_GAP}{say('scan_entry')}{report['items']}"
    for name, key in (("SHA-256", "sha256"), ("SM3", "sm3")):
        if report[key]:
            yield f"{_GAP}{name} {report[key]}"
    if report["columns"]:
        yield from _columns(report, say)
    yield from _findings(report, say)
    if report["columns"]:
        yield from _anonymity(report, say)
    if report["expectations"]:
        yield from _expectations(report["expectations"], say)
    yield ""
    made = report["detector_version"] or "—"
    yield say("scan_made_by", spec=report["spec"][:12], detectors=made)
    yield say("scan_all_rows" if report["complete"] else "scan_not_all_rows")
    yield report["conclusion"]


def head_line(report: Report, say: Sayer) -> str:
    """What was scanned, how much of it, for which open type."""
    judged = say("scan_judged_any")
    if report["open_type"]:
        judged = say("scan_judged_open", open_type=open_label(report["open_type"], say.specs, say.lang))
    rows, columns = f"{report['rows']:,}", len(report["columns"])
    return say("scan_head", file=report["file"], rows=rows, columns=columns, judged=judged)


# ---- columns ----------------------------------------------------------------------------------------------


def _columns(report: Report, say: Sayer) -> Iterator[str]:
    keys = ("column", "class", "verdict", "detector", "hits", "confidence", "example")
    rows: list[Sequence[str]] = [[say(f"scan_{key}") for key in keys]]
    whys: list[list[str]] = [[]]
    for column in report["columns"]:
        for cells, why in _column_rows(column, say):
            rows.append(cells)
            whys.append(why)
    yield ""
    yield f"■ {say('scan_columns')}"
    widths = [max(width_of(row[n]) for row in rows) for n in range(len(keys))]
    for row, why in zip(rows, whys, strict=True):
        yield _GAP + _GAP.join(padded(c, w) for c, w in zip(row, widths, strict=True)).rstrip()
        yield from (f"{_GAP * 3}{line}" for line in why)


def _column_rows(column: Report, say: Sayer) -> Iterator[tuple[list[str], list[str]]]:
    """The lines of a column: one for each detector, at least one; each with what is to be said below it."""
    first = [column["name"], column["pii_name"], say(f"scan_column_{column['verdict']}")]
    beside = _beside(column, say)
    if not column["detectors"]:
        yield [*first, "", "", "", ""], beside
    for number, found in enumerate(column["detectors"]):
        hits = f"{found['hits']:,}/{found['filled']:,}（{found['ratio']:.1%}）"
        example = (found["examples_masked"] or [""])[0]
        why = [say("scan_why") + "；".join(found["reasons"])] if found["reasons"] else []
        named = first if number == 0 else ["", "", ""]
        yield (
            [*named, found["name"], hits, found["confidence"], example],
            why + (beside if not number else []),
        )


def _beside(column: Report, say: Sayer) -> list[str]:
    said = [say("scan_item") + column["item"]] if column["item"] else []
    if column["masks"]:
        said.append(say("scan_masks") + "、".join(column["masks"]))
    if column["lost_numbers"]:
        said.append(say("scan_lost", count=column["lost_numbers"]))
    return said


def width_of(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def padded(text: str, width: int) -> str:
    """A text filled up to a width of the terminal."""
    return text + " " * (width - width_of(text))


# ---- findings, k, expectations ----------------------------------------------------------------------------


def _findings(report: Report, say: Sayer) -> Iterator[str]:
    yield ""
    yield f"■ {say('scan_findings')}"
    for finding in report["findings"]:
        where = "  ".join(finding_places(finding, report))
        counted = f"（{say('scan_cells', count=finding['count'])}）" if tells_count(finding) else ""
        yield f"  {where}  {say('level_' + finding['level'])}  {finding['message']}{counted}"
        for key in ("fix", "source"):
            if finding[key]:
                yield f"      {say(key)}{finding[key]}"
    if not report["findings"]:
        yield f"  {say('scan_no_findings')}"


def tells_count(finding: Report) -> bool:
    """Whether the number of cells is to be told beside the message, which does not tell it."""
    return bool(finding["count"]) and str(finding["count"]) not in finding["message"]


def finding_places(finding: Report, report: Report) -> list[str]:
    """Where a finding is: column and place as far as its words do not name them, at least the data itself."""
    place = finding["place"] if finding["place"] not in finding["message"] else ""
    return [part for part in (finding["column"], place) if part] or [report["file"]]


def _anonymity(report: Report, say: Sayer) -> Iterator[str]:
    told = report["anonymity"]
    yield ""
    yield f"■ {say('scan_anonymity')}"
    yield from (f"  {line}" for line in anonymity_lines(report, say))
    if told["small"]:
        yield f"  {say('scan_small')}"
    for group in told["small"]:
        values = "，".join(f"{name}={value}" for name, value in group["values"].items())
        yield f"    {say('scan_small_line', values=values, size=group['size'])}"
    if told["would_pass"]:
        yield f"  {say('scan_would_pass')}"
        yield from (f"    {line}" for line in told["would_pass"])


def anonymity_lines(report: Report, say: Sayer) -> Iterator[str]:
    """k, l and the number of classes, each with what is asked."""
    told, asked = report["anonymity"], report["thresholds"]
    if report["quasi"]:
        yield say("scan_quasi", names="、".join(report["quasi"]))
    if report["k"] is not None:
        yield say("scan_k_asked" if asked["k"] else "scan_k", k=report["k"], threshold=asked["k"])
    elif told["why_unknown"]:
        yield say("scan_k_unknown", why=told["why_unknown"])
    else:
        yield say("scan_k_none")
    if report["l"] is not None:
        yield say("scan_l_asked" if asked["l"] else "scan_l", l=report["l"], threshold=asked["l"])
    if told["classes"] is not None:
        yield say("scan_classes", classes=told["classes"], unique=told["unique_rows"] or 0)


def _expectations(told: Mapping[str, Any], say: Sayer) -> Iterator[str]:
    met, unmet, undecided = (
        sum(row["passed"] is state for row in told["checks"]) for state in (True, False, None)
    )
    yield ""
    yield f"■ {say('scan_expectations')}"
    yield f"  {say('scan_expected_all', met=met, unmet=unmet, undecided=undecided)}"
    for row in told["checks"]:
        if not row["passed"]:
            state = say("scan_undecided" if row["passed"] is None else "scan_unmet")
            yield f"  {state}  {row['zh']}{'  ' if row['place'] else ''}{row['place']}"
    yield from (f"  {line}" for line in told["unread"])
