"""Records kept as evidence: by whom, of what, with what on them, and for how long they prove anything."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from catalog_specs.law_lifecycle import Lifecycle, RecordKind
from registry.audit import events_of
from registry.db import Database
from registry.errors import MuluError, NotAllowed, NotFound, Rejected
from registry.lifecycle import MoveRefused
from registry.models import Record, System
from registry.permits import EVERYTHING
from registry.recording import Paper, about, keep_record
from tests.cast import PATH, Cast, content, make_cast, register
from tests.stages import TABLE, made_of

At = Callable[[str], Cast]
LIFE = load("zunyi_2020").document("lifecycle", Lifecycle)


@pytest.fixture
def personal(sqlite_database: Database, tmp_path: Path) -> Cast:
    """An entry with personal data, cleared: it asks for an impact assessment next."""
    cast = make_cast(sqlite_database, tmp_path, content("OK01"))
    cast.walk_to("endorse")
    return cast


def system_of(cast: Cast) -> str:
    with cast.database.read() as session:
        return session.execute(select(col(System.id))).scalars().first() or ""


def keep(cast: Cast, kind: str, role: str, name: str, paper: Paper) -> str:
    """Keep a record; gives its key."""
    with cast.database.write() as session:
        thing = about(session, name, sight=EVERYTHING)
        return keep_record(session, thing, kind, paper, actor=cast.actor(role, session), now=cast.now).id


def kept(cast: Cast, key: str) -> Record:
    with cast.database.read() as session:
        return session.get_one(Record, key)


# ---- who, of what, with what ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LIFE.records, ids=[kind.key for kind in LIFE.records])
def test_each_kind_is_kept_by_who_may_of_what_it_speaks_of(kind: RecordKind, at: At) -> None:
    cast = at("attached")
    things = {"entry": cast.code, "system": system_of(cast), "distribution": made_of(cast)}
    permitted = {"approve_exception": "bureau", "decide_retirement": "head"}
    role = permitted.get(kind.permission, "steward")
    for of, name in things.items():
        paper = Paper(number="〔2026〕7号", sha256="0" * 64)
        if of in kind.of:
            assert kept(cast, keep(cast, kind.key, role, name, paper)).kind == kind.key
        else:
            with pytest.raises(Rejected, match="不能登记在"):
                keep(cast, kind.key, role, name, paper)
    for other in ("contractor", "sync_robot", "log_auditor", "county_auditor"):
        with pytest.raises(NotAllowed):
            keep(cast, kind.key, other, cast.code, Paper(number="1"))


@pytest.mark.parametrize(
    ("kind", "paper", "words"),
    [
        ("consultation", Paper(sha256="0" * 64), "文号或备案号"),
        ("pia", Paper(number="  "), "文件，或文号"),
        ("pia", Paper(number="长" * 101), "文号至多 100 个字"),
        ("horoscope", Paper(number="1"), "没有“horoscope”这种佐证；可用：secrecy_risk_assessment"),
    ],
)
def test_a_paper_says_what_it_is(kind: str, paper: Paper, words: str, at: At) -> None:
    cast = at("draft")
    with pytest.raises(MuluError, match=words):
        keep(cast, kind, "steward", cast.code, paper)


def test_another_agencys_papers_are_not_kept(at: At, tmp_path: Path) -> None:
    cast = at("draft")
    register(cast.database, tmp_path, content("OK02"))
    with pytest.raises(NotAllowed, match="范围"):
        keep(cast, "pia", "steward", str(content("OK02")["resource_code"]), Paper(number="1号"))


def test_a_paper_of_nothing_is_not_kept(at: At) -> None:
    with pytest.raises(NotFound):
        keep(at("draft"), "pia", "steward", "社保系统", Paper(number="1号"))


def test_a_record_stands_in_the_audit(at: At) -> None:
    cast = at("draft")
    record = kept(cast, keep(cast, "approval", "steward", cast.code, Paper(number="纪要〔2026〕3号")))
    with cast.database.read() as session:
        last = events_of(session, str(record.entry_id))[-1]
        assert (last.act, last.actor) == ("record", "steward")


# ---- what it proves, and for how long ---------------------------------------------------------------------


def endorsed(cast: Cast) -> bool:
    try:
        return cast.act("endorse", "division_chief").move == "endorse"
    except MoveRefused as refused:
        assert [unmet.guard for unmet in refused.unmet] == ["pia"]
        return False


def test_only_the_right_paper_proves(personal: Cast) -> None:
    keep(personal, "approval", "steward", personal.code, Paper(number="1号"))
    keep(personal, "secrecy_risk_assessment", "steward", personal.code, Paper(number="1号"))
    assert not endorsed(personal)
    keep(personal, "pia", "steward", personal.code, Paper(number="1号"))
    assert endorsed(personal)


def test_one_paper_of_a_system_speaks_for_its_entries(personal: Cast) -> None:
    keep(personal, "pia", "steward", system_of(personal), Paper(number="1号"))
    assert endorsed(personal)


def test_a_paper_of_another_entry_or_system_does_not(personal: Cast, tmp_path: Path) -> None:
    register(
        personal.database,
        tmp_path,
        content(
            "OK01",
            resource_code="307024030101/000009",
            resource_name="收养登记信息",
            source_system_id="收养系统",
        ),
    )
    with personal.database.read() as session:
        other = session.execute(select(col(System.id)).where(col(System.name) == "收养系统")).scalar_one()
    keep(personal, "pia", "steward", "307024030101/000009", Paper(number="1号"))
    keep(personal, "pia", "steward", other, Paper(number="1号"))
    assert not endorsed(personal)


def test_a_withdrawn_paper_proves_nothing(personal: Cast) -> None:
    record = keep(personal, "pia", "steward", personal.code, Paper(number="1号"))
    with personal.database.write() as session:
        session.get_one(Record, record).withdrawn_at = personal.now
    assert not endorsed(personal)


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"contact_name": "李雷"}, True),
        ({"update_cycle": "每周"}, True),
        ({"share_scope": "市直部门"}, False),
    ],
)
def test_an_assessment_speaks_of_the_content_that_it_was_made_of(
    changes: dict[str, str], holds: bool, personal: Cast, tmp_path: Path
) -> None:
    keep(personal, "pia", "steward", personal.code, Paper(number="1号"))
    personal.act("return", "head", note="请改")
    register(personal.database, tmp_path, content("OK01", **changes))
    personal.act("submit", "steward")
    if not holds:
        personal.act("clear", "secrecy_reviewer")
    assert endorsed(personal) is holds


def test_a_harmless_item_more_keeps_the_assessment(personal: Cast, tmp_path: Path) -> None:
    """It is an ordinary change: no new review, no new assessment."""
    keep(personal, "pia", "steward", personal.code, Paper(number="1号"))
    personal.walk(*PATH[2:])
    row = content("OK01")
    row["items"].append({**row["items"][3], "item_name": "登记机关", "item_code": "djjg"})
    row["items"][-1] |= {"pii_class": "none", "sensitive_flag": "0"}
    personal.act("revise", "steward")
    register(personal.database, tmp_path, row)
    personal.walk(("submit", "steward"), ("endorse", "head"), ("approve", "auditor"), ("announce", "bureau"))
    assert personal.state() == ("announced", 3, 3)


def test_a_test_of_provision_is_of_one_distribution(at: At) -> None:
    cast = at("reviewed")
    first = made_of(cast)
    with pytest.raises(Rejected, match="登记在挂接资源上，不能登记在条目"):
        keep(cast, "provision_test", "steward", cast.code, Paper(number="1"))
    keep(cast, "provision_test", "steward", first, Paper(number="联调记录1"))
    second = str(cast.act("attach", "steward", data=TABLE).distribution_id)
    cast.act("clear_data", "secrecy_reviewer", name=second)
    with pytest.raises(MoveRefused, match="提供方式已测试"):
        cast.act("shelve", "steward", name=second)
    assert cast.act("shelve", "steward", name=first).after == "shelved"
