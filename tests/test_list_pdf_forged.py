"""A PDF in which a reader sees anything else than what was sealed is found, however it was made."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfWriter

from registry.list_document import ListDocument
from registry.list_files import read
from registry.list_files.carried import Carried
from registry.list_files.pdf import pdf_of
from tests import list_pdfs
from tests.list_documents import sealed_document
from tests.list_pdfs import Edit, edited


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


def test_a_file_saved_anew_passes_with_a_note(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    carried = read_back(edited(pdf_of(sealed), lambda writer: None))
    assert (carried.document, carried.differences) == (sealed, [])
    assert carried.notes == ["文件另存过：字节与重新排版的不同，各页内容逐一相同"]


def test_one_changed_character_is_found_and_shown(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    (difference,) = read_back(edited(pdf_of(sealed), list_pdfs.other_letter)).differences
    assert difference.startswith("第 1 页：显示“")
    assert "，封存的是“" in difference


FORGED: list[tuple[Edit, str]] = [
    (list_pdfs.new_page, "页数：显示“3 页”，封存的是“2 页”"),
    (list_pdfs.cropped, "第 1 页：页面大小、裁切、方向或者缩放与封存的不同"),
    (list_pdfs.turned, "第 1 页：页面大小、裁切、方向或者缩放与封存的不同"),
    (list_pdfs.enlarged, "第 1 页：页面大小、裁切、方向或者缩放与封存的不同"),
    (list_pdfs.free_text, "（FreeText）“每月”"),
    (list_pdfs.white_rectangle, "（Square）"),
    (list_pdfs.note, "（Text）“每月”"),
    (list_pdfs.stamp, "（Stamp）；盖章请用电子签章域，或者另行上传盖章扫描件（mulu list scan）"),
    (list_pdfs.form_field, "（Widget）“每月”"),
    (list_pdfs.drawn_signature, "（Widget）"),
    (list_pdfs.false_signature, "不是签章软件所作，或者签章之后文件另存过"),
    (list_pdfs.script, "文件含有脚本"),
    (list_pdfs.portfolio, "文件的目录项 /Collection 不是封存时的"),
    (list_pdfs.other_font, "第 1—2 页：页面内容不是封存时排版的内容（所用的字体被换过"),
    (list_pdfs.nothing_more, "第 1—2 页：页面内容不是封存时排版的内容（在排版的内容之上另画了"),
    (list_pdfs.invisible, "第 1—2 页：页面内容不是封存时排版的内容（文字或者图形被移动、隐藏或者改写）"),
    (list_pdfs.exchanged, "第 1—2 页：页面内容不是封存时排版的内容（文字或者图形被移动、隐藏或者改写）"),
    (list_pdfs.moved, "第 1—2 页：页面内容不是封存时排版的内容（文字或者图形被移动、隐藏或者改写）"),
    (list_pdfs.clipped, "第 1—2 页：页面内容不是封存时排版的内容（在排版的内容之上另画了"),
    (list_pdfs.white_box, "（在排版的内容之上另画了线条、色块或者文字）；盖章请用电子签章域"),
    (list_pdfs.more_contents, "第 1 页：页面内容不是封存时排版的内容（在排版的内容之上另画了"),
    (list_pdfs.image, "：页面内容不是封存时排版的内容（另画了图像，或者图像被换过）；盖章请用电子签章域"),
    (list_pdfs.form, "：页面内容不是封存时排版的内容（另画了图像，或者图像被换过）；盖章请用电子签章域"),
    (list_pdfs.claimed, "由排版程序 typst 9.8.7（版面 1）制作，本机是 typst "),
]


@pytest.mark.parametrize(("edit", "said_of_it"), FORGED, ids=lambda value: getattr(value, "__name__", None))
def test_what_a_forger_lays_over_or_changes_is_a_difference(
    edit: Edit, said_of_it: str, sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    (difference,) = read_back(edited(pdf_of(sealed), edit)).differences
    assert said_of_it in difference


TWOFOLD: list[tuple[Edit, tuple[str, ...]]] = [
    (list_pdfs.other_font_and_nothing_more, ("所用的字体被换过", "另画了")),
    (list_pdfs.layer, ("文件含有可以显示或隐藏的图层", "图层的设置被改过", "另画了")),
    (list_pdfs.other_meaning, ("显示“", "所用的字体被换过")),
    (list_pdfs.other_glyphs, ("所用的字体被换过", "文字或者图形被移动、隐藏或者改写")),
    (list_pdfs.no_contents, ("显示“”",)),
]


@pytest.mark.parametrize(("edit", "all_said"), TWOFOLD, ids=lambda value: getattr(value, "__name__", None))
def test_all_that_a_forger_did_is_told(
    edit: Edit, all_said: tuple[str, ...], sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    differences = read_back(edited(pdf_of(sealed), edit)).differences
    assert [said_of_it for said_of_it in all_said if said_of_it not in "".join(differences)] == []


def test_another_version_that_is_claimed_hides_no_other_word(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    def claimed_and_changed(writer: PdfWriter) -> None:
        writer.add_metadata({"/Subject": "Mulu list layout 1; typst 9.8.7"})
        list_pdfs.other_letter(writer)

    (difference,) = read_back(edited(pdf_of(sealed), claimed_and_changed)).differences
    assert difference.startswith("第 1 页：显示“")


def test_a_file_that_readers_may_read_in_two_ways_is_a_difference(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    (difference,) = read_back(list_pdfs.defined_twice(pdf_of(sealed))).differences
    assert difference.startswith("文件的结构不规范（对象 ")


def test_a_signature_behind_the_sealed_bytes_passes_with_its_place(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    carried = read_back(list_pdfs.signed(pdf_of(sealed)))
    assert (carried.document, carried.differences) == (sealed, [])
    place = "第 1 页（距左 25、距下 25、宽 25、高 25 毫米）"
    assert carried.notes[0] == f"{place}有电子签章；请目视核对有无遮盖，其效力以签章软件验证为准"


def test_a_signature_as_large_as_the_page_is_a_difference(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    (difference,) = read_back(list_pdfs.signed(pdf_of(sealed), width=700)).differences
    assert "的电子签章大于 80 毫米，可以遮盖清单" in difference


def test_a_signed_file_that_was_saved_anew_is_signed_no_more(
    sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    (difference,) = read_back(edited(list_pdfs.signed(pdf_of(sealed)), lambda writer: None)).differences
    assert "签章之后文件另存过" in difference


BESIDE: list[tuple[Edit, str]] = [
    (list_pdfs.waiting_signature, "有电子签章；请目视核对有无遮盖，其效力以签章软件验证为准"),
    (lambda writer: writer.add_metadata({"/Title": "别的"}), "文件属性中的标题被改为“别的”"),
    (lambda writer: writer.add_attachment("other.txt", b"x") and None, "文件另附有其他文件：other.txt"),
]


@pytest.mark.parametrize(("edit", "note"), BESIDE)
def test_what_changes_no_page_is_said_in_a_note(
    edit: Edit, note: str, sealed: ListDocument, read_back: Callable[[bytes], Carried]
) -> None:
    carried = read_back(edited(pdf_of(sealed), edit))
    assert carried.differences == []
    assert any(note in said_of_it for said_of_it in carried.notes)
