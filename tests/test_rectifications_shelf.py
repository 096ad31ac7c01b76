"""What an open order to rectify keeps off the shelf, and what it leaves there (guard ``no_rectification``)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from registry.db import Database
from registry.errors import MuluError
from registry.models import Rectification, System
from tests.cast import Cast, make_cast
from tests.conftest import NOW
from tests.stages import attach, made_of, review_data, shelve
from tests.supervision_cast import DUE, ordered, stepped


def shelving(cast: Cast) -> str:
    try:
        return cast.act("shelve", "steward").after
    except MuluError as error:
        return error.message


def test_nothing_is_shelved_while_an_order_is_open(at: Callable[[str], Cast]) -> None:
    cast = at("reviewed")
    cast.record("provision_test", name=made_of(cast))
    number = ordered(cast.database).number
    told = shelving(cast)
    assert "所属系统没有未销号的整改" in told
    assert (
        f"{number}（待整改）：L39-1 未按要求编制或者更新政务数据目录；文号 遵数改〔2026〕3号，{DUE} 前整改"
        in told
    )
    assert "先完成整改并销号" in told
    stepped(cast.database, "steward", number, "report")
    assert f"{number}（已报结果待销号）" in shelving(cast)
    stepped(cast.database, "bureau", number, "close")
    assert shelving(cast) == "shelved"


def test_on_postgresql_too_and_a_cancelled_order_blocks_nothing(
    postgres_database: Database, tmp_path: Path
) -> None:
    cast = make_cast(postgres_database, tmp_path)
    cast.walk_to("none")
    for make in (attach, review_data):
        make(cast)
    cast.record("provision_test", name=made_of(cast))
    number = ordered(cast.database).number
    assert number in shelving(cast)
    stepped(cast.database, "bureau", number, "cancel")
    assert shelving(cast) == "shelved"


def test_what_is_shelved_stays_but_does_not_come_back(at: Callable[[str], Cast]) -> None:
    cast = at("shelved")
    number = ordered(cast.database).number
    cast.act("suspend", "head", note="检查")
    with pytest.raises(MuluError, match=number):
        cast.act("resume", "head", note="已处理")
    stepped(cast.database, "bureau", number, "cancel")
    assert cast.act("resume", "head", note="已处理").after == "shelved"


def test_another_system_is_not_touched(at: Callable[[str], Cast]) -> None:
    cast = at("reviewed")
    ordered(cast.database)
    with cast.database.write() as session:
        system = session.execute(select(System)).scalars().one()
        values = {
            "agency_id": system.agency_id,
            "profile": system.profile,
            "life": "operating",
            "created_at": NOW,
        }
        session.add(System(id="sother", name="另一系统", **values))
        session.flush()
        session.execute(update(Rectification).values(system_id="sother"))
    shelve(cast)
