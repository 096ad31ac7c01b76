"""The styles of a workbook: whether a text in a style is seen as it stands, in a font and a size that can be read."""

import re
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from registry.list_files.xlsx_names import STYLES
from registry.list_files.xlsx_parts import Package, Parts
from registry.list_files.xlsx_strict import Node

# fonts whose letters look like themselves; a re-saving program may put one of these in place of ours
_FONTS = re.compile(
    "宋体|新宋体|等线(?: Light)?|黑体|(?:仿宋|楷体)(?:_GB2312)?|微软雅黑|华文(?:宋体|中宋|仿宋)|方正小标宋简体"
    "|N?SimSun|DengXian(?: Light)?|SimHei|FangSong|KaiTi|Microsoft (?:YaHei|JhengHei)|P?MingLiU|新細明體|細明體"
    "|微軟正黑體|Songti SC|STSong|STHeiti|PingFang SC|思源(?:黑体|宋体)|文泉驿(?:正黑|微米黑)|AR PL (?:UMing|UKai) CN"
    "|WenQuanYi (?:Zen|Micro) Hei|Droid Sans(?: Fallback)?|Source Han (?:Sans|Serif) (?:CN|SC)"
    "|Noto (?:Sans|Serif)(?: SC)?|Noto (?:Sans|Serif|Sans Mono) CJK (?:SC|TC|HK|JP|KR)"
    "|Calibri(?: Light)?|Cambria|Carlito|Caladea|Arial|Helvetica|Times New Roman|Courier New|Tahoma|Verdana|Segoe UI"
    "|Liberation (?:Sans|Serif|Mono)|DejaVu (?:Sans|Serif|Sans Mono)"
)
_PLAIN = {"0": "General", "49": "@"}
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_SEEN = 120  # how far a colour must differ from the one behind it, of 765
_NUMBER = re.compile(r"[0-9]{1,3}(?:\.[0-9]{0,6})?")
_RGB = re.compile("[0-9A-Fa-f]{8}")
_SIZES = 0.8, 1.2
_USUAL_SIZES = 10.0, 14.0
_FLAGS = ("strike", "outline", "shadow", "condense", "extend")
_APPLIED = ("applyNumberFormat", "applyFont", "applyFill", "applyBorder", "applyAlignment")
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_FACES = tuple(f"{_DRAWING}{name}" for name in ("latin", "ea", "cs", "font"))
# the scripts of which texts are made; a theme names fonts of thirty others
_SCRIPTS = ("", "Hans", "Hant")
_Colour = tuple[int, int, int] | None


