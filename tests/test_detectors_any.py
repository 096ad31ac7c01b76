"""Whatever the text: what is compiled agrees with plain regular expressions and one check at a time."""

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs.law_masking import Detector
from tests.detecting import CARD, CODE, ENGINE, ID, MOBILE, SPECS
from tests.judging import PROPERTY
from tests.test_checksums import columns
from validators.detect_pattern import matching, shape_of, without_marks
from validators.detect_text import cells_of
from validators.detectors import residual

ROWS = [row for row in SPECS.desensitization.detectors if row.applies_to == "cell"]
NUMBERS = [row for row in ROWS if shape_of(without_marks(row.pattern)).token]
PIECES = st.sampled_from(
    [
        ID,
        MOBILE,
        CARD,
        CODE,
        "G",
        "44",
        "86",
        "0086",
        "张三",
        " ",
        "-",
        "，",
        "*",
        "1",
        "Ｘ",
        "贵C12345",
        "@",
        "a.cn",
        ".",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=6).map("".join)


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.key)
@PROPERTY
@given(data=st.data())
def test_columns_match_a_pattern_as_a_regular_expression_does(row: Detector, data: st.DataObject) -> None:
    pattern = without_marks(row.pattern)
    length = data.draw(st.sampled_from(sorted(shape_of(pattern).lengths)))
    near = st.from_regex(re.compile(pattern), fullmatch=True).filter(lambda text: len(text) == length)
    far = st.text(st.characters(max_codepoint=126, min_codepoint=40), min_size=length, max_size=length)
    values = data.draw(st.lists(near | far, min_size=1, max_size=4))
    expected = [re.fullmatch(pattern, value) is not None for value in values]
    assert matching(pattern, columns(values)).tolist() == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_what_a_pattern_demands_its_examples_have(row: Detector) -> None:
    shape = shape_of(row.pattern)
    for value in row.ok:
        assert len(value) in shape.lengths or len(value) > 60
        assert value.encode()[0] in shape.first
        assert all(sum(value.count(chr(m)) for m in marks) >= n for marks, n in shape.marks.items())
        assert shape.wide <= (not value.isascii())
        assert max(map(len, re.findall("[0-9A-Za-z]+", value)), default=0) >= shape.run


def _plain(text: str, key: str) -> bool:
    """One detector by a plain regular expression, as Great Expectations and databases look."""
    row = next(row for row in ROWS if row.key == key)
    found = re.finditer(rf"(?<![0-9A-Za-z])(?:{row.pattern})(?![0-9A-Za-z])", text)
    check = ENGINE.scanner.rules.checks.scalar.get(row.check, lambda _: True)
    return any(check(match.group()) for match in found)


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_what_a_plain_expression_finds_is_found(texts: list[str]) -> None:
    for key in ("mobile", "email", "student_no"):
        expected = [_plain(text, key) for text in texts]
        seen = residual(ENGINE, pa.array(texts), [key]).tolist()
        assert [one or not two for one, two in zip(seen, expected, strict=True)] == [True] * len(texts)


@PROPERTY
@given(TEXTS, TEXTS)
def test_a_number_is_found_whatever_stands_around(before: str, after: str) -> None:
    text = f"{before}号{ID}号{after}"
    assert residual(ENGINE, pa.array([text, ""]), ["id_card_18"]).tolist() == [True, False]


@PROPERTY
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_cells_are_judged_alike_alone_and_together(texts: list[str]) -> None:
    alone = [residual(ENGINE, pa.array([text])).tolist()[0] for text in texts]
    assert residual(ENGINE, pa.array(texts)).tolist() == alone


@PROPERTY
@given(st.lists(TEXTS | st.text(), min_size=1, max_size=8))
def test_folding_keeps_cells_apart_and_their_text_whole(texts: list[str]) -> None:
    cells = cells_of(pa.array(texts), ENGINE.scanner.folding)
    cells.array.validate(full=True)
    assert len(cells.array) == len(texts)
    plain = [text for text in texts if text.isascii() and "\t" not in text]
    assert [row for row in cells.array.to_pylist() if row in plain] == plain or len(plain) < len(texts)


@PROPERTY
@given(st.text(st.sampled_from("０１９ＡＺａｚ：．＠（）－　\u200b\u200d–·•一Х"), max_size=12))
def test_folding_is_what_the_table_says_and_done_once(text: str) -> None:
    table = str.maketrans("０１９ＡＺａｚ：．＠（）－　–•Х", "019AZaz:.@()- -·X", "\u200b\u200d")
    folding = ENGINE.scanner.folding
    once = cells_of(pa.array([text]), folding).array.to_pylist()
    assert once == [text.translate(table)]
    assert cells_of(pa.array(once), folding).array.to_pylist() == once
