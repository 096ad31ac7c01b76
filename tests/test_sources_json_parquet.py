"""JSON and Parquet files, and frames, as sources."""

import datetime as dt
import gzip
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from catalog_specs import Specs
from registry.sources import Source, SourceUnreadable, open_file, open_frame
from tests.test_sources_csv import keys_of, rows_of


def _json(folder: Path, specs: Specs, text: str | bytes, name: str = "数据.jsonl") -> Source:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_file(path, specs)


# ---- JSON -------------------------------------------------------------------------------------------------


def test_the_keys_of_all_lines_are_the_columns(tmp_path: Path, specs: Specs) -> None:
    source = _json(tmp_path, specs, '{"姓名": "张三"}\n\n{"年龄": 30, "姓名": ""}\n')
    assert source.columns == ("姓名", "年龄")
    assert (rows_of(source), source.complete) == ([("张三", None), (None, "30")], True)


def test_values_become_text(tmp_path: Path, specs: Specs) -> None:
    line = '{"a": 110105194912310021, "b": 12.50, "c": true, "d": null, "e": [1, "二"], "f": {"x": 1.5}}\n'
    expected = ("110105194912310021", "12.50", "true", None, '[1,"二"]', '{"x":"1.5"}')
    assert rows_of(_json(tmp_path, specs, line)) == [expected]


@pytest.mark.parametrize("written", ["1.1010519491231E+17", "110105194912310000.0", "1.1010519491231e17"])
def test_a_number_that_lost_its_digits_is_seen_to_have_lost_them(
    tmp_path: Path, specs: Specs, written: str
) -> None:
    assert rows_of(_json(tmp_path, specs, f'{{"a": {written}}}')) == [("1.1010519491231E+17",)]


@pytest.mark.parametrize(
    "bad", ['{"a": 1', "[1]", "7", '{"a": 1, "a": 2}', '{"a": "\\ud800"}', '{"a": ' + "[" * 100_000 + "}"]
)
def test_a_line_that_is_no_object_is_told_and_the_others_are_read(
    tmp_path: Path, specs: Specs, bad: str
) -> None:
    source = _json(tmp_path, specs, '{"a": 1}\n' + bad + '\n{"a": 3}\n')
    assert rows_of(source) == [("1",), ("3",)]
    assert (keys_of(source), source.complete) == (["bad_line"], False)
    assert "第 2 行：" in source.problems[0].reason


def test_an_array_of_objects_is_read(tmp_path: Path, specs: Specs) -> None:
    rows = [{"a": f"值{n}]}}", "b": {"c": [n, '"']}} for n in range(30_000)]
    source = _json(tmp_path, specs, json.dumps(rows, ensure_ascii=False, indent=1), "数据.json")
    found = rows_of(source)
    assert (len(found), found[-1], source.complete) == (30_000, ("值29999]}", '{"c":[29999,"\\""]}'), True)


@pytest.mark.parametrize("end", ["", ",", ',{"a"', ',{"a": 3'])
def test_an_array_without_an_end_is_not_complete(tmp_path: Path, specs: Specs, end: str) -> None:
    source = _json(tmp_path, specs, '[{"a": 1},\n{"a": 2}' + end, "数据.json")
    assert rows_of(source)[0] == ("1",)
    assert (keys_of(source), source.complete) == (["bad_line"], False)


def test_what_follows_an_array_is_told(tmp_path: Path, specs: Specs) -> None:
    source = _json(tmp_path, specs, '[{"a": 1}]\n{"a": 2}', "数据.json")
    assert (rows_of(source), keys_of(source)) == ([("1",)], ["bad_line"])


def test_a_file_of_json_without_objects_is_refused(tmp_path: Path, specs: Specs) -> None:
    with pytest.raises(SourceUnreadable, match="里面没有 JSON 对象"):
        _json(tmp_path, specs, "[1, 2]", "数据.json")


def test_json_is_unpacked_decoded_and_hashed(tmp_path: Path, specs: Specs) -> None:
    packed = gzip.compress('{"姓名": "张三"}\n'.encode("gb18030"))
    source = _json(tmp_path, specs, packed, "数据.jsonl.gz")
    assert (rows_of(source), source.sha256) == ([("张三",)], hashlib.sha256(packed).hexdigest())


def test_a_line_beyond_the_limit_ends_the_reading(tmp_path: Path, specs: Specs) -> None:
    long = "x" * (specs.scanning.inputs.row_bytes + 2_000_000)
    source = _json(tmp_path, specs, '{"a": 1}\n{"a": "' + long + '"}\n{"a": 3}\n')
    assert (rows_of(source), keys_of(source), source.complete) == ([("1",)], ["long_row"], False)