class Styles:
    """The cell formats of a workbook, by the number that cells name."""

    def __init__(self, package: Package, parts: Parts) -> None:
        self.package = package
        self.root = package.tree(parts.styles, STYLES) if parts.styles else Node("", {})
        self.formats = self._formats()
        self.fonts, self.fills, self.borders, self.parents, self.own = (
            self.root.first(name).children
            for name in ("fonts", "fills", "borders", "cellStyleXfs", "cellXfs")
        )
        self._known: dict[tuple[str, float], str] = {}
        self._usual_font(parts)

    def _formats(self) -> dict[str, str]:
        nodes = self.root.first("numFmts").children
        found = {node.get("numFmtId"): node.get("formatCode") for node in nodes}
        if len(found) < len(nodes):
            self.package.tell("工作簿的数字格式编号重复，各种软件显示的会不同")
        return found

    def _usual_font(self, parts: Parts) -> None:
        """The font of footers, in whose letters columns' widths are counted, and what a theme makes of it."""
        usual = [self._at(self.fonts, xf, "fontId") for xf in (*self.parents[:1], *self.own[:1])]
        for font in (*self.fonts[:1], *usual):
            fault = _face_fault(font) or _size_fault(font, *_USUAL_SIZES)
            if fault:
                self.package.tell(f"工作簿的默认样式：{fault}")
        named = self.root.first("cellStyles").children
        if any(node.get("builtinId") == "0" and node.get("xfId", "0") != "0" for node in named):
            self.package.tell("工作簿的默认样式不是第一个样式")
        if parts.theme and not _is_plain_theme(b"".join(self.package.pieces(parts.theme))):
            self.package.tell("工作簿的主题里有认不得的字体")

    def fault(self, style: str, size: float) -> str:
        """Why a text in this cell format is not seen as it stands; ``size`` is that of our own, in points."""
        key = style, size
        if key not in self._known:
            self._known[key] = next(self._text_faults(style, size), "")
        return self._known[key]

    def empty_fault(self, style: str) -> str:
        """Why an empty cell of this format would show something."""
        key = style, 0.0
        if key not in self._known:
            faults = (_border_fault(self._at(self.borders, xf, "borderId")) for xf in self._looks(style))
            self._known[key] = next(filter(None, faults), "")
        return self._known[key]

    def run_fault(self, run: Node, style: str, size: float) -> str:
        """Why a part of a text in its own font is not seen as it stands; a part without one takes the cell's."""
        if not run.children:
            return ""
        return _font_fault(run, self._at(self.fills, self._looks(style)[0], "fillId"), size)

    def _looks(self, style: str) -> list[Node]:
        """The cell format, and the named style where the format says that it takes something from there."""
        xf = self.own[int(style)] if len(style) < 7 and int(style) < len(self.own) else Node("", {})
        looks = [xf]
        if any(xf.get(name) in ("0", "false") for name in _APPLIED):
            looks.append(self._at(self.parents, xf, "xfId"))
        return looks

    def _at(self, nodes: Sequence[Node], xf: Node, name: str) -> Node:
        number = xf.get(name, "0")
        return nodes[int(number)] if int(number) < len(nodes) else Node("", {})

    def _text_faults(self, style: str, size: float) -> Iterator[str]:
        xf = self._looks(style)[0]
        if not xf.name:
            yield "样式不存在"
            return
        font, fill, border = (
            self._at(nodes, xf, name)
            for nodes, name in ((self.fonts, "fontId"), (self.fills, "fillId"), (self.borders, "borderId"))
        )
        faults = [
            self._format_fault(xf),
            _alignment_fault(xf.first("alignment")),
            _font_fault(font, fill, size),
            _border_fault(border),
            self._inherited_fault(xf, size),
        ]
        yield from filter(None, faults)

    def _inherited_fault(self, xf: Node, size: float) -> str:
        """What a program would show that takes from the named style what is said not to be applied."""
        denied = {name for name in _APPLIED if xf.get(name) in ("0", "false")}
        if not denied:
            return ""
        parent = self._at(self.parents, xf, "xfId")
        if not parent.name:
            return "样式不存在"
        font = self._at(self.fonts, parent if "applyFont" in denied else xf, "fontId")
        fill = self._at(self.fills, parent if "applyFill" in denied else xf, "fillId")
        faults = [
            self._format_fault(parent) if "applyNumberFormat" in denied else "",
            _alignment_fault(parent.first("alignment")) if "applyAlignment" in denied else "",
            _font_fault(font, fill, size) if denied & {"applyFont", "applyFill"} else "",
            _border_fault(self._at(self.borders, parent, "borderId")) if "applyBorder" in denied else "",
        ]
        return next(filter(None, faults), "")

    def _format_fault(self, xf: Node) -> str:
        number = xf.get("numFmtId", "0")
        code = self.formats.get(number, _PLAIN.get(number, f"内置格式 {number}"))
        return "" if code in ("General", "@") else f"数字格式“{code[:60]}”会显示成别的内容"


