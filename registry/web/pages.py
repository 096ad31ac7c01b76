"""The plain pages: the start page, one entry, a file checked."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from catalog_specs import load
from catalog_specs.model import Level
from registry.annotating import annotated_copy
from registry.checking import FileCheck, check_file, unreadable_json
from registry.errors import Unreadable
from registry.export import Columns, items_of
from registry.fates import fated
from registry.lookup import (
    Row,
    count_entries,
    find_entry,
    get_version,
    list_agencies,
    list_entries,
    versions_of,
)
from registry.shown import entry_json, portals_json, shown_json, stored_findings
from registry.subjects import lifecycle_of
from registry.web.given import Asking, Reading, Seeing, stored, today
from registry.web.review import review_values
from registry.web.templates import render
from validators.case import Facts

router = APIRouter()
PAGE_SIZE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/", response_class=HTMLResponse)
def start(
    request: Request,
    session: Reading,
    seen: Seeing,
    agency: str = "",
    state: str = "",
    wrong: bool = False,
    page: Annotated[int, Query(ge=1)] = 1,
) -> HTMLResponse:
    """The entries, and what is wrong with each."""
    rows = list_entries(
        session,
        sight=seen,
        agency=agency,
        state=state,
        wrong=wrong,
        limit=PAGE_SIZE,
        offset=(page - 1) * PAGE_SIZE,
    )
    total = count_entries(session, sight=seen, agency=agency, state=state, wrong=wrong)
    return render(
        request,
        "start.html",
        {
            "rows": [_shown(row) for row in rows],
            "total": total,
            "all": count_entries(session, sight=seen),
            "with_errors": count_entries(session, sight=seen, wrong=True),
            "agencies": list_agencies(session, sight=seen),
            "agency": agency,
            "state": state,
            "wrong": wrong,
            "page": page,
            "pages": max(1, -(-total // PAGE_SIZE)),
            "query": urlencode({"agency": agency, "state": state, **({"wrong": "1"} if wrong else {})}),
            "states": [state.key for state in lifecycle_of(load()).entry_states],
            "say": load().say,
        },
    )


def _shown(row: Row) -> dict[str, Any]:
    specs = load(row.version.profile)
    labels = {
        key: specs.label(key, getattr(row.version, key) or "")
        for key in ("share_type", "open_type", "data_grade")
    }
    findings = [f for f in stored_findings(row.version, "zh") if f["level"] != Level.NOTE]
    return entry_json(row) | {"labels": labels, "findings": findings}


@router.get("/entries/{code:path}", response_class=HTMLResponse)
def entry_page(
    request: Request, session: Reading, seen: Seeing, actor: Asking, code: str, version: int | None = None
) -> HTMLResponse:
    """One entry: its content, what is wrong, what is still to be proven, its versions."""
    row = find_entry(session, code, sight=seen)
    chosen = get_version(session, row, version)
    specs = load(chosen.profile)
    entry, item = Columns(specs.entry.fields, specs), Columns(specs.entry.items, specs)
    listed = items_of(chosen.content)
    cells = [item.cells(part) for part in listed]
    used = [n for n in range(len(item.keys)) if any(row_cells[n] for row_cells in cells)]
    values = {
        "entry": shown_json(row, chosen, versions_of(session, row), "zh"),
        "portals": portals_json(session, row),
        "retiring": fated(session, [row.entry.id]).get(row.entry.id),
        "fates": {fate.key: fate.zh for fate in specs.retirement.fates},
        "groups": _groups(entry, entry.cells(chosen.content), specs.entry.groups),
        "item_headers": [item.headers[n] for n in used],
        "items": [[row_cells[n] for n in used] for row_cells in cells],
        "say": specs.say,
        "shown_version": row.version.number,
    }
    review = review_values(session, row, actor, request.app.state.settings.files)
    return render(request, "entry.html", values | review | {"review": review})


def _groups(columns: Columns, cells: list[str], groups: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    rows = list(zip(columns.fields, cells, strict=True))
    shown = [(g.zh, [(spec.zh, cell) for spec, cell in rows if spec.group == g.key and cell]) for g in groups]
    return [(name, pairs) for name, pairs in shown if pairs]


@router.get("/check", response_class=HTMLResponse)
def check_form(request: Request) -> HTMLResponse:
    """The form for dropping a file."""
    return render(request, "check.html", {"check": None})


@router.post("/check", response_model=None)
def check_upload(
    request: Request, file: Annotated[UploadFile, File()], want: Annotated[str, Form()] = "page"
) -> Response:
    """A dropped file judged: as a page, or given back annotated. Nothing is stored."""
    name = Path(file.filename or "upload").name
    with stored(file.file, name) as path:
        try:
            found = check_file(path, facts=Facts(today=today().date()))
        except Unreadable as error:
            report = unreadable_json(path, error, "zh")
            return render(
                request, "check.html", {"check": report, "groups": [("", report["findings"])]}, status=422
            )
        if want == "copy" and not found.secret:
            return _download(annotated_copy(found), f"{path.stem}-校验.xlsx")
        return render(request, "check.html", _report(found))


def _download(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(data, media_type=XLSX, headers=headers)


def _report(found: FileCheck) -> dict[str, Any]:
    counted = found.count()
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in found.lines():
        place = f"{line.place.sheet}!{line.cell}" if line.cell and line.place.sheet else line.cell
        row = {
            **line.worded._asdict(),
            "level": str(line.worded.level),
            "place": place or f"第{line.place.row}行",
        }
        groups.setdefault(line.entry, []).append(row)
    check = {
        "file": found.path.name,
        "profile": found.specs.profile.zh,
        "entries": len(found.sheets.entries),
        "errors": counted[Level.ERROR],
        "warnings": counted[Level.WARNING],
        "secret": found.secret,
    }
    return {"check": check, "groups": list(groups.items())}
