"""CSV files as sources: encodings, rows that do not fit, long cells, what is never silently lost."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog_specs import Specs
from registry.sources import Source, SourceUnreadable, open_file

Rows = list[tuple[str | None, ...]]
TEXT = "姓名,手机\n张三,13900000001\n李四,\n"
ROWS: Rows = [("张三", "13900000001"), ("李四", None)]


def rows_of(source: Source) -> Rows:
    """All rows, read through once."""
    return [
        row for batch in source.batches() for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)
    ]


@pytest.fixture
def opened(tmp_path: Path, specs: Specs) -> Callable[..., Source]:
    """Writes a file of bytes (or text as UTF-8) and opens it."""

    def make(content: bytes | str, name: str = "数据.csv", **how: Any) -> Source:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_file(path, specs, **how)

    return make


def keys_of(source: Source) -> list[str]:
    return [problem.key for problem in source.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_file_is_read_in_the_encodings_that_offices_use(
    opened: Callable[..., Source], encoding: str
) -> None:
    source = opened(TEXT.encode(encoding))
    assert (source.columns, rows_of(source)) == (("姓名", "手机"), ROWS)
    assert (source.complete, source.problems) == (True, [])


def test_the_hashes_are_of_the_file_as_it_lies_there(opened: Callable[..., Source]) -> None:
    data = TEXT.encode("gb18030")
    source = opened(data)
    assert source.sha256 is None
    rows_of(source)
    assert source.sha256 == hashlib.sha256(data).hexdigest()
    assert source.sm3 == hashlib.new("sm3", data).hexdigest()
    assert (source.size, source.done_bytes, source.total_bytes) == (len(data),) * 3


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_what_parts_the_cells_is_seen_in_the_header(opened: Callable[..., Source], mark: str) -> None:
    source = opened(TEXT.replace(",", mark))
    assert (source.columns, rows_of(source)) == (("姓名", "手机"), ROWS)


def test_a_line_that_names_the_separator_is_obeyed(opened: Callable[..., Source]) -> None:
    source = opened("sep=|\r\na,b|c\r\n1,5|2\r\n")
    assert (source.columns, rows_of(source)) == (("a,b", "c"), [("1,5", "2")])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_ends_them(opened: Callable[..., Source], end: str) -> None:
    assert rows_of(opened(TEXT.replace("\n", end))) == ROWS


def test_line_breaks_and_quotes_stand_inside_of_quotes(opened: Callable[..., Source]) -> None:
    source = opened('"姓\n名",备注\n张三,"第一行\n第二行，""引号"""\n')
    assert source.columns == ("姓\n名", "备注")
    assert rows_of(source) == [("张三", '第一行\n第二行，"引号"')]
    assert source.complete


