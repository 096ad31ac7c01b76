"""Lists as PDF: every cell is printed, the file carries its edition, and what a forger changes is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest
import segno
from pypdf import PdfReader

from registry.errors import Rejected, TooLarge, Unavailable
from registry.list_document import LAYOUT, ListDocument, ListRow, erased_row, is_erased, row_digest, to_json
from registry.list_files import read, write
from registry.list_files.carried import Carried
from registry.list_files.pdf import EDITION_FILE, pdf_of
from registry.list_pages import LIVE, MOST_LINES, TEMPLATE, pages_of, with_lines
from registry.typeset import FOLDER, beyond_fonts, code_shown, covered, typeset
from tests import list_pdfs
from tests.list_documents import HEAD, PROFILES, live_document, sealed_document
from tests.list_pdfs import edited, embedded_fonts, said, squeezed

# markup of the template's language; each is printed as it stands
MARKUP = (
    '#panic("x")',
    "*bold*",
    "_slanted_",
    "$x^2$",
    "a\\b",
    "@ref",
    "]#[",
    "`raw`",
    "<label>",
    "// no",
    "= head",
)
NO_FONT_HAS = "\uffff"


@pytest.fixture
def sealed() -> ListDocument:
    return sealed_document(rows=3)


@pytest.fixture
def read_back(tmp_path: Path) -> Callable[[bytes], Carried]:
    def back(content: bytes) -> Carried:
        path = tmp_path / "list.pdf"
        path.write_bytes(content)
        return read(path)

    return back


# ---- what is printed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_every_cell_of_every_line_is_printed(profile: str) -> None:
    document = sealed_document(profile, rows=12)
    text = "".join(said(pdf_of(document)))
    for table in document.lists:
        for row in table.rows:
            missing = [c for c in (*row.cells, row.entry, row.content[:16]) if squeezed(c) not in text]
            assert missing == []


@pytest.mark.parametrize("profile", PROFILES)
def test_the_columns_of_the_article_stand_in_its_order_on_every_page_of_the_table(profile: str) -> None:
    document = sealed_document(profile, rows=30)
    pages = said(pdf_of(document))
    for table in document.lists:
        headings = "序号" + "".join(column.zh for column in table.columns if column.part == "article")
        assert sum(headings in page for page in pages) >= 3


def test_a_line_shows_number_and_article_then_the_annex_by_name(sealed: ListDocument) -> None:
    text = said(pdf_of(sealed))[0]
    assert "2参保人员信息2姓名、身份证号码、参保状态每日查询、核验服务接口清单编号：2026-" in text
    assert "未上架天数：007" in text
    assert "首次上架日期" not in text  # a blank value is left out


def test_every_page_has_its_number_the_code_and_the_edition() -> None:
    document = sealed_document(rows=30)
    pages = said(pdf_of(document))
    for number, page in enumerate(pages, 1):
        assert f"{HEAD['agency_name']}2026年第1期第{number}页共{len(pages)}页校验码{document.code}" in page


def test_the_last_page_has_seal_signature_and_what_the_mark_is_worth(sealed: ListDocument) -> None:
    page = said(pdf_of(sealed))[-1]
    assert sealed.mark is not None
    assert "单位（盖章）：负责人（签字）：日期：年月日" in page
    assert f"SHA-256{sealed.digest}" in page
    assert f"算法ed25519密钥指纹{sealed.mark['key'][:16]}" in page
    assert "不是法定印章" in page


def test_the_properties_of_the_file_name_the_list(sealed: ListDocument) -> None:
    reader = PdfReader(BytesIO(pdf_of(sealed)))
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == (sealed.title, HEAD["agency_name"])
    assert reader.root_object["/Lang"] == "zh-CN"
    assert reader.metadata.subject == f"Mulu list layout {LAYOUT}; typst {version('typst')}"
    assert b"<pdfaid:part>3</pdfaid:part>" in reader.root_object["/Metadata"].get_object().get_data()


def test_all_fonts_are_embedded_and_are_ours(sealed: ListDocument) -> None:
    fonts = embedded_fonts(pdf_of(sealed))
    assert len(fonts) == 2
    assert all(fonts.values())
    assert all("MuluSansSC" in name for name in fonts)


@pytest.mark.parametrize("url", ["", "https://data.zunyi.example/lists/1"])
def test_the_code_to_scan_is_drawn_on_the_first_page(url: str) -> None:
    document = sealed_document(head=HEAD | ({"verify_url": url} if url else {}))
    meant = segno.make(url or f"mulu:list:{document.digest}", error="m", micro=False)
    dark = {
        (row, column)
        for row, line in enumerate(meant.matrix_iter(border=2))
        for column, module in enumerate(line)
        if module
    }
    content = pdf_of(document)
    assert list_pdfs.drawn_squares(PdfReader(BytesIO(content)).pages[0]) == dark
    assert url in said(content)[-1]


def test_markup_in_a_cell_is_printed_as_it_stands() -> None:
    document = sealed_document(rows=len(MARKUP), texts=MARKUP)
    text = "".join(said(pdf_of(document)))
    assert [markup for markup in MARKUP if squeezed(markup) not in text] == []


def test_a_long_code_without_blanks_is_broken_and_nothing_slips_in_between() -> None:
    text = PdfReader(BytesIO(pdf_of(sealed_document(texts=["A" * 300])))).pages[0].extract_text()
    assert "A" * 300 in squeezed(text)
    assert "A" * 90 not in text
    assert "\u200b" not in text


def test_an_erased_line_shows_the_digest_that_is_kept(sealed: ListDocument) -> None:
    table = sealed.lists[0]
    gone, *others = table.rows
    erased = replace(
        sealed, lists=(replace(table, rows=(erased_row(table.key, gone), *others)), *sealed.lists[1:])
    )
    text = said(pdf_of(erased))[0]
    assert f"内容已删除，仅存行摘要：{row_digest(table.key, gone)}" in text
    assert gone.entry not in text


def test_a_live_list_says_so_and_has_neither_code_nor_seal() -> None:
    content = pdf_of(live_document(rows=4))
    pages = said(content)
    assert LIVE in pages[0]
    assert "参保人员信息4" in pages[0]
    assert not any(word in page for page in pages for word in ("校验码", "盖章", "完整性校验"))
    assert list_pdfs.drawn_squares(PdfReader(BytesIO(content)).pages[0]) == set()


def test_an_agency_that_owes_nothing_gets_a_list_without_lines() -> None:
    assert "本清单没有条目。" in said(pdf_of(sealed_document(rows=0)))[0]


# ---- characters -------------------------------------------------------------------------------------------


def test_our_fonts_have_the_standard_characters_and_rare_names() -> None:
    assert beyond_fonts(["䶮㙍𬱖镕喆堃亠①㎡℃≥—“”《》〔〕ａé"]) == ""
    assert len(covered()) > 10_000


def test_characters_beyond_our_fonts_are_told_and_never_an_empty_box() -> None:
    document = sealed_document(texts=[f"龘{NO_FONT_HAS}"])
    text = "".join(said(pdf_of(document)))
    assert any(shown in text for shown in (f"龘{code_shown(NO_FONT_HAS)}", "〔U+9F98〕〔U+FFFF〕"))
    assert "下列字符不在随附字体之内" in text


def test_what_turns_or_hides_text_is_printed_as_its_code() -> None:
    document = sealed_document(texts=["\u202e日每\u200b\x01"])
    assert "〔U+202E〕日每〔U+200B〕〔U+0001〕" in said(pdf_of(document))[0]


def test_a_machine_without_the_glyph_makes_a_file_that_is_genuine_everywhere(
    read_back: Callable[[bytes], Carried],
) -> None:
    document = sealed_document(texts=["龘"])
    assert read_back(pdf_of(document, borrows=False)) == Carried(document, [], [])


def test_a_borrowed_font_that_is_not_here_is_told(read_back: Callable[[bytes], Carried]) -> None:
    content = edited(pdf_of(sealed_document(texts=["龘"])), list_pdfs.nothing_more)
    assert read_back(content).differences[-1].startswith("清单有随附字体之外的字（龘）")


# ---- carried and compared ---------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_genuine_file_gives_back_its_edition_and_nothing_is_to_be_said(
    profile: str, tmp_path: Path
) -> None:
    document = sealed_document(profile)
    write(document, tmp_path / "list.pdf")
    assert read(tmp_path / "list.pdf") == Carried(document, [], [])


def test_the_edition_lies_in_the_file_as_json(sealed: ListDocument) -> None:
    attachments = PdfReader(BytesIO(pdf_of(sealed))).attachments
    assert list(attachments) == [EDITION_FILE]
    assert json.loads(attachments[EDITION_FILE][0]) == to_json(sealed)


def test_the_same_list_gives_the_same_bytes(sealed: ListDocument) -> None:
    assert pdf_of(sealed) == pdf_of(sealed)


def test_a_file_with_an_erased_line_verifies(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    table = sealed.lists[0]
    rows = tuple(erased_row(table.key, row) for row in table.rows)
    erased = replace(sealed, lists=(replace(table, rows=rows), *sealed.lists[1:]))
    carried = read_back(pdf_of(erased))
    assert carried == Carried(erased, [], [])
    assert all(is_erased(row) for row in rows)


def test_two_editions_in_one_file_are_ambiguous(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    content = edited(pdf_of(sealed), lambda writer: writer.add_attachment(EDITION_FILE, b"{}") and None)
    carried = read_back(content)
    assert carried == Carried(None, ["文件随附了 2 份edition.json，无从判断以哪一份为准"], [])


def test_another_edition_under_the_same_pages_is_found(read_back: Callable[[bytes], Carried]) -> None:
    shown, carried = sealed_document(texts=["每月更新"]), sealed_document(texts=["每日更新"])
    edition = json.dumps(to_json(carried)).encode()
    pages = pages_of(shown)
    content = typeset(TEMPLATE, pages.data, images=pages.images, attachments={EDITION_FILE: edition})
    found = read_back(content)
    assert found.document == carried
    assert any("更新" in difference and "第 1 页" in difference for difference in found.differences)


def test_a_live_list_carries_nothing(read_back: Callable[[bytes], Carried]) -> None:
    carried = read_back(pdf_of(live_document()))
    assert (carried.document, carried.differences) == (None, [])
    assert carried.notes[0].startswith("文件没有随附封存数据")


# ---- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [10, 1000, 30_000, -30])
def test_a_broken_file_is_refused(
    kept: int, sealed: ListDocument, read_back: Callable[[bytes], Carried], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Rejected, match="不是 PDF，或者已损坏"):
        read_back(pdf_of(sealed)[:kept])
    assert capfd.readouterr() == ("", "")


def test_a_file_under_a_password_is_refused(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    content = edited(pdf_of(sealed), lambda writer: writer.encrypt("secret", algorithm="AES-256"))
    with pytest.raises(Rejected, match="设有打开密码"):
        read_back(content)


def test_a_file_that_only_forbids_changes_is_read(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    content = edited(pdf_of(sealed), lambda writer: writer.encrypt("", "owner", algorithm="AES-256"))
    assert read_back(content).differences == []


def test_more_lines_than_pages_are_made_for_are_refused() -> None:
    line = ListRow("e", 1, "c", ())
    table = replace(live_document().lists[0], rows=(line for _ in range(MOST_LINES + 1)))
    with pytest.raises(TooLarge, match="请按单位分别导出"):
        with_lines(replace(live_document(), lists=(table,)))


def test_a_line_that_does_not_fit_its_list_is_refused(sealed: ListDocument) -> None:
    table = replace(sealed.lists[0], rows=(ListRow("e", 1, "c", ("一格",)),))
    with pytest.raises(Rejected, match="第 1 行有 1 格，清单有 22 栏"):
        pdf_of(replace(sealed, lists=(table,)))


def test_an_address_too_long_for_the_code_is_refused() -> None:
    with pytest.raises(Rejected, match="核验网址不能做成二维码"):
        pdf_of(sealed_document(head=HEAD | {"verify_url": "https://x.example/" + "a" * 4000}))


def test_a_template_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable, match="重新安装"):
        typeset("no_such_page", {})


def test_no_template_fetches_anything() -> None:
    templates = [path.read_text("utf-8") for path in FOLDER.glob("*.typ")]
    assert templates
    assert not any("@preview" in text or "http" in text for text in templates)
