"""Signature sheets: a printed batch with digests evidences a move for all of it, and for nothing else."""

from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select, update

from catalog_specs import load
from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected
from registry.models import Opinion, SignatureSheet, Version
from registry.recording import Paper
from registry.signature_sheets import print_sheet, sheet_workbook, sign_sheet
from tests.cast import Cast, content, make_cast, register

SECOND = content(
    "OK02",
    provider_code="11520300MB1A00052M",
    provider_name="遵义市市场监督管理局",
    resource_code="102024030209/000001",
)


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    cast = make_cast(database, tmp_path)
    register(database, tmp_path, SECOND)
    for name in (cast.code, str(SECOND["resource_code"])):
        cast.act("submit", "steward", name=name)
        cast.act("clear", "secrecy_reviewer", name=name)
        cast.act("endorse", "division_chief", name=name)
    return cast


def printed(cast: Cast, *codes: str) -> SignatureSheet:
    with cast.database.write() as session:
        session.expire_on_commit = False
        return print_sheet(
            session, "endorse", "head", codes=codes, actor=cast.actor("steward", session), now=cast.now
        )


def signed(cast: Cast, number: str, *, signer: str = "head", role: str = "steward", oa: str = "OA-17") -> int:
    with cast.database.write() as session:
        actor = cast.actor(role, session)
        done = sign_sheet(session, number, Paper(number=oa), signer=signer, actor=actor, now=cast.now)
        return len(done)


def test_a_signed_sheet_endorses_everything_on_it(cast: Cast) -> None:
    sheet = printed(cast)
    assert sheet.number == "QP-20261121-001"
    assert signed(cast, sheet.number) == 2
    with cast.database.read() as session:
        rows = session.execute(select(Opinion).where(Opinion.sheet_id == sheet.id)).scalars().all()
        assert {(row.login, row.role, row.operator) for row in rows} == {("head", "head", "steward")}
        assert [event.act for event in events_of(session, sheet.id)] == ["print_sheet", "sign_sheet"]


def test_it_is_used_once(cast: Cast) -> None:
    sheet = printed(cast)
    signed(cast, sheet.number)
    with pytest.raises(Conflict, match="登记过"):
        signed(cast, sheet.number)


def test_a_change_after_the_printing_voids_it(cast: Cast) -> None:
    sheet = printed(cast)
    with cast.database.write() as session:
        session.execute(update(Version).values(digest="0" * 64))
    with pytest.raises(Conflict, match=cast.code):
        signed(cast, sheet.number)
    with cast.database.read() as session:
        assert session.get_one(SignatureSheet, sheet.id).signed_at is None


def test_the_signer_must_hold_the_role(cast: Cast) -> None:
    sheet = printed(cast)
    with pytest.raises(NotAllowed, match="由部门负责人签字，division_chief 不是"):
        signed(cast, sheet.number, signer="division_chief")


def test_no_sheet_for_those_who_judge_the_unit(cast: Cast) -> None:
    with cast.database.write() as session, pytest.raises(Rejected, match="须自己登录办理"):
        print_sheet(session, "approve", "auditor", actor=cast.actor("steward", session), now=cast.now)


def test_a_stranger_to_the_agency_prints_nothing(cast: Cast) -> None:
    with cast.database.write() as session, pytest.raises(NotAllowed):
        print_sheet(session, "endorse", "head", actor=cast.actor("auditor", session), now=cast.now)


def test_only_what_waits_is_printed(cast: Cast) -> None:
    assert [row["code"] for row in printed(cast, cast.code).rows] == [cast.code]
    with pytest.raises(NotFound, match="307024030101/000001"):
        printed(cast, "307024030101/000001")


def test_a_paper_is_needed(cast: Cast) -> None:
    sheet = printed(cast)
    with pytest.raises(Rejected, match="扫描件"):
        signed(cast, sheet.number, oa="")


def test_the_printed_workbook_shows_digests_and_where_to_sign(cast: Cast) -> None:
    sheet = printed(cast)
    book = openpyxl.load_workbook(BytesIO(sheet_workbook(sheet, "遵义市市场监督管理局", load())))
    cells = [str(cell.value) for row in book.active.iter_rows() for cell in row if cell.value]
    assert {row["digest"] for row in sheet.rows} <= set(cells)
    assert any(sheet.digest in cell for cell in cells)
    assert any("部门负责人（签字）" in cell for cell in cells)