def test_rows_that_do_not_fit_are_told_and_the_others_are_read(opened: Callable[..., Source]) -> None:
    source = opened("a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert rows_of(source) == [("1", "2"), ("7", "8")]
    (problem,) = source.problems
    assert (problem.key, problem.rule, source.complete) == ("ragged", "not_every_row", False)
    assert problem.reason == "2 行的列数与表头的 2 列不符，没有读入（第 3、4 行）"


def test_only_the_first_odd_rows_are_listed(opened: Callable[..., Source]) -> None:
    source = opened("a,b\n" + "x\n" * 20)
    rows_of(source)
    assert "20 行" in source.problems[0].reason
    assert "第 2、3、4、5、6… 行" in source.problems[0].reason


def test_a_byte_that_breaks_the_encoding_ends_the_reading_and_is_named(opened: Callable[..., Source]) -> None:
    good = "".join(f"张三{n},备注\n" for n in range(200_000)).encode()
    source = opened("姓名,备注\n".encode() + good + "李四,备注\n".encode("gb18030") + good)
    rows = rows_of(source)
    (problem,) = source.problems
    offset = len("姓名,备注\n".encode() + good)
    assert (len(rows), rows[-1], source.complete) == (200_000, ("张三199999", "备注"), False)
    assert problem.reason == f"第 200002 行（第 {offset} 字节）起不再是 UTF-8 编码，其后没有读"
    assert source.sha256 is not None


def test_utf8_in_the_midst_of_gb18030_is_seen_though_it_decodes(opened: Callable[..., Source]) -> None:
    text = "姓名,单位\n" + "张三,某单位\n" * 5
    source = opened(text.encode("gb18030") + "李四,贵州省遵义市汇川区\n".encode())
    rows_of(source)
    assert (keys_of(source), source.complete) == (["mixed_encoding"], False)


def test_the_encoding_is_not_judged_by_a_sample(opened: Callable[..., Source]) -> None:
    plain = "a,b\n" + "1,2\n" * 600_000
    source = opened(plain.encode() + "张三,遵义\n".encode("gb18030"))
    assert rows_of(source)[-1] == ("张三", "遵义")
    assert source.complete


def test_a_file_cut_off_within_a_character_is_not_complete(opened: Callable[..., Source]) -> None:
    source = opened("姓名,单位\n张三,遵义\n李四,遵义".encode()[:-1])
    assert (rows_of(source), keys_of(source)) == ([("张三", "遵义"), ("李四", "遵")], ["mixed_encoding"])


def test_a_cell_of_one_megabyte_is_read(opened: Callable[..., Source]) -> None:
    source = opened("a,b\n1," + "长" * 350_000 + "\n2,x\n")
    assert [len(row[1] or "") for row in rows_of(source)] == [350_000, 1]
    assert source.complete


def test_a_row_beyond_the_limit_is_named(opened: Callable[..., Source], specs: Specs) -> None:
    limit = specs.scanning.inputs.row_bytes
    source = opened("a,b\n" + "1,2\n" * 9 + "3," + "x" * (2 * limit) + "\n4,5\n")
    rows = rows_of(source)
    assert (len(rows), source.complete) == (9, False)
    assert source.problems[0].reason.startswith("第 11 行超过 16 MB")


def test_a_quote_that_is_left_open_is_told(opened: Callable[..., Source]) -> None:
    source = opened('a,b\n1,2\n3,"4\n5,6\n')
    rows_of(source)
    assert ("quoting" in keys_of(source), source.complete) == (True, False)


def test_nul_bytes_are_told(opened: Callable[..., Source]) -> None:
    source = opened(b"a,b\n1,2\n3\x00,4\n")
    assert len(rows_of(source)) == 2
    assert source.problems[0].reason == "有 NUL 字节（1 个，最先在第 3 行），内容不可信"
    assert not source.complete


def test_blank_and_doubled_names_are_called_by_their_letters(opened: Callable[..., Source]) -> None:
    source = opened("姓名,,姓名\n1,2,3\n")
    assert source.columns == ("姓名", "B", "姓名（C 列）")
    assert [(p.rule, p.reason) for p in source.problems] == [
        ("duplicate_header", "列名空白或重复：A（姓名）、B、C（姓名）；已用列的字母称呼")
    ]
    assert (rows_of(source), source.complete) == ([("1", "2", "3")], True)


def test_a_first_row_that_looks_like_data_is_read_as_data(opened: Callable[..., Source]) -> None:
    source = opened("张三,13900000001\n李四,13900000002\n")
    assert source.columns == ("A", "B")
    assert [row[1] for row in rows_of(source)] == ["13900000001", "13900000002"]
    assert keys_of(source) == ["missing_header"]


def test_a_header_without_rows_gives_no_rows(opened: Callable[..., Source]) -> None:
    source = opened("姓名,手机\n")
    assert (rows_of(source), source.complete, source.done_rows) == ([], True, 0)


def test_a_packed_file_is_read_and_hashed_as_it_is_packed(opened: Callable[..., Source]) -> None:
    packed = gzip.compress(TEXT.encode())
    source = opened(packed, "数据.csv.gz")
    assert (rows_of(source), source.complete) == (ROWS, True)
    assert source.sha256 == hashlib.sha256(packed).hexdigest()


def test_a_packed_file_that_is_cut_off_is_not_complete(opened: Callable[..., Source]) -> None:
    text = "a,b\n" + "".join(f"{n},{n * 7919 % 1_000_003}\n" for n in range(400_000))
    source = opened(gzip.compress(text.encode())[:-2_000], "数据.csv.gz")
    rows_of(source)
    assert (keys_of(source)[0], source.complete) == ("broken", False)


def test_a_packed_bomb_is_not_unpacked_to_its_end(opened: Callable[..., Source]) -> None:
    source = opened(gzip.compress(b"a,b\n" + b"1,2\n" * 12_000_000, 9), "数据.csv.gz")
    assert sum(batch.num_rows for batch in source.batches()) < 12_000_000
    assert ("unpacked" in keys_of(source), source.complete) == (True, False)


def test_whoever_stops_early_has_not_seen_everything(opened: Callable[..., Source]) -> None:
    source = opened("a,b\n" + "1,2\n" * 9_000_000)
    reading = source.batches()
    next(reading)
    reading.close()
    assert not source.complete


def test_a_file_that_is_written_to_meanwhile_is_not_complete(tmp_path: Path, specs: Specs) -> None:
    path = tmp_path / "数据.csv"
    path.write_text("a,b\n" + "1,2\n" * 9_000_000, "utf-8")
    source = open_file(path, specs)
    reading = source.batches()
    next(reading)
    with path.open("a", encoding="utf-8") as file:
        file.write("3,4\n")
    list(reading)
    assert ("changed" in keys_of(source), source.complete) == (True, False)


def test_it_can_be_read_again_from_the_beginning(opened: Callable[..., Source]) -> None:
    source = opened("a,b\n1,2\n3\n")
    assert rows_of(source) == rows_of(source)
    assert len(source.problems) == 1


@pytest.mark.parametrize(
    ("content", "name", "key"),
    [
        ("", "数据.csv", "empty"),
        ("\n \n", "数据.csv", "no_header"),
        (b"PK\x03\x04abc", "数据.csv", "is_workbook"),
        ("a,b\n", "数据.doc", "kind"),
        (b"a\x00,\x00b\x00\n\x00", "数据.csv", "utf16_plain"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "数据.csv", "encoding_unknown"),
        (b"\xff\xff,\xff\xff\n1,2\n", "数据.csv", "encoding_unknown"),
        ('"姓名,手机\n张三,1\n', "数据.csv", "header_length"),
        (",".join("a" * 17_000), "数据.csv", "columns"),
        (b"\x1f\x8bno gzip", "数据.csv.gz", "damaged"),
    ],
)
def test_what_cannot_be_read_at_all_is_refused(
    opened: Callable[..., Source], content: bytes | str, name: str, key: str
) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        opened(content, name)
    problem = caught.value.problem
    assert (problem.key, problem.place) == (key, name)
    assert str(caught.value) == f"{name}：{problem.reason}；{problem.cure}"


@pytest.mark.parametrize(("path", "key"), [("nowhere.csv", "missing"), (".", "directory")])
def test_what_is_no_file_is_refused(tmp_path: Path, specs: Specs, path: str, key: str) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        open_file(tmp_path / path, specs)
    assert caught.value.problem.key == key


def test_problems_are_told_in_english_as_well(opened: Callable[..., Source], specs: Specs) -> None:
    source = opened("a,b\n1\n")
    rows_of(source)
    reason, cure = source.problems[0].told(specs, "en")
    assert reason == "1 rows have other than the header's 2 cells and were not read (rows 2)"
    assert cure.startswith("quote what holds")


def test_python_holds_no_more_than_some_blocks(tmp_path: Path) -> None:
    """In a process that ends while it is traced: CPython 3.11 may crash when tracing stops beside Arrow's own threads."""
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "一二三四五六七八九十,备注\n" * 2_500_000, "utf-8")
    program = (
        "import os, sys, tracemalloc; from pathlib import Path\n"
        "from catalog_specs import load; from registry.sources import open_file\n"
        "source = open_file(Path(sys.argv[1]), load()); tracemalloc.start()\n"
        "rows = sum(batch.num_rows for batch in source.batches())\n"
        "print(rows, tracemalloc.get_traced_memory()[1], flush=True); os._exit(0)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=True)
    rows, peak = map(int, ended.stdout.split())
    assert (rows, peak < 150_000_000) == (2_500_000, True)


def test_every_problem_names_a_rule_and_every_scheme_a_database(specs: Specs) -> None:
    inputs, rules = specs.scanning.inputs, {rule.key for rule in specs.scanning.rules}
    assert {message.rule for message in inputs.messages.values()} - {""} <= rules
    assert inputs.schemes.keys() <= specs.drafting.databases.keys()


def test_a_reader_that_is_left_early_ends_its_process_in_order(tmp_path: Path) -> None:
    """Arrow reads ahead in a thread of its own: a process that ended meanwhile was aborted (exit code 134)."""
    path = tmp_path / "long.csv"
    path.write_text("甲,乙\n" + "一二三四五,678901234\n" * 400_000, "utf-8")
    program = (
        "import sys; from pathlib import Path; from catalog_specs import load; from registry.sources import open_file\n"
        "left = open_file(Path(sys.argv[1]), load()).batches(); next(left)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
