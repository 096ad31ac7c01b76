"""Signature sheets (签批单): a printed batch with digests; the signed scan or OA number evidences a move for all of it.

Source: domain §12 R17; S1 13.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs, load
from registry import audit
from registry.entries import hold_register
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.keys import digest_of, new_key
from registry.lifecycle import Done, perform_many
from registry.models import Agency, Entry, SignatureSheet, Version
from registry.people import actor_of, local_day
from registry.permits import Actor, demand, holding, roles_of, within
from registry.recording import Paper
from registry.stores import Store
from registry.subjects import Subject, move_named

_COLUMNS = (
    ("code", "信息资源代码", 24),
    ("name", "信息资源名称", 40),
    ("number", "版本", 6),
    ("change", "变更类别", 12),
    ("grade", "分级", 14),
    ("share", "共享类型", 12),
    ("open", "开放类型", 12),
    ("digest", "内容摘要（SHA-256）", 68),
)


def print_sheet(
    session: Session,
    move: str,
    role: str,
    *,
    codes: Sequence[str] = (),
    actor: Actor,
    now: datetime,
) -> SignatureSheet:
    """A new sheet of all versions that wait for ``move`` by ``role`` in the actor's agency, or of ``codes`` alone.

    Raises:
        NotAllowed: the actor may not print one. NotFound: nothing waits, or one of the codes does not.
    """
    specs = load()
    held = demand(actor, "print_batch", roles_of(specs))
    spec = move_named(specs, move)
    if spec.subject != "version" or role not in spec.by:
        raise Rejected(f"“{spec.zh}”不由 {role} 办理；可用的角色：{'、'.join(spec.by)}")
    if roles_of(specs).index[role].scope != "own_agency":
        raise Rejected(f"签批单只用于本单位的角色；{roles_of(specs).index[role].zh}须自己登录办理")
    rows = _waiting(session, move, role, actor, codes)
    missing = sorted(set(codes) - {str(row["code"]) for row in rows})
    if missing or not rows:
        raise NotFound(f"没有等待“{spec.zh}”的目录{'：' + '、'.join(missing) if missing else ''}")
    sheet = SignatureSheet(
        id=new_key("q"),
        number=_next_number(session, now),
        move=move,
        role=role,
        agency_id=held.agency_id,
        rows=rows,
        digest=digest_of(rows),
        created_by=actor.login,
        created_at=now,
    )
    session.add(sheet)
    details = {"sheet": sheet.number, "move": move, "role": role, "rows": len(rows), "digest": sheet.digest}
    event = audit.Act("print_sheet", sheet.id, details)
    audit.record(session, [event], actor=actor.login, now=now, operator=actor.operator)
    return sheet


def _waiting(
    session: Session, move: str, role: str, actor: Actor, codes: Sequence[str]
) -> list[dict[str, Any]]:
    roles = roles_of(load())
    query = (
        select(Entry, Version)
        .join(Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest)))
        .join(Agency, col(Agency.id) == col(Entry.agency_id))
        .where(
            within(holding(actor, "print_batch", roles), roles),
            col(Version.awaits) == move,
            func.coalesce(col(Version.awaits_role), role) == role,
        )
        .order_by(col(Entry.code), col(Entry.id))
    )
    if codes:
        query = query.where(col(Entry.code).in_(codes))
    return [_row(entry, version) for entry, version in session.execute(query)]


def _row(entry: Entry, version: Version) -> dict[str, Any]:
    specs = load(version.profile)
    return {
        "entry": entry.id,
        "code": entry.code or entry.id,
        "name": version.name,
        "number": version.number,
        "change": specs.say(f"class_{version.change_class}"),
        "grade": specs.label("data_grade", version.data_grade or ""),
        "share": specs.label("share_type", version.share_type or ""),
        "open": specs.label("open_type", version.open_type or ""),
        "digest": version.digest,
    }


def _next_number(session: Session, now: datetime) -> str:
    head = f"QP-{local_day(now):%Y%m%d}-"
    listed = select(func.count()).where(col(SignatureSheet.number).startswith(head))
    return f"{head}{int(session.execute(listed).scalar_one()) + 1:03d}"


def find_sheet(session: Session, number: str) -> SignatureSheet:
    """A sheet by its number.

    Raises:
        NotFound: there is none.
    """
    query = select(SignatureSheet).where(col(SignatureSheet.number) == number).with_for_update()
    sheet = session.execute(query).scalar_one_or_none()
    if sheet is None:
        raise NotFound(f"没有签批单“{number}”")
    return sheet


def sign_sheet(
    session: Session,
    number: str,
    paper: Paper,
    *,
    signer: str,
    actor: Actor,
    now: datetime,
    data: Mapping[str, Any] | None = None,
    files: Store | None = None,
) -> list[Done]:
    """Attach the signed scan (or OA number) and make the sheet's move, as ``signer``, of every entry on it.

    What was signed must be what is there: when any version changed since the printing nothing is done.

    Raises:
        NotAllowed: the actor may not, or the signer does not hold the sheet's role. Conflict: the sheet was used
        already, or an entry on it has changed; all of them are named. MoveRefused: as for the move itself.
    """
    sheet = find_sheet(session, number)
    demand(actor, "print_batch", roles_of(load()))
    if sheet.signed_at is not None:
        raise Conflict(f"签批单 {number} 已于 {sheet.signed_at:%Y-%m-%d} 登记过")
    if paper.sha256 is None and not paper.number.strip():
        raise Rejected("登记签批单须有签字扫描件，或 OA 文号（--no）")
    _check_unchanged(session, sheet)
    sheet.oa_number, sheet.sha256, sheet.signed_at = paper.number.strip() or None, paper.sha256, now
    session.flush()
    in_role = _signer(session, sheet, signer, actor, now)
    subjects = [Subject(str(row["entry"])) for row in sheet.rows]
    note = f"签批单 {sheet.number}"
    done = perform_many(
        session,
        subjects,
        sheet.move,
        actor=in_role,
        now=now,
        note=note,
        data=data,
        sheet_id=sheet.id,
        files=files,
    )
    details = {"sheet": sheet.number, "sha256": paper.sha256, "number": paper.number, "signer": signer}
    event = audit.Act("sign_sheet", sheet.id, details)
    audit.record(session, [event], actor=actor.login, now=now, operator=actor.operator)
    return done


def _signer(session: Session, sheet: SignatureSheet, signer: str, actor: Actor, now: datetime) -> Actor:
    """Who signed on paper, in the sheet's role alone; another one registers it."""
    person = actor_of(session, signer, today=local_day(now), operator=actor.login)
    in_role = replace(person, held=tuple(h for h in person.held if h.role == sheet.role))
    if not in_role.held:
        zh = roles_of(load()).index[sheet.role].zh
        raise NotAllowed(f"签批单 {sheet.number} 由{zh}签字，{signer} 不是；核对签字人（--signer）")
    if signer == actor.login:
        raise NotAllowed(f"签批单 {sheet.number} 须由签字人以外的人登记", reason="author")
    return in_role