# ---- Parquet ----------------------------------------------------------------------------------------------

TYPED: dict[str, tuple[pa.DataType, Any, str | None]] = {
    "文本": (pa.string(), "张三", "张三"),
    "空": (pa.string(), "", None),
    "长": (pa.large_string(), "长", "长"),
    "字典": (pa.dictionary(pa.int32(), pa.string()), "女", "女"),
    "整数": (pa.int64(), 110105194912310021, "110105194912310021"),
    "浮点": (pa.float64(), 1.1010519491231e17, "1.1010519491231E+17"),
    "手机": (pa.float64(), 13900000001.0, "13900000001"),
    "单精度": (pa.float32(), 1.1, "1.1"),
    "小数": (pa.decimal128(20, 2), Decimal("12.50"), "12.50"),
    "日期": (pa.date32(), dt.date(1990, 1, 2), "1990-01-02"),
    "时刻": (pa.timestamp("us"), dt.datetime.fromisoformat("2020-01-02 03:04:05.5"), "2020-01-02 03:04:05.5"),
    "整秒": (pa.timestamp("ns"), dt.datetime.fromisoformat("2020-01-02 03:04:05"), "2020-01-02 03:04:05"),
    "时区": (
        pa.timestamp("s", "Asia/Shanghai"),
        dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
        "2020-01-02 08:00:00+08:00",
    ),
    "真假": (pa.bool_(), True, "true"),
    "二进制": (pa.binary(), b"\x00\xff", "00ff"),
    "字节里的字": (pa.binary(), b"13900000001", "13900000001"),
    "列表": (pa.list_(pa.int64()), [1, 2], "[1,2]"),
    "结构": (pa.struct([("x", pa.string())]), {"x": "值"}, '{"x":"值"}'),
    "无": (pa.null(), None, None),
}


@pytest.mark.parametrize("name", TYPED)
def test_each_type_of_parquet_becomes_text(tmp_path: Path, specs: Specs, name: str) -> None:
    kind, value, expected = TYPED[name]
    path = tmp_path / "数据.parquet"
    parquet.write_table(pa.table({name: pa.array([value, None], kind)}), path)
    source = open_file(path, specs)
    assert (rows_of(source), source.complete) == ([(expected,), (None,)], True)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_is_of_names_and_types(tmp_path: Path, specs: Specs) -> None:
    digests = set()
    for kind in (pa.int32(), pa.int64()):
        parquet.write_table(pa.table({"a": pa.array([1], kind)}), tmp_path / "a.parquet")
        digests.add(open_file(tmp_path / "a.parquet", specs).schema_digest)
    assert len(digests) == 2


@pytest.mark.parametrize("cut", [1, 100])
def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path: Path, specs: Specs, cut: int) -> None:
    path = tmp_path / "数据.parquet"
    parquet.write_table(pa.table({"a": [1]}), path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(SourceUnreadable, match="已损坏或不是 Parquet 文件"):
        open_file(path, specs)


def test_a_parquet_file_with_broken_pages_is_not_complete(tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / "数据.parquet"
    parquet.write_table(pa.table({"a": [str(n) for n in range(200_000)]}), path, use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[4:400_000] = bytes(399_996)
    path.write_bytes(data)
    source = open_file(path, specs)
    rows_of(source)
    assert (keys_of(source), source.complete) == (["broken"], False)


# ---- frames -----------------------------------------------------------------------------------------------


def test_a_frame_is_read_column_by_column(specs: Specs) -> None:
    frame = pd.DataFrame(
        {
            "姓名": ["张三", None],
            "手机": [13900000001.0, np.nan],
            "日期": pd.to_datetime(["1990-01-02", None]),
            "杂": [Decimal("1.50"), dt.date(1990, 1, 2)],
            "类": pd.Categorical(["女", None]),
            1: [110105194912310021, 2],
        }
    )
    source = open_frame(frame, "人口", specs)
    assert (source.name, source.columns[-1], source.sha256) == ("人口", "1", None)
    first = ("张三", "13900000001", "1990-01-02 00:00:00", "1.50", "女", "110105194912310021")
    assert rows_of(source) == [first, (None, None, None, "1990-01-02", None, "2")]
    assert source.complete


def test_doubled_columns_of_a_frame_are_told_apart(specs: Specs) -> None:
    source = open_frame(pd.DataFrame([["1", "2"]], columns=["a", "a"]), "表", specs)
    assert (source.columns, rows_of(source)) == (("a", "a（B 列）"), [("1", "2")])


def test_a_frame_without_rows_gives_none(specs: Specs) -> None:
    source = open_frame(pd.DataFrame({"a": []}), "表", specs)
    assert (rows_of(source), source.complete) == ([], True)
