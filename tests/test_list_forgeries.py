"""Exported workbooks that a forger wrote by hand, part by part: each shows something else than what was sealed."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment

from registry.errors import Unreadable
from registry.list_files.carried import reading_limits
from registry.list_verify import verify_file
from registry.sheets import read_workbook
from tests.list_cases import FIRST_SHEET, made, packed, parts_of, rezipped, said

SHEET = "数据共享责任清单"
BOOK, STYLES, TYPES = "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"
SHEET_RELATIONS = "xl/worksheets/_rels/sheet1.xml.rels"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
Forgery = Callable[[dict[str, str]], None]


def put(part: str, old: str, new: str) -> Forgery:
    """One text of a part in place of another one, which must be there."""

    def forge(parts: dict[str, str]) -> None:
        assert old in parts[part], old
        parts[part] = parts[part].replace(old, new, 1)

    return forge


def swap(part: str, pattern: str, new: str) -> Forgery:
    def forge(parts: dict[str, str]) -> None:
        parts[part], times = re.subn(pattern, new, parts[part], count=1)
        assert times, pattern

    return forge


def both(*forgeries: Forgery) -> Forgery:
    def forge(parts: dict[str, str]) -> None:
        for one in forgeries:
            one(parts)

    return forge


def before(element: str, text: str) -> Forgery:
    return put(FIRST_SHEET, f"<{element}", f"{text}<{element}")


def style(change: Forgery) -> Forgery:
    """C5 in a cell format of its own, which is ours but for the change."""
    xf = (
        '<xf numFmtId="164" fontId="2" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1"'
        ' applyBorder="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    )
    return both(put(STYLES, "</cellXfs>", xf), put(FIRST_SHEET, '<c r="C5" s="5"', '<c r="C5" s="8"'), change)


def aligned(text: str) -> Forgery:
    return style(swap(STYLES, r'<alignment vertical="top" wrapText="1"/>(?=</xf></cellXfs>)', text))


def lettered(font: str) -> Forgery:
    usual = '<color rgb="FF000000"/><name val="宋体"/>'
    font = font if "<name" in font else f"{font}{usual}"
    added = put(STYLES, "</fonts>", f"<font>{font}</font></fonts>")
    return style(both(added, swap(STYLES, 'fontId="2"(?=[^>]*>[^>]*></xf></cellXfs>)', 'fontId="5"')))


def crossed(parts: dict[str, str]) -> None:
    border = (
        '<border diagonalUp="1"><left/><right/><top/><bottom/><diagonal style="thick"/></border></borders>'
    )
    put(STYLES, "</borders>", border)(parts)
    style(swap(STYLES, 'borderId="1"(?=[^>]*>[^>]*></xf></cellXfs>)', 'borderId="2"'))(parts)


def black(parts: dict[str, str]) -> None:
    """A fill in the colour of the system's letters."""
    fill = '<fill><patternFill patternType="solid"><fgColor indexed="64"/></patternFill></fill></fills>'
    put(STYLES, "</fills>", fill)(parts)
    style(swap(STYLES, 'fillId="0"(?=[^>]*>[^>]*></xf></cellXfs>)', 'fillId="4"'))(parts)


def crossed_where_empty(parts: dict[str, str]) -> None:
    crossed(parts)
    put(FIRST_SHEET, '<c r="B8" s="6"', '<c r="B8" s="8"')(parts)
    put(FIRST_SHEET, '<c r="C5" s="8"', '<c r="C5" s="5"')(parts)


def inherited(parts: dict[str, str]) -> None:
    """A cell format that says of its number format that it is the named style's."""
    put(STYLES, '<numFmts count="1">', '<numFmts count="2"><numFmt numFmtId="165" formatCode=";;;"/>')(parts)
    swap(STYLES, '(<cellStyleXfs count="1"><xf numFmtId=)"0"', r'\1"165"')(parts)
    style(swap(STYLES, 'applyNumberFormat="1"(?=[^>]*>[^>]*></xf></cellXfs>)', 'applyNumberFormat="0"'))(
        parts
    )


