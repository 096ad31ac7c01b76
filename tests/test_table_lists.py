"""The table list of a system: a new one replaces the old one, every table is decided by somebody."""

from pathlib import Path

import pytest
from sqlalchemy import select

from registry.audit import events_of
from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, NotFound, Rejected
from registry.lookup import find_entry
from registry.models import SystemTable
from registry.permits import EVERYTHING
from registry.table_coverage import coverage, tables_of
from registry.table_lists import cover, cover_each, exclude, import_tables, undecide
from registry.table_matching import exact_ones, suggestions
from tests.acceptance_cast import SYSTEM, as_login, give_list, listed, set_system, system_of
from tests.cast import PATH, Cast, content, make_cast, register


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    return make_cast(database, tmp_path)


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Cast:
    return make_cast(sqlite_database, tmp_path)


def leave_system(cast: Cast) -> None:
    """The entry is no longer of the system."""
    with cast.database.write() as session:
        find_entry(session, cast.code, sight=EVERYTHING).entry.system_id = None


def states(cast: Cast) -> dict[str, str]:
    with cast.database.read() as session:
        return {one.name: one.state for one in tables_of(session, system_of(cast))}


def test_a_list_is_taken_in_and_nothing_of_it_is_decided(cast: Cast) -> None:
    change = give_list(cast, "t_qydj", "t_log")
    assert (change.total, change.added, change.gone, change.decided) == (2, ("t_log", "t_qydj"), (), 0)
    assert states(cast) == {"t_qydj": "undecided", "t_log": "undecided"}
    with cast.database.read() as session:
        (event,) = events_of(session, system_of(cast).id)
    assert (event.act, event.actor) == ("import_tables", "steward")
    assert (event.details or {})["tables"] == 2


def test_a_new_list_keeps_decisions_tells_new_tables_and_lets_others_go(cast: Cast) -> None:
    give_list(cast, "t_qydj", "t_log", "t_old")
    as_login(cast, "steward", exclude, SYSTEM, ["t_log"], "system_table", why="只有操作日志")
    change = give_list(cast, "T_QYDJ", "t_log", "t_new")
    assert (change.added, change.gone, change.decided) == (("t_new",), ("t_old",), 1)
    assert states(cast) == {"T_QYDJ": "undecided", "t_log": "excluded", "t_new": "undecided"}
    with cast.database.read() as session:
        gone = [row.name for row in session.execute(select(SystemTable)).scalars() if row.gone_at]
    assert gone == ["t_old"]


def test_a_table_that_comes_back_has_its_decision_again(here: Cast) -> None:
    give_list(here, "a", "b")
    as_login(here, "steward", exclude, SYSTEM, ["b"], "temporary", why="每日清空")
    give_list(here, "a")
    assert states(here) == {"a": "undecided"}
    assert give_list(here, "a", "b").back == ("b",)
    assert states(here)["b"] == "excluded"


def test_two_tables_that_differ_in_capitals_alone_are_two(here: Cast) -> None:
    give_list(here, "t_a", "T_A")
    assert set(states(here)) == {"t_a", "T_A"}
    with pytest.raises(Conflict, match="只差大小写"):
        as_login(here, "steward", exclude, SYSTEM, ["T_a"], "temporary", why="x")


def test_an_entry_that_is_not_announced_covers_a_table_only_in_part(cast: Cast) -> None:
    give_list(cast, "t_qydj")
    as_login(cast, "steward", cover, SYSTEM, ["T_Qydj"], cast.code)
    assert states(cast) == {"t_qydj": "drafted"}
    with cast.database.read() as session:
        found = coverage(session, system_of(cast))
    assert (found.rate, found.open) == (0.0, 1)


def test_an_announced_entry_of_the_system_covers_a_table(cast: Cast) -> None:
    cast.walk(*PATH)
    give_list(cast, "t_qydj", "t_log", "t_tmp")
    as_login(cast, "contractor", cover, SYSTEM, ["t_qydj"], cast.code)
    as_login(cast, "steward", exclude, SYSTEM, ["t_log"], "system_table", why="日志")
    with cast.database.read() as session:
        found = coverage(session, system_of(cast))
    assert (found.counts["covered"], found.counts["excluded"], found.counts["undecided"]) == (1, 1, 1)
    assert (found.owing, found.rate, found.open) == (2, 0.5, 1)


def test_a_decision_can_be_taken_back_and_is_on_the_record(here: Cast) -> None:
    give_list(here, "t")
    as_login(here, "steward", exclude, SYSTEM, ["t"], "empty", why="2023 年起停用，无数据")
    as_login(here, "steward", undecide, SYSTEM, ["t"])
    assert states(here) == {"t": "undecided"}
    with here.database.read() as session:
        acts = [event.act for event in events_of(session, system_of(here).id)]
    assert sorted(acts) == ["exclude_tables", "import_tables", "undecide_tables"]
    with pytest.raises(Conflict, match="还没有决定"):
        as_login(here, "steward", undecide, SYSTEM, ["t"])


