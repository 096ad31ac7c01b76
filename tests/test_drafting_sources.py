"""Where drafts come from: files in the encodings of offices, SQLite files, addresses of databases."""

import sqlite3
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from registry.drafting import CannotDraft, draft, draft_from_database

DUMP = "CREATE TABLE `t_person` (\n  `xm` varchar(50) COMMENT '姓名'\n) COMMENT='人口基本信息';\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_file_is_read_in_the_encodings_that_offices_use(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "tables.sql"
    path.write_bytes(DUMP.encode(encoding))
    assert draft(str(path)).entries[0]["resource_name"] == "人口基本信息"


def test_pictures_in_a_dump_do_not_spoil_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "tables.sql"
    path.write_bytes(DUMP.encode() + b"\nINSERT INTO p VALUES (_binary '\xff\xd8\xfe');\n")
    assert draft(str(path)).entries[0]["resource_name"] == "人口基本信息"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tables.sql"
    path.write_bytes(b"CREATE TABLE a (\xff\xff\xff int);")
    with pytest.raises(CannotDraft, match="既不是 UTF-8 也不是 GB18030"):
        draft(str(path))


def test_a_file_that_does_not_exist_is_refused() -> None:
    with pytest.raises(CannotDraft, match="文件不存在：nowhere"):
        draft("nowhere.sql")


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "people.db"
    script = """
        CREATE TABLE t_person (
            id INTEGER PRIMARY KEY AUTOINCREMENT, -- 编号
            xm STRING(50) NOT NULL, -- 姓名
            csrq DATE,
            update_time DATETIME
        );
        CREATE VIEW v_person AS SELECT id, xm FROM t_person;
        CREATE TABLE alembic_version (version_num VARCHAR(32));
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(textwrap.dedent(script))
    return path


def test_a_sqlite_database_is_drafted_with_the_remarks_of_its_authors(sqlite_file: Path) -> None:
    drafted = draft_from_database(f"sqlite:///{sqlite_file}")
    found = {item["item_code"]: item for item in drafted.entries[0]["items"]}
    assert (drafted.tables_read, drafted.tables_skipped) == (2, ["alembic_version"])
    assert (found["id"]["item_name"], found["id"]["primary_flag"]) == ("编号", True)
    assert (found["xm"]["data_type"], found["xm"]["data_length"]) == ("C", 50)
    assert found["update_time"]["timestamp_flag"] is True
    told = [note.text for note in drafted.notes if note.column == "xm"]
    assert told[0] == "名称取自行尾说明，不是库里的注释，请核对"


def test_a_sqlite_database_is_not_written_to(sqlite_file: Path) -> None:
    before = sqlite_file.read_bytes()
    draft(f"sqlite:///{sqlite_file}", only=["T_PERSON"])
    assert sqlite_file.read_bytes() == before
    assert [path.name for path in sqlite_file.parent.iterdir()] == ["people.db"]


def test_a_missing_sqlite_file_is_refused_and_not_created(tmp_path: Path) -> None:
    path = tmp_path / "missing.db"
    with pytest.raises(CannotDraft, match="SQLite 文件不存在"):
        draft(f"sqlite:///{path}")
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("没有库" * 400, "utf-8")
    with pytest.raises(CannotDraft, match="file is not a database"):
        draft(f"sqlite:///{path}")


def test_a_table_that_does_not_exist_is_refused(sqlite_file: Path) -> None:
    with pytest.raises(CannotDraft, match="没有找到表：t_nobody"):
        draft(f"sqlite:///{sqlite_file}", only=["t_nobody"])


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:s3cret@127.0.0.1:1/x",
        "postgresql://u:ab@s3cret@127.0.0.1/x",
        "postgresql://u:s3cret@host:port/x",
        "postgresql://u@127.0.0.1:1/x?password=s3cret&nonsense=1",
        "postgresql+nodriver://u:s3cret@127.0.0.1/x",
        "redis://u:s3cret@127.0.0.1/x",
        "u:s3cret@127.0.0.1",
    ],
)
def test_a_password_never_stands_in_an_error(address: str) -> None:
    with pytest.raises(CannotDraft) as caught:
        draft(address)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_database_that_is_not_listed_is_refused() -> None:
    with pytest.raises(CannotDraft, match="不支持从“redis”起草；可用的有 sqlite、postgresql、mysql"):
        draft("redis://127.0.0.1/0")


def test_a_missing_driver_is_told_with_its_cure() -> None:
    with pytest.raises(CannotDraft, match=r"没有安装驱动 dmPython；请先运行 pip install dmPython"):
        draft("dm://SYSDBA:s3cret@127.0.0.1:5236")
