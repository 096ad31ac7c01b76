"""Table lists read from a database, a DDL file or a data dictionary: nothing of them is left unseen."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import create_engine, text

from registry.errors import MuluError, Rejected
from registry.table_reading import read_tables

Workbook = Callable[..., Path]
DDL = """
CREATE TABLE t_qydj (id INT PRIMARY KEY, mc VARCHAR(50)) COMMENT='企业登记基本信息';
CREATE TABLE t_log (id INT);
CREATE VIEW v_qydj AS SELECT id FROM t_qydj;
CREATE TEMPORARY TABLE t_now (id INT);
"""


def written(tmp_path: Path, content: str, name: str = "结构.sql") -> str:
    (tmp_path / name).write_text(content, "utf-8")
    return str(tmp_path / name)


def test_a_ddl_file_lists_its_tables_and_tells_its_views(tmp_path: Path) -> None:
    found = read_tables(written(tmp_path, DDL))
    assert (found.found_in, found.source) == ("ddl", "结构.sql")
    assert [(t.name, t.comment, t.columns) for t in found.tables] == [
        ("t_qydj", "企业登记基本信息", 2),
        ("t_log", "", 1),
    ]
    assert any("视图 1 个不计入" in note for note in found.notes)


def test_a_table_without_columns_is_listed_all_the_same(tmp_path: Path) -> None:
    found = read_tables(written(tmp_path, "CREATE TABLE a (id INT);\nCREATE TABLE b AS SELECT * FROM a;"))
    assert [(t.name, t.columns) for t in found.tables] == [("a", 1), ("b", 0)]


def test_a_table_that_cannot_be_read_stops_the_list(tmp_path: Path) -> None:
    broken = "CREATE TABLE a (id INT);\nCREATE TABLE b (id INT"
    with pytest.raises(Rejected, match="没有读全"):
        read_tables(written(tmp_path, broken))


def test_tables_of_one_name_in_two_schemas_are_told_apart(tmp_path: Path) -> None:
    found = read_tables(written(tmp_path, "CREATE TABLE x.t (id INT);\nCREATE TABLE y.t (id INT);"))
    assert [table.name for table in found.tables] == ["x.t", "y.t"]


def test_a_sqlite_database_is_reflected(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "业务.db")
    connection.executescript("CREATE TABLE t_a (id INTEGER, mc TEXT); CREATE VIEW v AS SELECT id FROM t_a;")
    connection.close()
    found = read_tables(f"sqlite:///{tmp_path / '业务.db'}")
    assert (found.found_in, found.source) == ("reflection", "sqlite")
    assert [(table.name, table.columns) for table in found.tables] == [("t_a", 2)]


@pytest.mark.postgres
def test_a_postgres_schema_is_reflected_with_its_comments(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA lists_test"))
        connection.execute(text("CREATE TABLE lists_test.person (id int, xm text)"))
        connection.execute(text("COMMENT ON TABLE lists_test.person IS '人口基本信息'"))
        parts = "CREATE TABLE lists_test.event (id int, year int) PARTITION BY LIST (year)"
        connection.execute(text(parts))
        part = "CREATE TABLE lists_test.event_2025 PARTITION OF lists_test.event FOR VALUES IN (2025)"
        connection.execute(text(part))
    found = read_tables(postgres_url, schema="lists_test")
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA lists_test CASCADE"))
    engine.dispose()
    assert [(t.name, t.comment, t.columns) for t in found.tables] == [
        ("event", "", 2),
        ("person", "人口基本信息", 2),
    ]
    assert "@" not in found.source and "127.0.0.1" not in found.source


def test_a_named_source_is_read_and_its_address_is_told_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite3.connect(tmp_path / "b.db")
    connection.execute("CREATE TABLE t (id INTEGER)")
    connection.close()
    monkeypatch.setenv("MULU_SOURCE_DJ_URL", f"sqlite:///{tmp_path / 'b.db'}")
    found = read_tables("source:dj")
    assert (found.source, len(found.tables)) == ("source:dj", 1)
    with pytest.raises(Rejected, match="MULU_SOURCE_OTHER_URL"):
        read_tables("source:other")


def test_a_password_is_never_repeated() -> None:
    with pytest.raises(Rejected) as refused:
        read_tables("postgresql://reader:Geheim77@127.0.0.1:1/none")
    assert "Geheim77" not in str(refused.value) and "reader" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "more", "says"),
    [
        ("sqlite:///x.db", {"dialect": "mysql"}, "--dialect 只用于建表语句"),
        ("x.sql", {"schema": "s"}, "--schema 只用于数据库"),
        ("x.xlsx", {"dialect": "mysql"}, "数据字典"),
        ("nowhere.sql", {}, "不存在"),
    ],
)
def test_what_does_not_go_together_is_refused(source: str, more: dict[str, str], says: str) -> None:
    with pytest.raises(MuluError, match=says):
        read_tables(source, **more)


# ---- data dictionaries ------------------------------------------------------------------------------------


def test_a_dictionary_with_a_row_a_table(workbook: Workbook) -> None:
    rows = [["系统数据字典"], ["序号", "表名", "表说明"], [1, "t_a", "甲"], [2, "t_b", None]]
    found = read_tables(str(workbook(字典=rows, 封面=[["登记系统"]])))
    assert [(t.name, t.comment, t.columns) for t in found.tables] == [("t_a", "甲", 0), ("t_b", "", 0)]
    assert found.notes == ("工作表“封面”没有表名列，未读",)


def test_a_dictionary_with_a_row_a_column(workbook: Workbook) -> None:
    rows = [
        ["表名", "表中文名", "字段名"],
        *[["t_a", "甲", "id"], ["t_a", "甲", "mc"], ["t_b", "乙", "id"]],
    ]
    found = read_tables(str(workbook(字段=rows)))
    assert [(t.name, t.comment, t.columns) for t in found.tables] == [("t_a", "甲", 2), ("t_b", "乙", 1)]


def test_a_dictionary_in_csv_and_in_english(tmp_path: Path) -> None:
    source = written(tmp_path, "Table_Name,Column_Name\nt_a,id\nt_a,mc\n", "dict.csv")
    assert [(t.name, t.columns) for t in read_tables(source).tables] == [("t_a", 2)]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([["表名"], ["t_a"], ["t_a"]], "第 3 行：表“t_a”在 字典 第 2 行 已有"),
        ([["表名", "字段名"], ["t_a", "id"], ["", "mc"]], "第 3 行没有表名"),
        ([["表名", "字段名"], ["t_a", ""]], "没有字段名"),
        ([["表名", "字段名"], ["t_a", "id"], ["t_a", "id"]], "字段“id”重复"),
        ([["表名"], [7]], "不是文字"),
        ([["表名"], ["=A1"]], "公式"),
        ([["表名", "库表名"], ["a", "b"]], "同义"),
        ([["名称", "说明"], ["t_a", "甲"]], "没有“表名”列"),
        ([["表名"], ["a\tb"]], "控制字符"),
        ([["表名"]], "没有表"),
    ],
)
def test_a_dictionary_is_read_strictly(workbook: Workbook, rows: list[list[object]], says: str) -> None:
    with pytest.raises(Rejected, match=says):
        read_tables(str(workbook(字典=rows)))


def test_merged_cells_do_not_tell_whose_row_it_is(workbook: Workbook) -> None:
    path = workbook(字典=[["表名", "字段名"], ["t_a", "id"], [None, "mc"]])
    book = load_workbook(path)
    book["字典"].merge_cells("A2:A3")
    book.save(path)
    with pytest.raises(Rejected, match="合并单元格 A2:A3"):
        read_tables(str(path))


def test_the_same_table_on_two_sheets_is_refused(workbook: Workbook) -> None:
    with pytest.raises(Rejected, match="已有"):
        read_tables(str(workbook(甲=[["表名"], ["t"]], 乙=[["表名"], ["t"]])))


@pytest.mark.parametrize("place", ["dictionary", "ddl"])
def test_something_marked_secret_stops_the_list_without_a_word_of_it(
    workbook: Workbook, tmp_path: Path, place: str
) -> None:
    ddl = "CREATE TABLE t_x (id INT) COMMENT='布防图 机密★10年';"
    rows = [["表名", "表说明"], ["t_x", "布防图 机密★10年"]]
    source = str(workbook(字典=rows)) if place == "dictionary" else written(tmp_path, ddl)
    with pytest.raises(Rejected, match="E125") as refused:
        read_tables(source)
    assert "布防" not in str(refused.value) and "t_x" not in str(refused.value)