def related(kind: str, target: str) -> Forgery:
    """A relation of the first sheet."""

    def forge(parts: dict[str, str]) -> None:
        parts[SHEET_RELATIONS] = (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'
        )

    return forge


def typed(part: str, kind: str) -> Forgery:
    return put(TYPES, "</Types>", f'<Override PartName="/{part}" ContentType="{kind}"/></Types>')


def text_box(parts: dict[str, str]) -> None:
    """A box over the cells, in a part whose name space has a Chinese prefix."""
    parts["xl/drawings/drawing1.xml"] = "<xdr:wsDr xmlns:xdr='u'>没有欠账</xdr:wsDr>"
    related("drawing", "../drawings/drawing1.xml")(parts)
    typed("xl/drawings/drawing1.xml", "application/vnd.openxmlformats-officedocument.drawing+xml")(parts)
    before("colBreaks", f'<图:drawing xmlns:图="{MAIN}" r:id="rId1"/>')(parts)


def second_workbook(parts: dict[str, str]) -> None:
    """A second workbook, to which the package's relations point, shows a second sheet."""
    parts["xl/wb2.xml"] = parts[BOOK]
    parts["xl/_rels/wb2.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace("/sheet1.", "/sheet9.")
    parts["xl/worksheets/sheet9.xml"] = parts[FIRST_SHEET].replace("每日", "每月")
    put("_rels/.rels", "xl/workbook.xml", "xl/wb2.xml")(parts)
    typed("xl/wb2.xml", f"{SHEETS}.sheet.main+xml")(parts)
    typed("xl/worksheets/sheet9.xml", f"{SHEETS}.worksheet+xml")(parts)


def loose_sheet(parts: dict[str, str]) -> None:
    parts["xl/worksheets/sheet9.xml"] = parts[FIRST_SHEET]
    typed("xl/worksheets/sheet9.xml", f"{SHEETS}.worksheet+xml")(parts)


def phonetic(parts: dict[str, str]) -> None:
    put(FIRST_SHEET, "<is><t>每日</t>", '<is><t>每日</t><rPh sb="0" eb="1"><t>每月</t></rPh>')(parts)


def picture(parts: dict[str, str]) -> None:
    parts["xl/media/a.png"] = "x"
    put(TYPES, "<Override", '<Default Extension="png" ContentType="image/png"/><Override')(parts)


CONDITIONAL = f'<表:conditionalFormatting xmlns:表="{MAIN}" sqref="A5"/>'
HYPERLINK = '<hyperlinks><hyperlink ref="A5" location="A1" tooltip="已作废"/></hyperlinks>'
UP, FOOT = '<sheetView tabSelected="1"', "<headerFooter>"
# where the message names the sheet, it stands before what is said here
FORGERIES: dict[str, tuple[Forgery, str]] = {
    "text box": (text_box, "：含图形或图片（worksheet 里的 drawing）"),
    "conditional format": (before("pageMargins", CONDITIONAL), "：含条件格式"),
    "hyperlink": (before("pageMargins", HYPERLINK), "：含超链接"),
    "background": (
        before("/worksheet>", '<表:picture xmlns:表="u"/>'),
        "：含不认得的内容（worksheet 里的 {u}",
    ),
    "extension": (before("/worksheet>", "<extLst><ext uri='u'/></extLst>"), "：含扩展内容"),
    "alternate": (before("pageMargins", "<x:AlternateContent xmlns:x='u'/>"), "：含不认得的内容"),
    "instruction": (before("pageMargins", "<?a b?>"), "：含 XML 处理指令"),
    "loose text": (before("pageMargins", "已作废"), "：worksheet 里有不该有的文字“已作废”"),
    "phonetic": (phonetic, "：含注音"),
    "shown phonetic": (put(FIRST_SHEET, '<c r="C5"', '<c ph="1" r="C5"'), "：设置 c 的 ph=“1”"),
    "low row": (put(FIRST_SHEET, '<row r="6" ht="30"', '<row r="6" ht="3.1"'), "：第 6 行太低（3.1）"),
    "no height": (put(FIRST_SHEET, '<row r="6" ht="30"', '<row r="6"'), "：第 6 行太低（没有行高）"),
    "hidden row": (put(FIRST_SHEET, '<row r="6"', '<row hidden="&#49;" r="6"'), "：第 6 行被隐藏"),
    "collapsed": (put(FIRST_SHEET, '<row r="6"', '<row collapsed="1" r="6"'), "：设置 row 的 collapsed"),
    "narrow": (swap(FIRST_SHEET, '(max="2" width=)"[^"]*"', r'\1"0.6"'), "：B 列太窄（0.6"),
    "no columns": (swap(FIRST_SHEET, "<cols>.*</cols>", ""), "：A 列太窄"),
    "hidden column": (put(FIRST_SHEET, '<col min="2"', '<col hidden="true" min="2"'), "：B 列被隐藏"),
    "usual height": (
        put(FIRST_SHEET, 'defaultRowHeight="15"', 'defaultRowHeight="1"'),
        "：设置 sheetFormatPr",
    ),
    "zero height": (put(FIRST_SHEET, "<sheetFormatPr", '<sheetFormatPr zeroHeight="1"'), "zeroHeight=“1”"),
    "right to left": (put(FIRST_SHEET, UP, f'{UP} rightToLeft="1"'), "：设置 sheetView 的 rightToLeft"),
    "zoom": (put(FIRST_SHEET, UP, f'{UP} zoomScale="10"'), "：设置 sheetView 的 zoomScale=“10”"),
    "formulas": (put(FIRST_SHEET, UP, f'{UP} showFormulas="1"'), "：设置 sheetView 的 showFormulas"),
    "scrolled": (put(FIRST_SHEET, UP, f'{UP} topLeftCell="A8"'), "：设置 sheetView 的 topLeftCell=“A8”"),
    "pane": (put(FIRST_SHEET, 'topLeftCell="B5"', 'topLeftCell="B7"'), "：设置 pane 的 topLeftCell=“B7”"),
    "split": (put(FIRST_SHEET, 'ySplit="4"', 'ySplit="8"'), "：设置 pane 的 ySplit=“8”"),
    "not frozen": (put(FIRST_SHEET, ' state="frozen"', ""), "：窗口的拆分不是封存时的"),
    "fit": (
        before("dimension", '<sheetPr><pageSetUpPr fitToPage="1"/></sheetPr>'),
        "pageSetUpPr 的 fitToPage",
    ),
    "scale": (put(FIRST_SHEET, "<pageSetup", '<pageSetup scale="10"'), "：设置 pageSetup 的 scale=“10”"),
    "first page": (put(FIRST_SHEET, "<pageSetup", '<pageSetup firstPageNumber="7"'), "firstPageNumber=“7”"),
    "margin": (put(FIRST_SHEET, 'left="0.4"', 'left="11"'), "：设置 pageMargins 的 left=“11”"),
    "reach": (put(FIRST_SHEET, 'ref="A1:Y9"', 'ref="A1:Y6"'), "：所称的表格范围盖不住全部内容"),
    "unmerged": (put(FIRST_SHEET, '<mergeCell ref="A2:E2"/>', ""), "!A2:E2：不再是合并的一格"),
    "header": (put(FIRST_SHEET, FOOT, f"{FOOT}<oddHeader>已作废</oddHeader>"), "：页眉页脚显示“已作废”"),
    "codes": (put(FIRST_SHEET, FOOT, f"{FOOT}<evenHeader>&amp;X</evenHeader>"), "：页眉页脚显示“&X”"),
    "first": (put(FIRST_SHEET, FOOT, '<headerFooter differentFirst="1">'), "headerFooter 的 differentFirst"),
    "no footer": (swap(FIRST_SHEET, "<headerFooter>.*</headerFooter>", ""), "：缺少页脚“&L校验码"),
    "fill": (aligned('<alignment horizontal="fill" vertical="top" wrapText="1"/>'), "!C5：对齐方式"),
    "indent": (aligned('<alignment indent="200" vertical="top" wrapText="1"/>'), "!C5：缩进过大"),
    "turned": (aligned('<alignment textRotation="90" vertical="top" wrapText="1"/>'), "!C5：文字被旋转"),
    "shrunk": (aligned('<alignment shrinkToFit="1" vertical="top" wrapText="1"/>'), "!C5：文字被缩小"),
    "reading": (aligned('<alignment readingOrder="2" vertical="top" wrapText="1"/>'), "!C5：文字从右向左"),
    "unwrapped": (aligned('<alignment vertical="top"/>'), "!C5：文字不换行"),
    "wingdings": (lettered('<sz val="10"/><name val="Wingdings"/>'), "!C5：字体“Wingdings”"),
    "symbols": (lettered('<sz val="10"/><name val="宋体"/><charset val="2"/>'), "!C5：字体的字符集"),
    "raised": (lettered('<vertAlign val="superscript"/><sz val="10"/>'), "!C5：文字是上标"),
    "underlined": (lettered('<u/><sz val="10"/>'), "!C5：文字有下划线"),
    "struck": (lettered('<strike/><sz val="10"/>'), "!C5：文字被划去"),
    "huge": (lettered('<sz val="72"/>'), "!C5：文字大得格里放不下"),
    "small": (lettered('<sz val="7"/>'), "!C5：文字小得看不清"),
    "window": (lettered('<sz val="10"/><color indexed="65"/><name val="宋体"/>'), "!C5：文字或底色取自主题"),
    "black": (black, "!C5：文字或底色取自主题"),
    "scheme": (lettered('<sz val="10"/><name val="宋体"/><scheme val="minor"/>'), "!C5：文字或底色取自主题"),
    "crossed": (crossed, "!C5：有斜线划过"),
    "crossed where empty": (crossed_where_empty, "!B8：有斜线划过"),
    "inherited format": (inherited, "!C5：数字格式“;;;”会显示成别的内容"),
    "no style": (put(FIRST_SHEET, '<c r="C5" s="5"', '<c r="C5" s="99"'), "!C5：样式不存在"),
    "titles": (put(BOOK, "$3:$4", "$1:$1"), "：名称 _xlnm.Print_Titles"),
    "name": (
        put(BOOK, "</definedNames>", '<definedName name="甲">1</definedName></definedNames>'),
        "名称 甲",
    ),
    # what belongs to the whole workbook
    "second workbook": (second_workbook, "工作簿"),
    "two types": (typed("xl/styles2.xml", f"{SHEETS}.sheet.main+xml"), "工作簿不是正好一个"),
    "loose sheet": (loose_sheet, "xl/worksheets/sheet9.xml：工作簿里不该有的部件（没有内容引用它）"),
    "picture": (picture, "xl/media/a.png：工作簿里不该有的部件"),
    "foreign relation": (related("image", "a.png"), "引用了不该有的内容（image）"),
    "numbers twice": (
        put(STYLES, "<numFmt ", '<numFmt numFmtId="164" formatCode=";;;"/><numFmt '),
        "数字格式编号重复",
    ),
    "styles twice": (put(STYLES, "<dxfs", '<cellXfs count="0"/><dxfs'), "cellXfs 重复"),
    "formats twice": (put(STYLES, "<numFmts", "<numFmts/><numFmts"), "numFmts 重复"),
    "usual font": (put(STYLES, '<sz val="11"/>', '<sz val="2"/>'), "默认样式：文字小得看不清"),
    "theme font": (
        swap("xl/theme/theme1.xml", '(<a:minorFont><a:latin typeface=)"[^"]*"', r'\1"Wingdings"'),
        "工作簿的主题里有认不得的字体",
    ),
    "no tabs": (put(BOOK, "<workbookView", '<workbookView showSheetTabs="0"'), "showSheetTabs=“0”"),
    "first tab": (put(BOOK, "<workbookView", '<workbookView firstSheet="1"'), "firstSheet=“1”"),
    "opens hidden": (put(BOOK, "<workbookView", '<workbookView activeTab="2"'), "打开时显示的不是清单"),
    "carried shown": (put(BOOK, ' state="veryHidden"', ""), "封存数据：不再隐藏"),
}
OF_THE_SHEET = [name for name, (_, meant) in FORGERIES.items() if meant[0] in "：!"]


def forge(tmp_path: Path, forgery: Forgery) -> Path:
    path = made(tmp_path, "xlsx")
    parts = {name: data.decode() for name, data in parts_of(path).items()}
    forgery(parts)
    return packed(path, {name: text.encode() for name, text in parts.items()})


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found_and_told(name: str, tmp_path: Path) -> None:
    forgery, meant = FORGERIES[name]
    told = said(verify_file(forge(tmp_path, forgery)))
    assert (f"{SHEET}{meant}" if name in OF_THE_SHEET else meant) in told


def test_a_workbook_packed_anew_is_genuine(tmp_path: Path) -> None:
    assert verify_file(forge(tmp_path, lambda parts: None)).problems == ()


def test_a_part_twice_in_the_package_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "xlsx")
    sheet = parts_of(path)[FIRST_SHEET].replace("每日".encode(), "每月".encode())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as package:
        package.writestr(FIRST_SHEET, sheet)
    assert "文件读不了" in said(verify_file(path))


