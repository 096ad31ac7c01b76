"""Acceptance in the REST API: the check, its pack, the table list of a system and what is decided of it."""

from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Path, Query, Response
from fastapi.responses import Response as Plain
from sqlalchemy.orm import Session

from registry.acceptance import AcceptanceCheck, check_seen
from registry.acceptance_files import acceptance_json, coverage_json, table_json
from registry.permits import Actor
from registry.system_register import find_seen
from registry.table_coverage import coverage_of, tables_of
from registry.table_lists import ListChange, cover, exclude, import_tables, undecide
from registry.table_matching import suggestions
from registry.table_reading import read_table_file
from registry.web import acceptance_shapes as shapes
from registry.web.agency_shapes import SYSTEM
from registry.web.answers import Cursor, Limit, page, said
from registry.web.given import Asking, Reading, Writing, stored, today
from registry.web.pages import XLSX
from registry.web.problems import ANSWERS
from registry.web.repeating import Answer, Repeating

router = APIRouter(prefix="/api/v1", tags=["acceptance"], responses=ANSWERS)
# bodies of these hold files
sending = APIRouter(prefix="/api/v1", tags=["acceptance"], responses=ANSWERS)
Named = Annotated[str, Path(max_length=100, description="内部编号、系统编号或名称", examples=[SYSTEM])]
Format = Literal["xlsx", "pdf"]
PDF = "application/pdf"
_FILES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (XLSX, PDF)}}
}


@router.get(
    "/systems/{id}/acceptance",
    response_model=shapes.AcceptanceShown,
    summary="验收核对：要件、覆盖率、上架率",
)
def acceptance(session: Reading, actor: Asking, id: Named) -> Response:  # noqa: A002  (the name in the address)
    """Every element of acceptance with what shows it, or what is missing with article and cure."""
    return said(acceptance_json(check_seen(session, id, actor=actor, now=today())))


@router.get(
    "/systems/{id}/acceptance/pack", responses=_FILES, response_class=Response, summary="下载验收核对表"
)
def pack(
    session: Reading,
    actor: Asking,
    id: Named,  # noqa: A002  (the name in the address)
    kind: Annotated[Format, Query(alias="format", description="xlsx 或 pdf")] = "xlsx",
) -> Response:
    """The check as a workbook or as pages."""
    return pack_of(check_seen(session, id, actor=actor, now=today()), kind)


def pack_of(found: AcceptanceCheck, kind: Format) -> Plain:
    """The pack of a check as a download."""
    # writers of workbooks and pages are loaded when somebody asks for one
    from registry.acceptance_files import pack_pdf, pack_xlsx

    made, media = (pack_pdf(found), PDF) if kind == "pdf" else (pack_xlsx(found), XLSX)
    name = quote(f"{found.system_name}-验收核对表.{kind}", safe="")
    return Plain(
        made, media_type=media, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    )


# ---- tables -----------------------------------------------------------------------------------------------


@router.get("/systems/{id}/tables", response_model=shapes.TablePage, summary="库表清单")
def tables(
    session: Reading,
    actor: Asking,
    id: Named,  # noqa: A002  (the name in the address)
    state: Annotated[str | None, Query(max_length=16, description="情形，如 undecided")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """The tables of the newest list by name, a page at a time, and how far the list is decided."""
    found = tables_of(session, find_seen(session, id, actor=actor)[0])
    wanted = [one for one in found if state in (None, one.state)]
    rows = [table_json(one) for one in wanted if cursor is None or one.name > cursor][: limit + 1]
    shown = page(rows, limit, len(wanted), lambda row: row["name"])
    return said(shown | {"coverage": coverage_json(coverage_of(found))})


@router.get(
    "/systems/{id}/tables/suggestions", response_model=shapes.HintList, summary="库表可能的目录（提示）"
)
def hints(session: Reading, actor: Asking, id: Named) -> Response:  # noqa: A002  (the name in the address)
    """Entries or reasons that may fit undecided tables; hints, never decisions."""
    system, _owner = find_seen(session, id, actor=actor)
    found = suggestions(session, system, tables_of(session, system))
    return said({"results": [asdict(one) for one in found]})


@sending.post(
    "/systems/{id}/tables", status_code=201, response_model=shapes.ChangeShown, summary="导入库表清单"
)
def import_list(
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: Named,  # noqa: A002  (the name in the address)
    form: Annotated[shapes.TableFile, File()],
) -> Response:
    """A DDL file or a data dictionary as the new list; databases are read by the command line alone."""

    def deed() -> Answer:
        with stored(form.file.file, FilePath(form.file.filename or "tables.sql").name) as path:
            change = take_list(session, id, path, dialect=form.dialect, actor=actor)
        return Answer(asdict(change), 201)

    return again.once(session, actor, deed)


def take_list(session: Session, written: str, path: FilePath, *, dialect: str, actor: Actor) -> ListChange:
    """The list of an uploaded file as that of a system."""
    listed = read_table_file(path, dialect=dialect.strip() or None)
    return import_tables(session, written, listed, actor=actor, now=today())


@router.post(
    "/systems/{id}/tables/decisions", response_model=shapes.Decided, summary="决定库表：编目、排除、撤回"
)
def decide(
    session: Writing,
    actor: Asking,
    again: Repeating,
    id: Named,  # noqa: A002  (the name in the address)
    body: shapes.Decision,
) -> Response:
    """Some tables covered by an entry, left out with a reason, or undecided again: all of them or none."""
    return again.once(session, actor, lambda: Answer({"tables": decided(session, id, body, actor)}))


def decided(session: Session, written: str, body: shapes.Decision, actor: Actor) -> list[str]:
    """The names of the tables of which something was decided."""
    given: dict[str, Any] = {"actor": actor, "now": today()}
    if body.act == "cover":
        rows = cover(session, written, body.tables, body.entry, **given)
    elif body.act == "exclude":
        rows = exclude(session, written, body.tables, body.reason, why=body.why, of=body.of, **given)
    else:
        rows = undecide(session, written, body.tables, **given)
    return [row.name for row in rows]
