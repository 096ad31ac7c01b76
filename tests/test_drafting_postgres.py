"""Catalogue entries drafted from a running PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from registry.drafting import CannotDraft, draft_from_database

pytestmark = pytest.mark.postgres

SCHEMA = "drafting_test"
TABLES = """
DROP SCHEMA IF EXISTS drafting_test CASCADE;
CREATE SCHEMA drafting_test;
SET search_path = drafting_test;
CREATE TYPE level AS ENUM ('甲', '乙');
CREATE DOMAIN id_number AS varchar(18);
CREATE TABLE person (
    id bigserial PRIMARY KEY, xm varchar(50), sfzh id_number, lv level, tags text[], place point,
    je numeric(16, 2), gxsj timestamp(3)
);
COMMENT ON TABLE person IS '人口基本信息';
COMMENT ON COLUMN person.xm IS '姓名';
COMMENT ON COLUMN person.sfzh IS '公民身份号码（18位）';
CREATE TABLE event (id int, year int) PARTITION BY LIST (year);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES IN (2025);
CREATE VIEW v_person AS SELECT id, xm FROM person;
CREATE MATERIALIZED VIEW m_person AS SELECT id FROM person;
CREATE TABLE nothing ();
RESET search_path;
"""


@pytest.fixture
def drafting_url(postgres_url: str) -> Iterator[str]:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text(TABLES))
    yield postgres_url
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    engine.dispose()


def entry_named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["resource_name"] == name)


def test_a_postgres_schema_is_drafted_with_its_comments(drafting_url: str) -> None:
    person = entry_named(draft_from_database(drafting_url, schema=SCHEMA).entries, "人口基本信息")
    found = {item["item_code"]: item for item in person["items"]}
    assert person["format_type"] == ["PostgreSQL"]
    assert (found["xm"]["item_name"], found["xm"]["data_length"]) == ("姓名", 50)
    assert [found[code]["primary_flag"] for code in ("id", "xm")] == [True, False]
    assert (found["je"]["data_length"], found["je"]["data_precision"]) == (16, 2)
    assert found["gxsj"]["timestamp_flag"] is True


def test_types_that_postgres_users_define_are_followed(drafting_url: str) -> None:
    person = entry_named(draft_from_database(drafting_url, schema=SCHEMA).entries, "人口基本信息")
    found = {item["item_code"]: item for item in person["items"]}
    assert (found["sfzh"]["data_type"], found["sfzh"]["data_length"]) == ("C", 18)
    assert (found["lv"]["data_type"], found["lv"]["value_range"]) == ("C", "甲、乙")
    assert (found["tags"]["data_type"], found["place"]["data_type"]) == ("G", "G")


def test_partitions_and_tables_without_columns_are_skipped(drafting_url: str) -> None:
    drafted = draft_from_database(drafting_url, schema=SCHEMA)
    assert (drafted.tables_read, sorted(drafted.tables_skipped)) == (4, ["event_2025", "nothing"])


def test_views_are_drafted_and_told(drafting_url: str) -> None:
    drafted = draft_from_database(drafting_url, schema=SCHEMA, only=["v_person", "m_person"])
    assert [len(entry["items"]) for entry in drafted.entries] == [1, 2]
    told = {note.table for note in drafted.notes if note.text.startswith("这是视图")}
    assert told == {"v_person", "m_person"}


def test_a_schema_without_tables_is_refused(drafting_url: str) -> None:
    with pytest.raises(CannotDraft, match="模式“nobody”里没有表"):
        draft_from_database(drafting_url, schema="nobody")
