"""The register held against the record: what is changed in the tables without an act is found and named."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlmodel import SQLModel, col

from registry.db import Database
from registry.models import Opinion, RoleGrant, Version
from registry.reconcile import differences
from tests.cast import PATH, Cast, make_cast
from tests.web_people import agency, person


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    made = make_cast(database, tmp_path)
    made.walk(*PATH)
    return made


def found(cast: Cast) -> list[str]:
    with cast.database.read() as session:
        return list(differences(session))


def test_what_was_done_by_acts_agrees(cast: Cast) -> None:
    assert found(cast) == []


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (Opinion, {"login": "head"}, "与审计记录不符"),
        (Opinion, {"role": "head"}, "与审计记录不符"),
        (Version, {"content": {"resource_name": "另一个"}}, "内容与摘要不符"),
        (Version, {"share_type": "3"}, "与内容不符"),
        (Version, {"digest": "0" * 64}, "摘要与审计记录不符"),
    ],
)
def test_a_row_that_was_written_over_is_named(
    cast: Cast, table: type[SQLModel], values: dict[str, object], words: str
) -> None:
    with cast.database.write() as session:
        session.execute(update(table).values(**values))
    assert any(words in line and cast.code in line for line in found(cast))


def test_a_signature_that_was_taken_away_is_missed(cast: Cast) -> None:
    with cast.database.write() as session:
        session.execute(delete(Opinion).where(col(Opinion.move) == "approve"))
    assert any("办理的 approve" in line and "不见了" in line for line in found(cast))


def test_a_version_put_in_force_without_an_act_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    cast = make_cast(sqlite_database, tmp_path)
    with sqlite_database.write() as session:
        session.execute(update(Version).values(state="announced"))
    assert found(cast) == [f"{cast.code} 第 1 版：状态是“announced”，审计记录里没有办到这一步的行为"]


def test_a_role_that_nobody_granted_is_named(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.write() as session:
        person(session, "zhang", "steward", of=agency(session))
        session.execute(update(RoleGrant).values(role="auditor"))
    with sqlite_database.read() as session:
        assert ["auditor" in line for line in differences(session)] == [True]
