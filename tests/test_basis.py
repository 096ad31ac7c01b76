"""Legal bases: read from a cell, written back, and weighed by the library (S1 14(3), 15)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_specs import Specs, load
from tests.judging import PROPERTY
from validators.basis import Library, Verdict, article_number, read_basis, write_basis

LIBRARY = Library(load("zunyi_2020"))
LAW = {"level": "法律", "title": "中华人民共和国刑事诉讼法", "article": "第二百八十六条"}


def judge(**parts: str) -> Verdict:
    return LIBRARY.judge(parts)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("法律《刑事诉讼法》第二百八十六条：不得提供", {"article": "第二百八十六条", "text": "不得提供"}),
        ("《刑事诉讼法》", {"level": None}),
        (
            "法律 《刑事诉讼法》（2018修正） 第二百八十六条第二款，不得提供",
            {"article": "第二百八十六条第二款", "text": "不得提供"},
        ),
        ("依据法律《 刑事诉讼法 》第286条", {"level": "依据法律", "article": "第286条"}),
        ("行政法规《刑事诉讼法》第三章：全部", {"level": "行政法规", "article": "第三章", "text": "全部"}),
        ("法律《刑事诉讼法》：第三条有规定", {"text": "第三条有规定"}),
    ],
)
def test_it_reads_a_citation(text: str, row: dict[str, str | None]) -> None:
    want = {"level": "法律", "title": "刑事诉讼法"} | row
    assert read_basis(text) == [{key: value for key, value in want.items() if value}]


@pytest.mark.parametrize("text", ["本局内部规定", "刑事诉讼法第二百八十六条", "《》第一条", "《  》"])
def test_what_is_no_citation_stays_as_text(text: str) -> None:
    assert read_basis(text) == [{"text": text}]


def test_a_cell_may_hold_several() -> None:
    rows = read_basis(
        "法律《统计法》第二十八条：不得提供；不得泄露；行政法规《某条例》第三条\n《刑法》第一条"
    )
    assert [row["title"] for row in rows] == ["统计法", "某条例", "刑法"]
    assert rows[0]["text"] == "不得提供；不得泄露"


@PROPERTY
@given(st.text(st.sampled_from("法律《》第一条款：，；;。\n ab（）"), max_size=40))
def test_what_is_written_is_read_back(text: str) -> None:
    rows = read_basis(text)
    assert read_basis("\n".join(map(write_basis, rows))) == rows


@pytest.mark.parametrize(
    ("article", "number"),
    [
        ("第一条", 1),
        ("第十条", 10),
        ("第十四条第二款", 14),
        ("第二十条", 20),
        ("第一百零五条", 105),
        ("第一百〇五条", 105),
        ("第一百一十条", 110),
        ("第二百八十六条", 286),
        ("第一千二百六十条", 1260),
        ("第二八六条", 286),
        ("第286条", 286),
        ("第两百条", 200),
        ("第三章", None),
        ("286", None),
        ("", None),
        ("第2十条", None),
        ("第1234567890条", None),
    ],
)
def test_it_numbers_articles(article: str, number: int | None) -> None:
    assert article_number(article) == number


@PROPERTY
@given(st.integers(1, 9999))
def test_every_article_has_its_number_in_both_scripts(number: int) -> None:
    assert article_number(f"第{number}条") == number
    assert article_number(f"第{_chinese(number)}条") == number


def _chinese(number: int) -> str:
    digits, units = "零一二三四五六七八九", ("", "十", "百", "千")
    figures = str(number)
    parts = [
        digits[int(figure)] + units[len(figures) - n - 1] if figure != "0" else "零"
        for n, figure in enumerate(figures)
    ]
    return "".join(parts).rstrip("零") if number % 10 == 0 else "".join(parts)


# ---- the library ----


def test_a_listed_ground_holds() -> None:
    assert LIBRARY.judge(LAW) == Verdict("", known=True)


@pytest.mark.parametrize(
    "title", ["刑诉法", "刑事诉讼法", "中华人民共和国刑事诉讼法（2018修正）", "中华人民共和国 刑事诉讼法"]
)
def test_it_knows_a_law_under_its_names(title: str) -> None:
    assert LIBRARY.judge(LAW | {"title": title}).known


@pytest.mark.parametrize(
    ("parts", "lacking"),
    [
        ({"title": "刑诉法"}, "条款"),
        ({"title": "档案法", "article": "第一条"}, "效力级别"),
        ({"level": "依据", "title": "档案法", "article": "第一条"}, "效力级别"),
        ({"text": "本局规定"}, "效力级别、名称、条款"),
    ],
)
def test_it_names_what_a_basis_lacks(parts: dict[str, str], lacking: str) -> None:
    assert LIBRARY.judge(parts) == Verdict("incomplete", known=False, part=lacking)


@pytest.mark.parametrize(
    "level", ["法律", "国家法律", "依据法律", "行政法规", "国务院行政法规", "国务院决定"]
)
def test_an_unknown_basis_of_a_high_level_is_left_to_the_auditor(level: str) -> None:
    assert judge(level=level, title="某法", article="第一条") == Verdict("", known=False)


@pytest.mark.parametrize("level", ["地方性法规", "规范性文件", "内部文件", "党中央、国务院政策", "公司章程"])
def test_a_low_level_does_not_hold(level: str) -> None:
    assert judge(level=level, title="某规定", article="第一条").fault == "level"


def test_the_librarys_level_outweighs_the_stated_one() -> None:
    verdict = judge(level="法律", title="贵州省政府数据共享开放条例", article="第十条")
    assert verdict == Verdict("level", known=True, level="地方性法规")


def test_an_article_beside_the_listed_ones_is_left_to_the_auditor() -> None:
    assert judge(level="法律", title="个人信息保护法", article="第十三条") == Verdict("", known=False)
    assert judge(level="法律", title="个人信息保护法", article="第二十五条").fault == "publication"


def test_a_secrets_law_is_no_ground_by_itself() -> None:
    assert judge(level="法律", title="保密法", article="第一条") == Verdict("", known=False)


@pytest.mark.parametrize(
    ("title", "article", "requires"),
    [
        ("企业信息公示暂行条例", "第六条", True),
        ("政府信息公开条例", "第20条", True),
        ("政府信息公开条例", "第十五条", False),
        ("个人信息保护法", "第二十五条", False),
        ("婚姻法", "第一条", False),
        ("企业信息公示暂行条例", "第一条", None),
        ("贵州省某条例", "第一条", None),
    ],
)
def test_it_knows_which_laws_require_publication(title: str, article: str, requires: bool | None) -> None:
    assert LIBRARY.requires_publication({"title": title, "article": article}) is requires


def test_every_law_of_the_library_is_found_by_each_of_its_names(specs: Specs) -> None:
    for law in specs.basis.laws:
        for name in (law.title, *law.aliases):
            assert LIBRARY.find(name) is not None and LIBRARY.find(name) == law, name


def test_every_article_of_the_library_has_a_number(specs: Specs) -> None:
    assert all(article_number(a.article) for law in specs.basis.laws for a in law.articles)


def test_every_level_is_one_of_the_code_list(specs: Specs) -> None:
    for value in specs.codes["basis_level"].values:
        assert {LIBRARY.level_of(name) for name in (value.code, value.zh, *value.aliases)} == {value.code}
