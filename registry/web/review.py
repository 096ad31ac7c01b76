"""Pages of review: what waits for me, the acts that I may make of an entry, evidence, the record of audit."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from catalog_specs import Specs, load
from registry import blobs
from registry.audit import Event, list_events
from registry.differences import Change, compare
from registry.errors import NotFound, Rejected
from registry.evidence import gather
from registry.keys import canonical_json
from registry.lifecycle import Option, options, perform
from registry.lookup import Row, codes_of, find_entry, get_version
from registry.models import Distribution, Record
from registry.permits import Actor, Sight, demand, holding, roles_of
from registry.proof_states import held_shown
from registry.queues import waiting
from registry.recording import Paper, about, keep_record, records_of
from registry.remarks import remarks_of
from registry.request_tasks import request_tasks
from registry.stores import Store
from registry.subjects import Subject, distributions_of, lifecycle_of, load_subjects, move_named
from registry.sync_tasks import sync_tasks
from registry.system_tasks import system_tasks
from registry.web.forms import REASON_ROWS, act_data
from registry.web.given import Asking, Reading, Seeing, today
from registry.web.proof_pages import proof_values
from registry.web.request_filing import entry_values
from registry.web.templates import render
from validators.fields import parse_date
from validators.findings import field_label
from validators.risk import reason_words

router = APIRouter()
PAGE = 100


@router.get("/queue", response_class=HTMLResponse)
def queue_page(
    request: Request,
    session: Reading,
    seen: Seeing,
    actor: Asking,
    after: Annotated[str | None, Query()] = None,
) -> HTMLResponse:
    """What waits for the one who asks: riskiest first, then the oldest; and what was held."""
    found = waiting(session, actor, now=today(), specs=load(), after=after)
    held = held_shown(session, sight=seen)
    asked = () if after else request_tasks(session, actor, now=today(), specs=load())
    values = {"queue": found, "held": held, "asked": asked, "late_zh": load().requests.late.zh}
    values["refused"] = () if after else sync_tasks(session, actor, specs=load())
    values["owed"] = () if after else system_tasks(session, actor, now=today(), specs=load())
    return render(request, "queue.html", values | {"say": load().say})


@router.post("/entries/{code:path}/act", response_model=None)
async def act_form(request: Request, seen: Seeing, actor: Asking, code: str) -> Response:
    """A move made on the entry's page; then the page again."""
    form = await request.form()
    await run_in_threadpool(_act, request, form, code, actor, seen)
    return RedirectResponse(f"/entries/{quote(code)}#review", status_code=303)


def _act(request: Request, form: FormData, code: str, actor: Actor, seen: Sight) -> None:
    app, now = request.app.state, today()
    with app.database.write() as session:
        row = find_entry(session, code, sight=seen)
        move = move_named(load(row.version.profile), str(form.get("move", "")))
        lock = str(form.get("lock", ""))
        if not lock.isdigit():
            raise Rejected("表单缺少 lock；刷新页面后重做")
        made = str(form.get("distribution", "")) or None
        data = act_data(form, move)
        if move.key == "attach":
            data |= _upload(session, form, app.settings.files, actor)
        subject = Subject(row.entry.id, made, int(lock))
        note = str(form.get("note", ""))
        perform(
            session, subject, move.key, actor=actor, now=now, note=note, data=data, files=app.settings.files
        )


def _upload(session: Session, form: FormData, folder: Store, actor: Actor) -> dict[str, Any]:
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return {}
    most = load().entry.limits["file_bytes"]
    blob = blobs.keep(session, file.file, folder=folder, actor=actor.login, now=today(), most_bytes=most)
    return {"sha256": blob.sha256, "file_name": Path(file.filename).name[:255]}


@router.post("/entries/{code:path}/records", response_model=None)
async def record_form(request: Request, seen: Seeing, actor: Asking, code: str) -> Response:
    """A record kept on the entry's page; then the page again."""
    form = await request.form()
    await run_in_threadpool(_record, request, form, code, actor, seen)
    return RedirectResponse(f"/entries/{quote(code)}#records", status_code=303)


def _record(request: Request, form: FormData, code: str, actor: Actor, seen: Sight) -> None:
    app = request.app.state
    with app.database.write() as session:
        entry = find_entry(session, code, sight=seen).entry
        made = str(form.get("distribution", ""))
        if made and made not in {one.id for one in distributions_of(session, [entry.id])}:
            raise NotFound(f"{code} 没有挂接资源“{made}”")
        file = _upload(session, form, app.settings.files, actor)
        day = parse_date(str(form.get("day", "")))
        paper = Paper(str(form.get("number", "")), day, file.get("sha256"), file.get("file_name"))
        thing = about(session, made or entry.id, sight=seen)
        keep_record(session, thing, str(form.get("kind", "")), paper, actor=actor, now=today())