def test_a_copy_names_the_table_that_it_is_of(here: Cast) -> None:
    give_list(here, "t", "t_bak")
    with pytest.raises(Rejected, match="须写明原表"):
        as_login(here, "steward", exclude, SYSTEM, ["t_bak"], "copy", why="每周备份")
    with pytest.raises(Rejected, match="自己的副本"):
        as_login(here, "steward", exclude, SYSTEM, ["t_bak"], "copy", why="备份", of="t_bak")
    as_login(here, "steward", exclude, SYSTEM, ["t_bak"], "copy", why="每周备份", of="t")
    with here.database.read() as session:
        assert tables_of(session, system_of(here))[1].why == "原表 t：每周备份"


@pytest.mark.parametrize(
    ("reason", "why", "error", "says"),
    [
        ("secret", "涉密", Rejected, "连表名也不得写入"),
        ("nothing", "x", NotFound, "没有排除理由"),
        ("temporary", "  ", Rejected, "具体理由"),
        ("temporary", "x" * 501, Rejected, "具体理由"),
    ],
)
def test_a_table_is_not_left_out_for_no_reason(
    here: Cast, reason: str, why: str, error: type[MuluError], says: str
) -> None:
    give_list(here, "t")
    with pytest.raises(error, match=says):
        as_login(here, "steward", exclude, SYSTEM, ["t"], reason, why=why)
    assert states(here) == {"t": "undecided"}


@pytest.mark.parametrize("login", ["head", "contractor", "bureau", "auditor"])
def test_only_the_steward_enters_lists_and_leaves_tables_out(here: Cast, login: str) -> None:
    with pytest.raises(NotAllowed):
        as_login(here, login, import_tables, SYSTEM, listed("t"))
    give_list(here, "t")
    with pytest.raises(NotAllowed):
        as_login(here, login, exclude, SYSTEM, ["t"], "temporary", why="x")


def test_who_may_not_decide_may_not_take_back(here: Cast) -> None:
    give_list(here, "t")
    as_login(here, "steward", exclude, SYSTEM, ["t"], "temporary", why="x")
    with pytest.raises(NotAllowed):
        as_login(here, "contractor", undecide, SYSTEM, ["t"])


def test_who_may_not_leave_a_table_out_may_not_undo_it_by_an_entry(here: Cast) -> None:
    give_list(here, "t")
    as_login(here, "steward", exclude, SYSTEM, ["t"], "temporary", why="x")
    with pytest.raises(NotAllowed):
        as_login(here, "contractor", cover, SYSTEM, ["t"], here.code)
    as_login(here, "steward", cover, SYSTEM, ["t"], here.code)
    assert states(here) == {"t": "drafted"}


def test_an_entry_of_another_system_covers_nothing(here: Cast) -> None:
    give_list(here, "t")
    leave_system(here)
    with pytest.raises(Conflict, match="不属于"):
        as_login(here, "steward", cover, SYSTEM, ["t"], here.code)


def test_an_entry_that_left_the_system_leaves_its_table_open(here: Cast) -> None:
    give_list(here, "t")
    as_login(here, "steward", cover, SYSTEM, ["t"], here.code)
    leave_system(here)
    assert states(here) == {"t": "lost"}


def test_an_external_system_has_no_list(here: Cast) -> None:
    set_system(here, system_class="02")
    with pytest.raises(Conflict, match="外部系统"):
        give_list(here, "t")


def test_a_table_that_is_not_on_the_list_is_told(here: Cast) -> None:
    give_list(here, "t")
    with pytest.raises(NotFound, match="没有表“x”"):
        as_login(here, "steward", cover, SYSTEM, ["t", "x"], here.code)
    assert states(here) == {"t": "undecided"}


# ---- suggestions ------------------------------------------------------------------------------------------


def hints(cast: Cast) -> list[tuple[str, str, bool, str]]:
    with cast.database.read() as session:
        system = system_of(cast)
        found = suggestions(session, system, tables_of(session, system))
        return [(one.table, one.by, one.exact, one.reason) for one in found]


def test_names_and_comments_suggest_and_only_exact_ones_are_confirmed_together(cast: Cast) -> None:
    comments = {"t_qydj": "企业登记基本信息", "t_near": "企业登记基本信息明细", "sys_log": ""}
    give_list(cast, "t_qydj", "t_near", "sys_log", **comments)
    found = hints(cast)
    assert found == [
        ("sys_log", "reason", False, "system_table"),
        ("t_near", "near", False, ""),
        ("t_qydj", "comment", True, ""),
    ]
    assert set(states(cast).values()) == {"undecided"}
    with cast.database.read() as session:
        system = system_of(cast)
        chosen = exact_ones(suggestions(session, system, tables_of(session, system)))
    as_login(cast, "steward", cover_each, SYSTEM, chosen)
    assert states(cast) == {"t_qydj": "drafted", "t_near": "undecided", "sys_log": "undecided"}


def test_a_table_that_two_entries_fit_is_nobodys(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path)
    register(sqlite_database, tmp_path, content(resource_code="102024030201/000002", resource_name="t_qydj"))
    give_list(cast, "t_qydj", t_qydj="企业登记基本信息")
    assert {(exact, by) for _table, by, exact, _reason in hints(cast)} == {
        (False, "comment"),
        (False, "name"),
    }
