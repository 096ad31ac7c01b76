"""Great Expectations over frames, streams and SQLite: counts, places, words, and never a value."""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

from catalog_specs import Specs
from validators.expect_results import Check, SuiteResult

pytest_plugins = ("tests.expecting",)

ITEMS = [
    {"item_name": "编号", "item_code": "id", "data_type": "I", "data_length": 3, "primary_flag": True},
    {"item_name": "手机", "item_code": "phone", "data_type": "C", "data_length": 13},
    {"item_name": "性别", "item_code": "sex", "data_type": "C", "value_range": "1-男、2-女"},
    {"item_name": "年龄", "item_code": "age", "data_type": "N", "data_length": 3, "value_range": "0~120"},
    {"item_name": "日期", "item_code": "day", "data_type": "D"},
]
CONTENT = {"items": ITEMS, "open_type": "1"}
ROWS = {
    "id": ["1", "2", "2", "x"],
    "phone": ["打13800138000", "138****8000", "遵义市红花岗区人民政府大楼四", ""],
    "sex": ["1", "女", "3", None],
    "age": ["12", "130", "x", "1234"],
    "day": ["2024-02-29", "2023-02-31", "20230101", "2023年1月3日"],
}


def of(result: SuiteResult, check: str, column: str) -> Check:
    return next(c for c in result.checks if (c.expectation, c.column) == (check, column))


def counted(result: SuiteResult) -> dict[tuple[str, str], tuple[bool | None, int]]:
    return {(c.expectation, c.column): (c.passed, c.unexpected) for c in result.checks}


@pytest.fixture(scope="module")
def framed(specs: Specs, expectations: Any) -> SuiteResult:
    return expectations.check_frame(pd.DataFrame(ROWS), CONTENT, specs)


EXPECTED = [
    ("columns", "", True, 0),
    ("filled", "id", True, 0),
    ("unique", "id", False, 2),
    ("type", "id", False, 1),
    ("type", "day", False, 1),
    ("length", "phone", False, 1),
    ("values", "sex", False, 1),
    ("range", "age", False, 3),
    ("digits", "age", False, 2),
    ("desensitized", "phone", False, 1),
    ("desensitized", "day", True, 0),
]


@pytest.mark.parametrize(("check", "column", "passed", "unexpected"), EXPECTED)
def test_a_frame_is_checked_as_its_items_say(
    framed: SuiteResult, check: str, column: str, passed: bool, unexpected: int
) -> None:
    found = of(framed, check, column)
    assert (found.passed, found.unexpected) == (passed, unexpected)


def test_rows_are_named_and_values_are_not(framed: SuiteResult) -> None:
    assert of(framed, "desensitized", "phone").place == "第 1 行"
    said = json.dumps(asdict(framed), ensure_ascii=False)
    assert "13800138000" not in said
    assert "1234" not in said


def test_checks_are_worded_in_chinese(framed: SuiteResult) -> None:
    assert of(framed, "range", "age").zh == "“age”在 0 至 120 之间：4 个值中 3 个不在范围内或不是数"
    assert framed.success is False


def test_a_stream_of_batches_gives_what_the_whole_gives(
    specs: Specs, framed: SuiteResult, expectations: Any
) -> None:
    table = pa.table({name: pa.array(values, pa.string()) for name, values in ROWS.items()})
    streamed = expectations.check_batches(iter(table.to_batches(max_chunksize=1)), CONTENT, specs)
    assert counted(streamed) == counted(framed)


def test_parts_are_added_up_and_keys_counted_across_them(specs: Specs, expectations: Any) -> None:
    few = _with_limits(specs, chunk_rows=2, distinct_keys=10)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in ROWS.items()})
    streamed = expectations.check_batches(iter(table.to_batches(max_chunksize=1)), CONTENT, few)
    assert (of(streamed, "unique", "id").unexpected, streamed.rows) == (2, 4)
    assert of(streamed, "range", "age").place == "第 2 行、第 3 行、第 4 行"


def test_keys_beyond_the_limit_are_undecided_and_the_suite_does_not_succeed(
    specs: Specs, expectations: Any
) -> None:
    few = _with_limits(specs, chunk_rows=2, distinct_keys=2)
    content = {"items": [ITEMS[0] | {"open_type": "3"}]}
    batch = pa.record_batch({"id": pa.array(["1", "2", "3"])})
    found = expectations.check_batches(iter([batch]), content, few)
    assert of(found, "unique", "id").passed is None
    assert "2 个" in of(found, "unique", "id").observed
    assert found.success is False


def test_a_file_without_a_row_has_its_columns_checked(specs: Specs, expectations: Any) -> None:
    empty = pa.RecordBatch.from_pydict({"id": pa.array([], pa.string())})
    found = expectations.check_batches(iter([empty]), CONTENT, specs)
    assert of(found, "columns", "").observed == "缺少 age、day、phone、sex"
    assert found.rows == 0