@router.get("/audit", response_class=HTMLResponse)
def audit_page(
    request: Request,
    session: Reading,
    actor: Asking,
    subject: str = "",
    after: Annotated[int | None, Query(ge=1)] = None,
) -> HTMLResponse:
    """The record of acts for the log auditor, the newest first."""
    demand(actor, "read_audit", roles_of(load()))
    rows = list_events(session, subject=subject.strip() or None, after=after, limit=PAGE + 1)
    values = {"events": rows[:PAGE], "more": rows[PAGE - 1].seq if len(rows) > PAGE else None}
    codes = codes_of(session, [row.subject for row in rows])
    said = {"subject": subject, "word": _event_word, "shown": canonical_json, "codes": codes}
    return render(request, "audit.html", values | said)


def _event_word(event: Event) -> str:
    move = lifecycle_of(load()).index.get(event.act)
    return move.zh if move else event.act


# ---- what the entry's page shows beside its content -------------------------------------------------------


def review_values(session: Session, row: Row, actor: Actor, files: Store) -> dict[str, Any]:
    """Acts that are offered, who signed, remarks, records and distributions, for the page of an entry."""
    specs = load(row.version.profile)
    life = lifecycle_of(specs)
    offered = options(session, row.entry.id, actor=actor, specs=specs, now=today(), files=files)
    made = distributions_of(session, [row.entry.id])
    if not row.full:
        made = [one for one in made if one.state == "shelved"]
    kinds = [k for k in life.records if holding(actor, k.permission, roles_of(specs))] if row.full else []
    return {
        "lock": row.entry.lock,
        "locks": {one.id: one.lock for one in made},
        "acts": [_shown(option, specs) for option in offered],
        "opinions": _opinions(session, row) if row.full else [],
        "remarks": [(r, _field(r.field, specs)) for r in remarks_of(session, row.entry.id)]
        if row.full
        else [],
        "records": [(r, life.record_index[r.kind].zh) for r in _records(session, row)],
        "kinds": kinds,
        "distributions": [(one, _offer(one, specs)) for one in made],
        "awaits": _awaits(row, specs) if row.full else "",
        "next_move": row.version.awaits,
        "changes": _changes(session, row, specs),
        "risk": reason_words(row.version.risk_reasons or [], specs) if row.full else [],
        "life": life,
        "reason_rows": range(REASON_ROWS),
        "fields": [("", "（整条）"), ("items", "信息项"), *((f.key, f.zh) for f in specs.entry.fields)],
        "item_names": [str(i.get("item_name")) for i in row.version.content.get("items") or []],
        "forms": specs.codes["share_mode_type"].values,
        "patterns": specs.codes["share_pattern"].values,
        "roles_zh": {role.key: role.zh for role in roles_of(specs).roles},
        "states": {s.key: s.zh for s in (*life.versions, *life.distributions)} | {"": "新"},
        **proof_values(session, row, actor),
        **entry_values(session, row, actor),
    }


def _shown(option: Option, specs: Specs) -> dict[str, Any]:
    move = move_named(specs, option.move)
    hints = [item for unmet in option.missing if unmet.guard == "hints_confirmed" for item in unmet.details]
    missing = [unmet for unmet in option.missing if unmet.guard not in ("hints_confirmed", "basis_confirmed")]
    given = {unmet.guard for unmet in option.missing}
    return {**option._asdict(), "takes": move.takes, "hints": hints, "missing": missing, "given": given}


def _opinions(session: Session, row: Row) -> list[tuple[Any, bool | None]]:
    """Every act on the entry, the newest first; for a signature whether it is still valid."""
    specs = load(row.version.profile)
    life = lifecycle_of(specs)
    loaded = load_subjects(session, [Subject(row.entry.id)], life.index["submit"])
    proven = gather(session, loaded)[0]
    last: dict[tuple[str, str], str] = {}
    for opinion in proven.opinions:
        last[(opinion.move, opinion.role)] = opinion.id
    found: list[tuple[Any, bool | None]] = []
    for opinion in reversed(proven.opinions):
        key = (opinion.move, opinion.role)
        signature = life.index[opinion.move].never_by_author and opinion.distribution_id is None
        valid = key in proven.signed and last[key] == opinion.id
        found.append((opinion, valid if signature and opinion.state_after != "returned" else None))
    return found


def _records(session: Session, row: Row) -> list[Record]:
    return records_of(session, row.entry) if row.full else []


def _field(key: str, specs: Specs) -> str:
    return field_label(key, specs) or "整条"


def _offer(made: Distribution, specs: Specs) -> dict[str, Any]:
    return {"form": specs.label("share_mode_type", made.form), "patterns": "、".join(made.patterns)}


def _changes(session: Session, row: Row, specs: Specs) -> list[Change]:
    """What a version that is under way changes of the one in force."""
    if not row.full or row.entry.in_force in (None, row.version.number):
        return []
    before = get_version(session, row, row.entry.in_force)
    return compare(before.content, row.version.content, specs)


def _awaits(row: Row, specs: Specs) -> str:
    version, life = row.version, lifecycle_of(specs)
    if version.awaits is None:
        return ""
    role = f"（{roles_of(specs).index[version.awaits_role].zh}）" if version.awaits_role else ""
    return f"{life.index[version.awaits].zh}{role}"
