"""The lists beside the responsibility lists, as they stand: what is not shared and why, and what is asked for.

They are our own, are not sealed, and are shown where somebody asks for them. Source: S1 14(3), 15, 20.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from catalog_specs import Specs, load, profiles
from catalog_specs.law_lifecycle import Lifecycle
from catalog_specs.law_release import Responsibility
from registry.list_document import HEAD, ListColumn, ListDocument, ListRow, ListTable
from registry.models import Agency, DataRequest, Entry, Version
from registry.people import local
from registry.responsibility import Scope
from validators.list_lines import Printer, printer_of

NEGATIVE, DEMAND = "negative", "demand"
OTHERS = (NEGATIVE, DEMAND)
SHARE = "share"


def other_document(session: Session, scope: Scope, key: str, *, now: datetime) -> ListDocument:
    """The negative or the demand list of a scope as a document that is not sealed, its rows read."""
    printer = printer_of(load(), key)
    columns = tuple(ListColumn(*heading) for heading in printer.headings)
    found = _negative(session, scope) if key == NEGATIVE else _demand(session, scope)
    rows = tuple(_row(printer, n, local(now).year, *row) for n, row in enumerate(found, 1))
    table = ListTable(key, printer.kind.zh, "", columns, rows)
    head = dict.fromkeys((name for name, _zh in HEAD), "")
    if scope.agency is not None:
        head |= {"agency_name": scope.agency.name, "agency_code": scope.agency.code}
    named = scope.agency or scope.system
    return ListDocument(
        f"{named.name if named else '全市'}{table.zh}", head, (table,), f"{local(now):%Y-%m-%d}"
    )


def _row(
    printer: Printer, n: int, year: int, link: tuple[str, int, str], cells: Mapping[str, str]
) -> ListRow:
    given = {**cells, "list_no": f"{year}-{n:04d}"}
    return ListRow(*link, tuple(given.get(key, "") for key, _zh, _part in printer.headings))


def _negative(session: Session, scope: Scope) -> Iterator[tuple[tuple[str, int, str], dict[str, str]]]:
    """Announced entries that are not shared, each with its basis; their items are not named."""
    query = (
        select(Entry, Version)
        .join(
            Version, and_(col(Version.entry_id) == col(Entry.id), col(Version.number) == col(Entry.in_force))
        )
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(col(Version.share_type).in_(_types_of("not_shared")), scope.condition)
        .order_by(col(Agency.code), col(Entry.code), col(Entry.id))
    )
    writers = {key: printer_of(load(key), NEGATIVE) for key in profiles()}
    for entry, version in session.execute(query):
        cells = writers[version.profile].line(version.content, number=version.number, promised="")
        states = _states(load(version.profile))
        more = {"resource_code": entry.code or "", "status": states.get(entry.state, entry.state)}
        yield (entry.id, version.number, version.digest), cells | more


def _types_of(rows: str) -> tuple[str, ...]:
    doc = load().document("responsibility", Responsibility)
    return next(tuple(row.share_types) for row in doc.row_sets if row.key == rows)


def _states(specs: Specs) -> dict[str, str]:
    return {state.key: state.zh for state in specs.document("lifecycle", Lifecycle).entry_states}


def _demand(session: Session, scope: Scope) -> Iterator[tuple[tuple[str, int, str], dict[str, str]]]:
    """Share requests, by number: who asks for what, on which basis, for what, until when."""
    asking, providing = aliased(Agency), aliased(Agency)
    query: Any = (
        select(DataRequest, Entry, Version, col(asking.name), col(providing.name))
        .join(Entry, col(Entry.id) == col(DataRequest.entry_id))
        .join(
            Version,
            and_(
                col(Version.entry_id) == col(DataRequest.entry_id),
                col(Version.number) == col(DataRequest.entry_number),
            ),
        )
        .join(asking, col(asking.id) == col(DataRequest.requester_id))
        .join(providing, col(providing.id) == col(DataRequest.agency_id))
        .where(col(DataRequest.kind) == SHARE, scope.condition)
        .order_by(col(DataRequest.filed_at), col(DataRequest.id))
    )
    states = {state.key: state.zh for state in load().requests.states}
    for request, entry, version, asker, provider in session.execute(query):
        said = {key: str(value) for key, value in request.content.items() if isinstance(value, str)}
        cells = {
            "requester": asker,
            "info_name": version.name,
            "request_basis": said.get("basis", ""),
            "request_scene": said.get("scene", ""),
            "scope": said.get("scope", ""),
            "share_pattern": said.get("mode", ""),
            "valid_until": said.get("valid_until", ""),
            "resource_code": entry.code or "",
            "provider": provider,
            "status": states.get(request.state, request.state),
            "comment": request.reasons,
        }
        yield (entry.id, version.number, version.digest), cells