def test_whole_numbers_in_a_column_of_fractions_are_read_as_people_write_them(
    specs: Specs, expectations: Any
) -> None:
    content = {"items": [{"item_name": "号", "item_code": "no", "data_type": "N"}], "open_type": "1"}
    found = expectations.check_frame(pd.DataFrame({"no": [13800138000, None]}), content, specs)
    assert of(found, "desensitized", "no").unexpected == 1


def _with_limits(specs: Specs, **limits: int) -> Specs:
    scanning = specs.scanning
    law = scanning.expectations
    law = law.model_copy(update={"limits": law.limits.model_copy(update=limits)})
    documents = dict(specs.documents) | {"scanning": scanning.model_copy(update={"expectations": law})}
    return Specs(specs.profile, specs.digest + str(limits), documents, specs.codes)


# ---- a table in SQLite ------------------------------------------------------------------------------------


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data.sqlite3'}"


def put(address: str, *statements: str) -> None:
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_table_is_checked_and_its_rows_named_by_their_key(
    specs: Specs, address: str, expectations: Any
) -> None:
    put(
        address,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, phone VARCHAR(13), day TEXT)",
        "INSERT INTO t VALUES (7, '13800138000', '2024-01-01'), (8, NULL, NULL)",
    )
    found = expectations.check_table(address, "t", CONTENT, specs)
    assert of(found, "desensitized", "phone").place == "id=7"
    assert of(found, "column_type", "day").observed == "TEXT"
    assert (of(found, "desensitized", "phone").total, found.rows) == (1, 2)


def test_a_row_key_that_is_an_identifier_is_hidden(specs: Specs, address: str, expectations: Any) -> None:
    put(
        address,
        "CREATE TABLE t (phone TEXT PRIMARY KEY, sex TEXT)",
        "INSERT INTO t VALUES ('13800138000', '9')",
    )
    found = expectations.check_table(address, "t", CONTENT, specs)
    assert of(found, "values", "sex").place == "（行键含标识符，已隐去）"
    assert "13800138000" not in json.dumps(asdict(found))


def test_a_view_is_checked_as_a_table_is(specs: Specs, address: str, expectations: Any) -> None:
    put(
        address,
        "CREATE TABLE t (id INTEGER, phone TEXT)",
        "INSERT INTO t VALUES (1, '13800138000')",
        "CREATE VIEW v AS SELECT id, substr(phone, 1, 3) || '****' AS phone FROM t",
    )
    assert of(expectations.check_table(address, "v", CONTENT, specs), "desensitized", "phone").passed is True
    assert of(expectations.check_table(address, "t", CONTENT, specs), "desensitized", "phone").passed is False


def test_a_column_that_cannot_be_read_as_text_is_undecided(
    specs: Specs, address: str, expectations: Any
) -> None:
    put(address, "CREATE TABLE t (id INTEGER, photo BLOB)")
    found = expectations.check_table(address, "t", CONTENT, specs)
    assert of(found, "desensitized", "photo").passed is None
    assert "BLOB" in of(found, "desensitized", "photo").observed


def test_a_table_that_is_not_there_is_said_with_its_cure(
    specs: Specs, address: str, expectations: Any
) -> None:
    put(address, "CREATE TABLE t (id INTEGER)")
    with pytest.raises(expectations.NotChecked, match="没有表或视图“u”"):
        expectations.check_table(address, "u", CONTENT, specs)


def test_an_address_that_reaches_nothing_is_not_repeated(
    specs: Specs, tmp_path: Path, expectations: Any
) -> None:
    with pytest.raises(expectations.NotChecked) as raised:
        expectations.check_table(f"sqlite:///{tmp_path}/secret.db", "t", CONTENT, specs)
    assert "secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_was_given_is_left_as_it_was(specs: Specs, expectations: Any) -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (phone TEXT)")
        connection.exec_driver_sql("INSERT INTO t VALUES ('１３８００１３８０００')")
    found = expectations.check_table(engine, "t", CONTENT, specs)
    assert of(found, "desensitized", "phone").unexpected == 1
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 1
    engine.dispose()


# ---- the suite itself, and what importing costs -----------------------------------------------------------


def test_a_suite_is_made_of_an_entry_alone(specs: Specs, expectations: Any) -> None:
    made = expectations.suite_of(CONTENT, specs).to_json_dict()["expectations"]
    kinds = [row["type"] for row in made]
    assert kinds.count("expect_column_values_to_be_desensitized") == 5
    assert kinds[0] == "expect_table_columns_to_match_set"


def test_nothing_is_left_behind(
    specs: Specs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expectations: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    expectations.check_frame(pd.DataFrame(ROWS), CONTENT, specs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("door", ["api", "command"])
def test_starting_does_not_import_great_expectations(door: str) -> None:
    start = {
        "api": "from registry.settings import Settings; from registry.web import create_app; "
        "create_app(Settings('sqlite:///:memory:'))",
        "command": "import registry.cli",
    }[door]
    code = f"import sys; {start}; print('great_expectations' in sys.modules, 'pyspark' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