def _check_unchanged(session: Session, sheet: SignatureSheet) -> None:
    ids = [str(row["entry"]) for row in sheet.rows]
    # held from here on, so that what is compared is what the move is made of
    hold_register(session)
    query = select(Entry, Version).join(
        Version, (col(Version.entry_id) == col(Entry.id)) & (col(Version.number) == col(Entry.newest))
    )
    query = query.where(col(Entry.id).in_(ids)).order_by(col(Entry.id)).with_for_update(of=Entry)
    found = {entry.id: version.digest for entry, version in session.execute(query)}
    changed = [str(row["code"]) for row in sheet.rows if found.get(str(row["entry"])) != row["digest"]]
    if changed:
        raise Conflict(f"印出之后内容有变动，签批不能用于：{'、'.join(changed)}；请重新印制签批单")


def sheet_workbook(sheet: SignatureSheet, agency: str, specs: Specs) -> bytes:
    """The sheet as a workbook for printing: table with digests, number, the whole digest, lines to sign on."""
    # heavy, and needed here alone
    import xlsxwriter

    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True})
    page = book.add_worksheet("签批单")
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(3)
    page.set_footer(f"&L{sheet.number}&R第 &P 页 共 &N 页")
    bold = book.add_format({"bold": True, "font_size": 16})
    head = book.add_format({"bold": True, "border": 1, "text_wrap": True, "valign": "vcenter"})
    cell = book.add_format({"border": 1, "text_wrap": True, "valign": "top", "num_format": "@"})
    move = move_named(specs, sheet.move)
    role = roles_of(specs).index[sheet.role].zh
    page.write_string(0, 0, f"{agency} 数据目录签批单（{move.zh}）", bold)
    page.write_string(1, 0, f"编号：{sheet.number}    共 {len(sheet.rows)} 条    批次摘要：{sheet.digest}")
    for column, (key, title, width) in enumerate(_COLUMNS):
        page.set_column(column, column, width)
        page.write_string(3, column, title, head)
        for line, row in enumerate(sheet.rows, 4):
            page.write_string(line, column, str(row[key]), cell)
    end = 4 + len(sheet.rows) + 1
    page.write_string(end, 0, "以上目录内容已核对，同意办理。")
    page.write_string(
        end + 2, 0, f"{role}（签字）：____________________    日期：________年____月____日    （盖章）"
    )
    book.close()
    return target.getvalue()
