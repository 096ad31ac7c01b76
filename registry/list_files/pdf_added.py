"""What was laid over a typeset PDF or set beside its pages: notes, form fields, stamps, layers, scripts.

A program shows these above the page, or shows the page otherwise. All are differences but one: the field of an
electronic signature, which is what a legal seal looks like, is named with its place.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from registry.list_files.pdf_objects import Alike

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

STAMPING = "盖章请用电子签章域，或者另行上传盖章扫描件（mulu list scan）"
_POINTS_A_MM = 72 / 25.4
# the largest official seal is 5 cm wide; what is larger is drawn to cover
_WIDEST_MM = 80
_SCRIPTS = "文件含有脚本，打开时可以改变显示的内容"
_LAYERS = "文件含有可以显示或隐藏的图层"
_FORMS = "文件含有电子签章域以外的表单"
_OTHERWISE = "文件的目录项 {key} 不是封存时的，可以改变显示的内容"
_RENAMED = "文件属性中的{zh}被改为“{shown}”，原为“{meant}”"
_ABOUT = {"title": "标题", "author": "作者"}
# judged by themselves, or without any effect on what pages show; those of signatures, too
_CATALOG = frozenset({"/Type", "/Pages", "/Metadata", "/Lang", "/AF", "/Names", "/AcroForm", "/OpenAction"})
_CATALOG |= {"/Version", "/Extensions", "/Perms", "/DSS", "/PieceInfo", "/MarkInfo"}
_SAID = {"/OCProperties": _LAYERS, "/AA": _SCRIPTS}
_COLOURED = frozenset({"/BG", "/BC", "/CA", "/I"})


def added_to_document(shown: "PdfReader", meant: "PdfReader") -> tuple[list[str], list[str]]:
    """Differences and notes about a document as a whole."""
    notes: list[str] = []
    for key, zh in _ABOUT.items():
        texts = [str(getattr(reader.metadata, key, None) or "") for reader in (shown, meant)]
        if texts[0] != texts[1]:
            notes.append(_RENAMED.format(zh=zh, shown=texts[0][:60], meant=texts[1][:60]))
    return list(dict.fromkeys(_unlike_catalog(shown.root_object, meant.root_object))), notes


def _unlike_catalog(catalog: Any, own: Any) -> Iterator[str]:
    alike = Alike()
    for key in sorted(catalog.keys() - _CATALOG):
        if key not in own or not alike.same(catalog.raw_get(key), own.raw_get(key)):
            yield _SAID.get(key, _OTHERWISE.format(key=key))
    names = _dictionary(catalog.get("/Names")).keys() - {"/EmbeddedFiles"}
    if names:
        yield _SCRIPTS if "/JavaScript" in names else _OTHERWISE.format(key="/Names")
    # a place to open at is a list, or an action that goes there
    opening = _object(catalog.get("/OpenAction"))
    if isinstance(opening, dict) and (opening.get("/S") != "/GoTo" or "/Next" in opening):
        yield _SCRIPTS
    form = _dictionary(catalog.get("/AcroForm"))
    if "/XFA" in form or "/CO" in form:
        yield _SCRIPTS
    if not all(_is_signature_field(field, 0) for field in map(_dictionary, _list(form.get("/Fields")))):
        yield _FORMS


def _is_signature_field(field: Any, depth: int) -> bool:
    if field.get("/FT") is not None:
        return bool(field.get("/FT") == "/Sig")
    kids = _list(field.get("/Kids"))
    return bool(kids) and depth < 8 and all(_is_signature_field(_dictionary(kid), depth + 1) for kid in kids)


def added_to_page(page: "PageObject", place: str, content: bytes) -> tuple[list[str], list[str]]:
    """Differences and notes about what lies over one page of a file. ``place`` is 第 3 页."""
    differences: list[str] = []
    notes: list[str] = []
    for entry in _list(page.get("/Annots")):
        note = _dictionary(entry)
        kind, text = str(note.get("/Subtype", "")), _text_of(page, note)
        where = f"{place}（{_place(note)}）"
        if not _is_signature(note):
            cure = f"；{STAMPING}" if kind == "/Stamp" else ""
            said = f"加有封存时没有的批注或者表单（{kind.lstrip('/')}）{_quoted(text)}"
            differences.append(f"{where}{said}{cure}")
        elif fault := _signature_fault(note, content):
            differences.append(f"{where}的电子签章{_quoted(text)}{fault}；{STAMPING}")
        else:
            said = "请目视核对有无遮盖，其效力以签章软件验证为准"
            notes.append(f"{where}有电子签章{_quoted(text)}；{said}")
    return differences, notes


def _is_signature(note: Any) -> bool:
    """A field that was signed, or one that waits for it and shows nothing: who drew on it without signing forged."""
    if note.get("/Subtype") != "/Widget" or _inherited(note, "/FT") != "/Sig" or {"/A", "/AA"} & note.keys():
        return False
    is_blank = not any(_appearances(note)) and not _COLOURED & _dictionary(note.get("/MK")).keys()
    return "/ByteRange" in _dictionary(_inherited(note, "/V")) or is_blank


def _signature_fault(note: Any, content: bytes) -> str:
    """Why a field is not that of a signature of this file; an empty text for one that is, or that waits for it."""
    value = _dictionary(_inherited(note, "/V"))
    if "/ByteRange" in value and not _is_bound(value, content):
        return "与文件的字节不符：不是签章软件所作，或者签章之后文件另存过"
    sides = _sides(note)
    if len(sides) != 4 or max(sides[2] - sides[0], sides[3] - sides[1]) > _WIDEST_MM:
        return f"大于 {_WIDEST_MM} 毫米，可以遮盖清单"
    return ""


def _is_bound(value: Any, content: bytes) -> bool:
    """Whether a signature speaks of the bytes around itself, from the first to the end of a saved state."""
    parts = [int(part) for part in _list(value.get("/ByteRange"))]
    signed = getattr(_object(value.get("/Contents")), "original_bytes", b"")
    if len(parts) != 4 or not signed.strip(b"\0"):
        return False
    start, first, second, rest = parts
    end = second + rest
    if start or not 0 < first < second < end <= len(content):
        return False
    between = content[first:second].strip()
    is_itself = between.lower() == b"<" + signed.hex().encode() + b">"
    return is_itself and content[:end].rstrip().endswith(b"%%EOF")


def _inherited(note: Any, key: str) -> Any:
    own = note.get(key)
    return own if own is not None else _dictionary(note.get("/Parent")).get(key)


def _text_of(page: "PageObject", note: Any) -> str:
    """The text that an addition shows: what it is drawn as, its contents, or the value of a field."""
    drawn = "".join(page.extract_xform_text(form) for form in _appearances(note))
    texts = (drawn, note.get("/Contents"), _inherited(note, "/V"))
    # the contents of a stamp are a remark that no page shows; the value of a signature is the signature
    shown = texts[:1] if note.get("/Subtype") == "/Stamp" or _is_signature(note) else texts
    return next((text for text in ("".join(str(part or "").split()) for part in shown) if text), "")


def _appearances(note: Any) -> Iterator[Any]:
    # only needed when a PDF is read
    from pypdf.generic import StreamObject

    normal = _object(_dictionary(note.get("/AP")).get("/N"))
    if isinstance(normal, StreamObject):
        yield from _forms(normal, 0)
    elif isinstance(normal, dict):
        states = [_object(form) for form in normal.values()]
        for state in states:
            if isinstance(state, StreamObject):
                yield from _forms(state, 0)


def _forms(form: Any, depth: int) -> Iterator[Any]:
    """A form and the forms that it is drawn with: signatures nest them."""
    from pypdf.generic import StreamObject

    yield form
    inner = _dictionary(_dictionary(form.get("/Resources")).get("/XObject"))
    for part in map(_object, inner.values()):
        if depth < 4 and isinstance(part, StreamObject) and part.get("/Subtype") == "/Form":
            yield from _forms(part, depth + 1)


def _sides(note: Any) -> list[float]:
    """Left, low, right and high of an addition in millimetres from the lower left; empty when it has no place."""
    sides = [float(side) / _POINTS_A_MM for side in _list(note.get("/Rect"))]
    return [*map(min, sides[:2], sides[2:]), *map(max, sides[:2], sides[2:])] if len(sides) == 4 else []


def _place(note: Any) -> str:
    sides = _sides(note)
    if not sides:
        return "位置不明"
    left, low, right, high = sides
    return f"距左 {left:.0f}、距下 {low:.0f}、宽 {right - left:.0f}、高 {high - low:.0f} 毫米"


def _quoted(text: str) -> str:
    return f"“{text[:60]}{'……' if len(text) > 60 else ''}”" if text else ""


def _object(value: Any) -> Any:
    return value.get_object() if value is not None else None


def _dictionary(value: Any) -> Any:
    found = _object(value)
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    found = _object(value)
    return list(found) if isinstance(found, list) else []
