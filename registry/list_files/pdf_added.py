"""What was laid over a typeset PDF: notes, form fields, stamps, signatures, scripts.

A program shows these above the page. What brings text or may cover some is a difference; the field of an electronic
signature and a stamp without text are what a legal seal looks like, and are named with their place.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

_POINTS_A_MM = 72 / 25.4
# what shows nothing on the page until it is pointed at
_QUIET = {"/Link": "链接", "/Popup": "弹出框", "/Text": "便签", "/FileAttachment": "附件图标"}
_HIDDEN_FLAGS = 2 | 32
_SCRIPTS = "文件含有脚本，打开时可以改变显示的内容"
_LAYERS = "文件含有可以显示或隐藏的图层；请目视核对"
_RENAMED = "文件属性中的{zh}被改为“{shown}”，原为“{meant}”"
_ABOUT = {"title": "标题", "author": "作者"}


def added_to_document(shown: "PdfReader", meant: "PdfReader") -> tuple[list[str], list[str]]:
    """Differences and notes about a document as a whole."""
    catalog = shown.root_object
    differences = [_SCRIPTS] if _has_scripts(catalog) else []
    notes = [_LAYERS] if "/OCProperties" in catalog else []
    for key, zh in _ABOUT.items():
        texts = [str(getattr(reader.metadata, key, None) or "") for reader in (shown, meant)]
        if texts[0] != texts[1]:
            notes.append(_RENAMED.format(zh=zh, shown=texts[0][:60], meant=texts[1][:60]))
    return differences, notes


def _has_scripts(catalog: Any) -> bool:
    names = _dictionary(catalog.get("/Names"))
    form = _dictionary(catalog.get("/AcroForm"))
    opening = _dictionary(catalog.get("/OpenAction"))
    return "/JavaScript" in names or "/XFA" in form or "/AA" in catalog or opening.get("/S") == "/JavaScript"


def added_to_page(page: "PageObject", place: str) -> tuple[list[str], list[str]]:
    """Differences and notes about what lies over one page. ``place`` is 第 3 页."""
    differences: list[str] = []
    notes: list[str] = []
    for entry in _list(page.get("/Annots")):
        note = _dictionary(entry)
        kind, text = str(note.get("/Subtype", "")), _text_of(page, note)
        where = f"{place}（{_place(note)}）"
        if _is_signature(note):
            notes.append(f"{where}有电子签章{_quoted(text)}；其效力以签章软件验证为准")
        elif kind in _QUIET:
            notes.append(f"{place}加有{_QUIET[kind]}{_quoted(text)}")
        elif _is_hidden(note):
            notes.append(f"{place}加有隐藏的批注")
        elif kind == "/Stamp" and not text:
            notes.append(f"{where}加盖了图章，请目视核对有无遮盖")
        else:
            differences.append(f"{where}加有封存时没有的批注或者表单（{kind.lstrip('/')}）{_quoted(text)}")
    return differences, notes


def _is_signature(note: Any) -> bool:
    """A field that was signed, or one that waits for it and shows nothing: who drew on it without signing forged."""
    if note.get("/Subtype") != "/Widget" or _inherited(note, "/FT") != "/Sig":
        return False
    return "/ByteRange" in _dictionary(_inherited(note, "/V")) or not any(_appearances(note))


def _inherited(note: Any, key: str) -> Any:
    own = note.get(key)
    return own if own is not None else _dictionary(note.get("/Parent")).get(key)


def _is_hidden(note: Any) -> bool:
    flags = note.get("/F")
    return isinstance(flags, int) and bool(flags & _HIDDEN_FLAGS)


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


def _place(note: Any) -> str:
    """Where an addition lies on the page, in millimetres from the lower left."""
    sides = [float(side) / _POINTS_A_MM for side in _list(note.get("/Rect"))]
    if len(sides) != 4:
        return "位置不明"
    left, low, right, high = (
        min(sides[0], sides[2]),
        min(sides[1], sides[3]),
        max(sides[0::2]),
        max(sides[1::2]),
    )
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