@pytest.mark.parametrize("forgery", [second_workbook, typed("xl/wb2.xml", f"{SHEETS}.sheet.main+xml")])
def test_no_workbook_with_a_second_one_inside_is_read_for_any_purpose(
    forgery: Forgery, tmp_path: Path
) -> None:
    with pytest.raises(Unreadable) as raised:
        read_workbook(forge(tmp_path, forgery), reading_limits())
    assert raised.value.finding.reason == "main_part"


# ---- notes ------------------------------------------------------------------------------------------------


def noted(tmp_path: Path) -> Path:
    """A workbook with a note that opens when its cell is pointed at."""
    path = made(tmp_path, "xlsx")
    book = openpyxl.load_workbook(path)
    book[SHEET]["C5"].comment = Comment("核对过", "张")
    book.save(path)
    return path


NOTES: dict[str, tuple[str, str, str]] = {
    "visible": ("visibility:hidden", "visibility:visible", "：含图形或一直显示的批注"),
    "said twice": ("visibility:hidden", "visibility:hidden;visibility:visible", "：含图形或一直显示的批注"),
    "flag": ("<ns2:MoveWithCells/>", "<ns2:Visible/>", "：含一直显示的批注"),
    "label": ('ObjectType="Note"', 'ObjectType="Label"', "：设置 x:ClientData 的 ObjectType=“Label”"),
    "other shape": ("#_x0000_t202", "#_x0000_t201", "：含图形或一直显示的批注"),
    "other cell": ("<ns2:Row>4<", "<ns2:Row>9<", "：含图形或一直显示的批注"),
    "rectangle": ("</xml>", '<v:rect xmlns:v="urn:schemas-microsoft-com:vml"/></xml>', "里的 v:rect）"),
    "comment": ("</xml>", '<!-- ObjectType="Note" --></xml>', "：含 XML 注释"),
}


@pytest.mark.parametrize("name", NOTES)
def test_what_is_drawn_among_the_notes_is_found(name: str, tmp_path: Path) -> None:
    path = noted(tmp_path)
    part = next(part for part in parts_of(path) if part.endswith(".vml"))
    old, new, meant = NOTES[name]
    assert old.encode() in parts_of(path)[part]
    other = rezipped(path, part, lambda data: data.replace(old.encode(), new.encode(), 1))
    told = said(verify_file(other))
    assert SHEET in told
    assert meant in told


def test_a_note_without_a_shape_is_not_trusted_to_be_hidden(tmp_path: Path) -> None:
    drawn = re.compile(rb"<legacyDrawing[^>]*/>")
    other = rezipped(noted(tmp_path), FIRST_SHEET, lambda data: drawn.sub(b"", data))
    assert f"{SHEET}：批注没有画出" in said(verify_file(other))
