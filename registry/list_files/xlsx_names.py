"""What may stand in the parts of a workbook: elements and attributes, by name space. Whatever is not listed is told.

Listed is what the writer, openpyxl, LibreOffice and (as far as it shows nothing) Excel and WPS write for such a
workbook. An attribute is listed with the values that change nothing of what is seen.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

BOOL, NO, YES = "0|1|false|true", "0|false", "1|true"
INT, NUMBER, ANY = "[0-9]{1,10}", r"-?(?:[0-9]{1,9}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})", r"(?s:.*)"
_ZOOM = "[5-9][0-9]|1[0-9]{2}|200"
_REFERENCE = r"[A-Z]{1,3}[0-9]{1,7}(?::[A-Z]{1,3}[0-9]{1,7})?"

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
PREFIXES = {
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r:",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc:",
    "http://www.w3.org/XML/1998/namespace": "xml:",
    "http://schemas.microsoft.com/office/spreadsheetml/2009/9/ac": "x14ac:",
    "http://schemas.microsoft.com/office/spreadsheetml/2014/revision": "xr:",
    "http://schemas.libreoffice.org/": "loext:",
    "urn:schemas-microsoft-com:vml": "v:",
    "urn:schemas-microsoft-com:office:office": "o:",
    "urn:schemas-microsoft-com:office:excel": "x:",
}


class Element(NamedTuple):
    """What an element may hold: attributes with the values allowed, children (once or often), text.

    ``any`` elements are not looked into, for nothing refers to what they hold.
    """

    attributes: Mapping[str, re.Pattern[str]]
    once: frozenset[str]
    often: frozenset[str]
    text: bool
    any: bool


class Grammar(NamedTuple):
    """The elements of one kind of part; names of its own name space stand without a prefix."""

    space: str
    root: str
    elements: Mapping[str, Element]


def _of(
    once: str = "",
    often: str = "",
    *,
    text: bool = False,
    **attributes: str,
) -> Element:
    """An element; attributes are given by the name of a kind of value in ``_VALUES``: names apart by blanks."""
    allowed = {
        name: re.compile(_VALUES[kind]) for kind, names in attributes.items() for name in names.split()
    }
    return Element(allowed, frozenset(once.split()), frozenset(often.split()), text, any=False)


_VALUES = {
    "either": BOOL,
    "no": NO,
    "yes": YES,
    "whole": INT,
    "number": NUMBER,
    "free": ANY,
    "zoom": _ZOOM,
    "zoom_or_none": f"0|{_ZOOM}",
    "place": _REFERENCE,
    "top_left": r"A1",
    "behind_frozen": "B5",
    "none": "none|0",
    "zero": "0",
    "one": "1",
    "normal": "normal",
    "frozen": "frozen",
    "four": "4",
    "margin": r"[01](?:\.[0-9]{0,20})?",
    "way": "landscape|portrait",
    "order": "downThenOver|overThenDown",
    "displayed": "displayed",
    "cell_kind": "s|str|inlineStr|n",
    "default_height": r"1[2-9](?:\.[0-9]*)?|2[0-9](?:\.[0-9]*)?",
    "default_width": r"(?:[6-9]|1[0-9]|2[0-9])(?:\.[0-9]*)?",
    "scale": "[5-9][0-9]|100",
    "unread": "noConversion",
    "visible": "visible",
    "state": "visible|hidden|veryHidden",
    "charset": "0|1|128|129|134|136",
    "baseline": "baseline",
    "sideways": "general|left|center|right",
    "upright": "top|center|bottom",
    "indent": "[0-2]",
    "direction": "[01]",
    "pattern": "none|solid|gray125",
    "note": "Note",
    "kept": "preserve|default",
}
_TEXT = _of(text=True, kept="xml:space")
_FLAG = _of(either="val")
_UNSET = _of(no="val")
_FREE = Element({}, frozenset(), frozenset(), text=False, any=True)
_COLOUR = _of(either="auto", free="rgb theme tint indexed")
_FONT = "b i strike outline shadow condense extend u vertAlign sz color name rFont family charset scheme"
_RUNS: dict[str, Element] = {
    "t": _TEXT,
    "r": _of("rPr t"),
    "rPr": _of(_FONT),
    "phoneticPr": _of(unread="type", whole="fontId", free="alignment"),
    "b": _FLAG,
    "i": _FLAG,
    **dict.fromkeys(("strike", "outline", "shadow", "condense", "extend"), _UNSET),
    "u": _of(none="val"),
    "vertAlign": _of(baseline="val"),
    "sz": _of(number="val"),
    "color": _COLOUR,
    "name": _of(free="val"),
    "rFont": _of(free="val"),
    "family": _of(whole="val"),
    "charset": _of(charset="val"),
    "scheme": _of(free="val"),
}
_BREAKS = _of("", "brk", whole="count manualBreakCount")
_SHEET = {
    "worksheet": _of(
        "sheetPr dimension sheetViews sheetFormatPr cols sheetData mergeCells phoneticPr printOptions pageMargins"
        " pageSetup headerFooter rowBreaks colBreaks ignoredErrors legacyDrawing",
        free="mc:Ignorable xr:uid",
    ),
    "sheetPr": _of("outlinePr pageSetUpPr", no="filterMode", free="codeName"),
    "outlinePr": _of(either="summaryBelow summaryRight applyStyles showOutlineSymbols"),
    "pageSetUpPr": _of(no="fitToPage", either="autoPageBreaks"),
    "dimension": _of(place="ref"),
    "sheetViews": _of("sheetView"),
    "sheetView": _of(
        "pane",
        "selection",
        no="showFormulas rightToLeft windowProtection",
        either="tabSelected showGridLines showRowColHeaders showZeros showOutlineSymbols defaultGridColor"
        " showRuler showWhiteSpace",
        normal="view",
        top_left="topLeftCell",
        zoom="zoomScale",
        zoom_or_none="zoomScaleNormal zoomScaleSheetLayoutView zoomScalePageLayoutView",
        whole="colorId",
        zero="workbookViewId",
    ),
    "pane": _of(one="xSplit", four="ySplit", behind_frozen="topLeftCell", free="activePane", frozen="state"),
    "selection": _of(free="pane activeCell activeCellId sqref"),
    "sheetFormatPr": _of(
        default_height="defaultRowHeight",
        default_width="defaultColWidth",
        whole="baseColWidth",
        no="zeroHeight",
        zero="outlineLevelRow outlineLevelCol",
        either="customHeight thickTop thickBottom",
        number="x14ac:dyDescent",
    ),
    "cols": _of("", "col"),
    "col": _of(
        whole="min max style",
        number="width",
        either="customWidth bestFit",
        no="hidden collapsed phonetic",
        zero="outlineLevel",
    ),
    "sheetData": _of("", "row"),
    "row": _of(
        "",
        "c",
        whole="r s",
        number="ht x14ac:dyDescent",
        no="hidden collapsed ph",
        zero="outlineLevel",
        either="customFormat customHeight thickTop thickBot",
        free="spans",
    ),
    "c": _of("v is f", whole="s", place="r", cell_kind="t", no="ph"),
    "f": _FREE,
    "v": _TEXT,
    "is": _of("t phoneticPr", "r"),
    "mergeCells": _of("", "mergeCell", whole="count"),
    "mergeCell": _of(place="ref"),
    "printOptions": _of(no="headings", either="gridLines gridLinesSet horizontalCentered verticalCentered"),
    "pageMargins": _of(margin="left right top bottom header footer"),
    "pageSetup": _of(
        whole="paperSize fitToWidth fitToHeight horizontalDpi verticalDpi",
        scale="scale",
        order="pageOrder",
        way="orientation",
        no="blackAndWhite draft useFirstPageNumber",
        none="cellComments",
        one="copies firstPageNumber",
        displayed="errors",
        either="usePrinterDefaults",
        free="r:id",
    ),
    "headerFooter": _of(
        "oddHeader oddFooter evenHeader evenFooter firstHeader firstFooter",
        no="differentOddEven differentFirst",
        either="scaleWithDoc alignWithMargins",
    ),
    **dict.fromkeys(("oddHeader", "evenHeader", "firstHeader"), _TEXT),
    **dict.fromkeys(("oddFooter", "evenFooter", "firstFooter"), _TEXT),
    "rowBreaks": _BREAKS,
    "colBreaks": _BREAKS,
    "brk": _of(whole="id min max", either="man pt"),
    "ignoredErrors": _of("", "ignoredError"),
    "ignoredError": _of(
        free="sqref",
        either="evalError twoDigitTextYear numberStoredAsText formula formulaRange unlockedFormula"
        " emptyCellReference listDataValidation calculatedColumn",
    ),
    "legacyDrawing": _of(free="r:id"),
    **_RUNS,
}
_BOOK = {
    "workbook": _of(
        "fileVersion workbookPr workbookProtection bookViews sheets definedNames calcPr extLst xr:revisionPtr",
        free="mc:Ignorable conformance",
    ),
    "xr:revisionPtr": _FREE,
    "fileVersion": _of(free="appName lastEdited lowestEdited rupBuild codeName"),
    "workbookPr": _of(
        free="backupFile showObjects date1904 defaultThemeVersion codeName filterPrivacy dateCompatibility"
    ),
    "workbookProtection": _of(),
    "bookViews": _of("workbookView"),
    "workbookView": _of(
        visible="visibility",
        no="minimized",
        yes="showHorizontalScroll showVerticalScroll showSheetTabs",
        zero="firstSheet",
        free="xWindow yWindow windowWidth windowHeight tabRatio activeTab autoFilterDateGrouping xr:uid",
    ),
    "sheets": _of("", "sheet"),
    "sheet": _of(free="name r:id", whole="sheetId", state="state"),
    "definedNames": _of("", "definedName"),
    "definedName": _of(text=True, free="name", whole="localSheetId", no="hidden function vbProcedure"),
    "calcPr": _of(
        free="calcId fullCalcOnLoad iterateCount refMode iterate iterateDelta calcMode calcCompleted calcOnSave"
        " concurrentCalc forceFullCalc"
    ),
    "extLst": _of("ext"),
    "ext": _of("loext:extCalcPr", free="uri"),
    "loext:extCalcPr": _of(free="stringRefSyntax"),
}
_EDGE = _of("color", free="style")
_STYLES = {
    **_RUNS,
    "styleSheet": _of(
        "numFmts fonts fills borders cellStyleXfs cellXfs cellStyles dxfs tableStyles colors",
        free="mc:Ignorable",
    ),
    # nothing that may stand in a sheet refers to these
    **dict.fromkeys(("dxfs", "tableStyles", "colors"), _FREE),
    "cellStyles": _of("", "cellStyle", whole="count"),
    "cellStyle": _of(free="name hidden customBuiltin xr:uid", whole="xfId builtinId iLevel"),
    "numFmts": _of("", "numFmt", whole="count"),
    "numFmt": _of(whole="numFmtId", free="formatCode"),
    "fonts": _of("", "font", whole="count", either="x14ac:knownFonts"),
    # which of these may be used is judged where a cell uses them
    "font": _of(_FONT),
    **dict.fromkeys(("strike", "outline", "shadow", "condense", "extend"), _FLAG),
    **dict.fromkeys(("u", "vertAlign", "charset", "scheme"), _of(free="val")),
    "fills": _of("", "fill", whole="count"),
    "fill": _of("patternFill gradientFill"),
    "patternFill": _of("fgColor bgColor", free="patternType"),
    "gradientFill": _FREE,
    "fgColor": _COLOUR,
    "bgColor": _COLOUR,
    "borders": _of("", "border", whole="count"),
    "border": _of(
        "left right top bottom diagonal start end vertical horizontal",
        either="diagonalUp diagonalDown outline",
    ),
    **dict.fromkeys(("left", "right", "top", "bottom", "diagonal"), _EDGE),
    **dict.fromkeys(("start", "end", "vertical", "horizontal"), _EDGE),
    "cellStyleXfs": _of("", "xf", whole="count"),
    "cellXfs": _of("", "xf", whole="count"),
    "xf": _of(
        "alignment protection",
        whole="numFmtId fontId fillId borderId xfId",
        either="applyNumberFormat applyFont applyFill applyBorder applyAlignment applyProtection quotePrefix",
        no="pivotButton",
    ),
    "alignment": _of(
        free="horizontal vertical textRotation indent relativeIndent readingOrder",
        either="wrapText shrinkToFit justifyLastLine",
    ),
    "protection": _of(either="locked hidden"),
}
_NOTES = {
    **_RUNS,
    "comments": _of("authors commentList", free="mc:Ignorable"),
    "authors": _of("", "author"),
    "author": _TEXT,
    "commentList": _of("", "comment"),
    "comment": _of("text", place="ref", whole="authorId shapeId", free="xr:uid"),
    "text": _of("t phoneticPr", "r"),
}
# a drawing of notes: shapes are looked at by xlsx_notes, which demands that each is hidden
_SHAPES = {
    "xml": _of("o:shapelayout", "v:shapetype v:shape"),
    "o:shapelayout": _FREE,
    "v:shapetype": _FREE,
    "v:shape": _of(
        "v:fill v:stroke v:shadow v:path v:textbox x:ClientData",
        free="id type style fillcolor strokecolor stroked filled o:insetmode o:allowincell o:spid strokeweight",
    ),
    **dict.fromkeys(("v:fill", "v:stroke", "v:shadow", "v:path", "v:textbox"), _FREE),
    "x:ClientData": _of(
        "x:MoveWithCells x:SizeWithCells x:Anchor x:AutoFill x:TextVAlign x:TextHAlign x:Row x:Column",
        note="ObjectType",
    ),
    **dict.fromkeys(
        ("x:MoveWithCells", "x:SizeWithCells", "x:Anchor", "x:AutoFill", "x:TextVAlign", "x:TextHAlign"),
        _of(text=True),
    ),
    **dict.fromkeys(("x:Row", "x:Column"), _of(text=True)),
}
WORKSHEET = Grammar(MAIN, "worksheet", _SHEET)
WORKBOOK = Grammar(MAIN, "workbook", _BOOK)
STYLES = Grammar(MAIN, "styleSheet", _STYLES)
SHARED = Grammar(
    MAIN,
    "sst",
    {"sst": _of("", "si", whole="count uniqueCount"), "si": _of("t phoneticPr", "r"), **_RUNS},
)
NOTES = Grammar(MAIN, "comments", _NOTES)
SHAPES = Grammar("", "xml", _SHAPES)
RELATIONS = Grammar(
    f"{PACKAGE}/relationships",
    "Relationships",
    {
        "Relationships": _of("", "Relationship"),
        "Relationship": _of(free="Id Type Target TargetMode"),
    },
)
TYPES = Grammar(
    f"{PACKAGE}/content-types",
    "Types",
    {
        "Types": _of("", "Default Override"),
        "Default": _of(free="Extension ContentType"),
        "Override": _of(free="PartName ContentType"),
    },
)
# how a message names what is known to lie over the cells or to change them
KNOWN = {
    "conditionalFormatting": "条件格式",
    "mc:AlternateContent": "替代内容",
    "drawing": "图形或图片",
    "legacyDrawingHF": "页眉页脚图片",
    "picture": "背景图片",
    "oleObjects": "嵌入对象",
    "controls": "控件",
    "tableParts": "表格样式",
    "dataValidations": "数据有效性或输入提示",
    "hyperlinks": "超链接",
    "extLst": "扩展内容",
    "rPh": "注音",
    "autoFilter": "筛选",
    "sheetProtection": "工作表保护",
    "customSheetViews": "自定义视图",
    "x:Visible": "一直显示的批注",
}
