"""One move of many entries: of all or of none, each refused one named, without asking the database for each."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlmodel import col

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, NotAllowed, NotFound, Rejected, Stale
from registry.lifecycle import Done, MoveRefused, perform_many
from registry.models import AuditEvent, Entry, Opinion, Version
from registry.subjects import Subject
from tests.cast import NOTICE, PATH, Cast, content, make_cast, register
from tests.stages import TABLE, made_of

MANY = 300


def rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [
        content(resource_code=f"102024030201/{n:06}", resource_name=f"企业登记信息第{n}册", **changes)
        for n in range(2, count + 1)
    ]


@pytest.fixture
def few(sqlite_database: Database, tmp_path: Path) -> Cast:
    """A cast with three drafts."""
    cast = make_cast(sqlite_database, tmp_path)
    register(sqlite_database, tmp_path, *rows(3))
    return cast


def ids(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return list(session.execute(select(col(Entry.id)).order_by(col(Entry.code))).scalars())


def move_all(cast: Cast, move: str, role: str, *subjects: Subject, **more: Any) -> list[Done]:
    with cast.database.write() as session:
        found = list(subjects) or [Subject(i) for i in ids(cast)]
        return perform_many(session, found, move, actor=cast.actor(role, session), now=cast.now, **more)


def written(cast: Cast) -> tuple[int, int, Counter[str]]:
    """Opinions, events, versions by state."""
    with cast.database.read() as session:
        opinions = session.execute(select(func.count()).select_from(Opinion)).scalar_one()
        events = session.execute(select(func.count()).select_from(AuditEvent)).scalar_one()
        return opinions, events, Counter(session.execute(select(col(Version.state))).scalars())


@contextmanager
def statements(database: Database) -> Iterator[Counter[str]]:
    """How many statements are sent, by their first three words."""
    sent: Counter[str] = Counter()

    def count(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent[" ".join(statement.split()[:3])] += 1

    event.listen(database.engine, "before_cursor_execute", count)
    yield sent
    event.remove(database.engine, "before_cursor_execute", count)


# ---- all ... ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [MANY])
def test_three_hundred_entries_go_the_path_in_one_move_each(
    size: int, database: Database, tmp_path: Path
) -> None:
    cast = make_cast(database, tmp_path)
    register(database, tmp_path, *rows(size))
    for move, role in PATH:
        with statements(database) as sent:
            done = move_all(cast, move, role, data=NOTICE if move == "announce" else None)
        assert len(done) == size
        # per entry the opinion, the version and the entry; the rest is asked once
        assert sum(sent.values()) < 40, sent.most_common(5)
    opinions, _events, states = written(cast)
    assert (opinions, states) == (size * len(PATH), {"announced": size})
    assert {one.after for one in done} == {"announced"}


def test_the_order_of_the_answer_is_that_of_the_question(few: Cast) -> None:
    asked = ids(few)[::-1]
    done = move_all(few, "submit", "steward", *map(Subject, asked))
    assert [one.entry_id for one in done] == asked


def test_what_is_named_twice_is_done_once(few: Cast) -> None:
    first = ids(few)[0]
    done = move_all(few, "submit", "steward", Subject(first), Subject(first), Subject(first))
    assert [one.entry_id for one in done] == [first]
    assert written(few)[2] == {"submitted": 1, "draft": 2}


def test_named_twice_with_another_view_it_is_stale(few: Cast) -> None:
    first = ids(few)[0]
    with pytest.raises(Stale):
        move_all(few, "submit", "steward", Subject(first, None, 9), Subject(first, None, 1))


def test_all_acts_stand_on_the_record(few: Cast) -> None:
    move_all(few, "submit", "steward")
    with few.database.read() as session:
        for entry in ids(few):
            assert [one.act for one in events_of(session, entry)] == ["register", "submit"]


def test_one_notice_announces_them_all(few: Cast) -> None:
    for move, role in PATH:
        move_all(few, move, role, data=NOTICE if move == "announce" else None)
    with few.database.read() as session:
        notices = session.execute(select(col(Version.notice_id)).distinct()).scalars().all()
    assert len(notices) == 1
    assert notices[0] is not None


def test_a_notice_has_one_date(few: Cast) -> None:
    for move, role in PATH[:-1]:
        move_all(few, move, role)
    one, *others = map(Subject, ids(few))
    move_all(few, "announce", "bureau", one, data=NOTICE)
    with pytest.raises(Conflict, match="已登记，日期是 2026-01-05"):
        move_all(few, "announce", "bureau", *others, data=NOTICE | {"date": "2026-11-21"})
    assert written(few)[2] == {"announced": 1, "approved": 2}


# ---- ... or none ------------------------------------------------------------------------------------------


def nothing_done(cast: Cast, deed: Callable[[], Any], error: type[Exception]) -> Any:
    before = written(cast)
    with pytest.raises(error) as refused:
        deed()
    assert written(cast) == before
    return refused.value


def test_one_that_may_not_go_holds_all_back_and_is_named(few: Cast, tmp_path: Path) -> None:
    wrong = content(resource_code="102024030201/000004", resource_name="企业年报信息", update_cycle=None)
    worse = content(resource_code="102024030201/000005", resource_name="企业注销信息", legal_basis=None)
    register(few.database, tmp_path, wrong, worse)
    refused = nothing_done(few, lambda: move_all(few, "submit", "steward"), MoveRefused)
    assert [refusal.name for refusal in refused.refusals] == ["102024030201/000004", "102024030201/000005"]
    text = str(refused)
    assert "000004：" in text
    assert "数据更新周期" in text
    assert {error["pointer"] for error in refused.details["errors"]} == {
        f"/subjects/{entry}" for entry in ids(few)[3:]
    }


def test_one_in_another_state_holds_all_back(few: Cast) -> None:
    move_all(few, "submit", "steward", Subject(ids(few)[1]))
    refused = nothing_done(few, lambda: move_all(few, "submit", "steward"), Conflict)
    assert "102024030201/000002" in refused.message


def test_one_of_another_agency_holds_all_back(few: Cast, tmp_path: Path) -> None:
    register(few.database, tmp_path, content("OK02"))
    nothing_done(few, lambda: move_all(few, "submit", "steward"), NotAllowed)


def test_one_that_is_not_there_holds_all_back(few: Cast) -> None:
    subjects = [Subject(ids(few)[0]), Subject("e404")]
    nothing_done(few, lambda: move_all(few, "submit", "steward", *subjects), NotFound)


def test_one_of_his_own_holds_all_back(few: Cast, tmp_path: Path) -> None:
    register(
        few.database,
        tmp_path,
        content(resource_code="102024030201/000009", resource_name="企业年报信息"),
        author="secrecy_reviewer",
    )
    move_all(few, "submit", "steward")
    refused = nothing_done(few, lambda: move_all(few, "clear", "secrecy_reviewer"), NotAllowed)
    assert "102024030201/000009 是您编制或提交的" in refused.message


def test_no_subject_is_no_move(few: Cast) -> None:
    def deed() -> None:
        with few.database.write() as session:
            perform_many(session, [], "submit", actor=few.actor("steward", session), now=few.now)

    assert "没有写明" in nothing_done(few, deed, Rejected).message


def test_two_resources_of_one_entry_go_together(at: Callable[[str], Cast]) -> None:
    cast = at("shelved")
    first = made_of(cast, "suspend")
    second = str(cast.act("attach", "steward", data=TABLE | {"name": "另一库表"}).distribution_id)
    cast.act("clear_data", "secrecy_reviewer", name=second)
    cast.record("provision_test", name=second)
    cast.act("shelve", "steward", name=second)
    entry = ids(cast)[0]
    both = [Subject(entry, key) for key in (first, second)]
    done = move_all(cast, "suspend", "bureau", *both, note="检修")
    assert [(one.distribution_id, one.after) for one in done] == [(first, "suspended"), (second, "suspended")]
    assert cast.state()[0] == "announced"


# ---- what cannot be kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"note": "长" * 2001}, "说明至多 2000 个字"),
        ({"data": {"hints": float("nan")}}, "不是 JSON 能写的值"),
        ({"data": {"hints": {}, "colour": 1, "size": 2}}, "不接受 colour、size；可给的内容：hints"),
    ],
)
def test_what_cannot_be_kept_is_refused(more: dict[str, Any], words: str, few: Cast) -> None:
    assert words in nothing_done(few, lambda: move_all(few, "submit", "steward", **more), Rejected).message


def test_what_no_database_takes_is_made_fit(database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    done = cast.act("submit", "steward", note="请审\0核\ud800", data={"hints": {"无\0": "\udfff"}})
    with database.read() as session:
        opinion = session.get_one(Opinion, done.opinion_id)
        assert (opinion.note, opinion.data) == ("请审\ufffd核\ufffd", {"hints": {"无\ufffd": "\ufffd"}})


@pytest.mark.parametrize("number", ["长" * 101, "\0"])
def test_a_notice_has_a_number_that_can_be_kept(number: str, database: Database, tmp_path: Path) -> None:
    cast = make_cast(database, tmp_path)
    cast.walk_to("announce")
    if number == "\0":
        assert cast.act("announce", "bureau", data=NOTICE | {"number": number}).after == "announced"
    else:
        with pytest.raises(Rejected, match="文号"):
            cast.act("announce", "bureau", data=NOTICE | {"number": number})