def _alignment_fault(node: Node) -> str:
    """Why a text aligned so would not be seen whole and upright in its cell."""
    if node.get("horizontal", "general") not in ("general", "left", "center", "right"):
        return "对齐方式会重复或盖住文字"
    if node.get("vertical", "bottom") not in ("top", "center"):
        return "竖直对齐方式会盖住文字"
    if node.get("textRotation", "0") != "0":
        return "文字被旋转"
    if node.get("indent", "0") not in ("0", "1", "2") or node.get("relativeIndent", "0") != "0":
        return "缩进过大，文字看不见"
    if node.get("readingOrder", "0") not in ("0", "1"):
        return "文字从右向左显示"
    if node.is_set("shrinkToFit") or node.is_set("justifyLastLine"):
        return "文字被缩小或拉开"
    return "" if node.is_set("wrapText") else "文字不换行，可能被相邻的格盖住"


def _border_fault(border: Node) -> str:
    crossed = border.is_set("diagonalUp") or border.is_set("diagonalDown")
    if crossed or border.first("diagonal").get("style", "none") != "none":
        return "有斜线划过"
    return ""


def _font_fault(font: Node, fill: Node, size: float) -> str:
    """Why a text in this font before this fill is not to be read."""
    return _face_fault(font) or _size_fault(font, *(size * part for part in _SIZES)) or _hue_fault(font, fill)


def _face_fault(font: Node) -> str:
    if any(node.get("val", "1") in ("1", "true") for name in _FLAGS for node in font.all(name)):
        return "文字被划去或有特殊效果"
    if font.first("vertAlign").get("val", "baseline") != "baseline":
        return "文字是上标或下标"
    if any(node.get("val", "single") != "none" for node in font.all("u")):
        return "文字有下划线"
    if font.first("charset").get("val", "1") not in ("0", "1", "128", "129", "134", "136"):
        return "字体的字符集会显示成别的字"
    name = (font.first("name").get("val") or font.first("rFont").get("val")).strip()
    return "" if _is_readable(name) else f"字体“{name[:60]}”可能显示成别的字"


def _is_readable(name: str) -> bool:
    return _FONTS.fullmatch(name) is not None


def _is_plain_theme(data: bytes) -> bool:
    """Whether the fonts that a theme puts in place of others are such as can be read."""
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return False
    used = [node for node in root.iter() if node.tag in _FACES and node.get("script", "") in _SCRIPTS]
    names = [node.get("typeface", "") for node in used]
    return root.tag == f"{_DRAWING}theme" and all(name == "" or _is_readable(name) for name in names)


def _size_fault(font: Node, least: float, most: float) -> str:
    size = font.first("sz").get("val")
    if not _NUMBER.fullmatch(size):
        return "文字没有大小"
    if float(size) < least:
        return "文字小得看不清"
    return "文字大得格里放不下" if float(size) > most else ""


def _hue_fault(font: Node, fill: Node) -> str:
    plain = "文字或底色取自主题、调色板或花纹，可能看不见"
    pattern = fill.first("patternFill")
    kind = pattern.get("patternType", "none")
    if kind not in ("none", "solid") or fill.all("gradientFill") or font.all("scheme"):
        return plain
    behind = _colour(pattern.first("fgColor"), None) if kind == "solid" else _WHITE
    front = _colour(font.first("color"), _BLACK)
    if front is None or behind is None:
        return plain
    if sum(abs(one - other) for one, other in zip(front, behind, strict=True)) < _SEEN:
        return "文字与底色相近，看不见"
    return ""


def _colour(node: Node, usual: _Colour) -> _Colour:
    """Red, green and blue; None where the file or a program says elsewhere what the colour is (a theme, a palette)."""
    told = {name: value for name, value in node.attributes.items() if name != "tint"}
    if node.get("tint", "0") not in ("0", "0.0") or len(told) > 1:
        return None
    if not told or node.is_set("auto") or told.get("indexed") == "64":
        return usual
    if not _RGB.fullmatch(told.get("rgb", "")):
        return None
    red, green, blue = bytes.fromhex(told["rgb"][2:])
    return red, green, blue
