"""PDFs of lists, for their tests: what pages say and draw, and files edited as a forger would."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.annotations import FreeText, Rectangle
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    TextStringObject,
)

Edit = Callable[[PdfWriter], None]


def said(content: bytes) -> list[str]:
    """The text of every page without blanks."""
    return [squeezed(page.extract_text()) for page in PdfReader(BytesIO(content)).pages]


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def edited(content: bytes, edit: Edit) -> bytes:
    """The file opened, edited and saved by another program."""
    writer = PdfWriter(clone_from=BytesIO(content))
    edit(writer)
    saved = BytesIO()
    writer.write(saved)
    return saved.getvalue()


def embedded_fonts(content: bytes) -> dict[str, bool]:
    """The fonts of all pages by name, and whether their glyphs are in the file."""
    found = {}
    for page in PdfReader(BytesIO(content)).pages:
        for font in page["/Resources"]["/Font"].values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            keys = inner["/FontDescriptor"].get_object().keys()
            found[font.get_object()["/BaseFont"]] = bool(keys & {"/FontFile", "/FontFile2", "/FontFile3"})
    return found


def drawn_squares(page: PageObject) -> set[tuple[int, int]]:
    """Row and column of the dark squares of the code to scan, which is drawn in strokes one square high."""
    strokes: list[list[tuple[int, int, int]]] = [[]]
    row = first = 0
    contents: Any = page.get_contents()
    for operands, operator in contents.operations:
        if operator == b"m":
            first, row = int(operands[0]), int(operands[1])
        elif operator == b"l":
            strokes[-1].append((row, first, int(operands[0])))
        elif operator in (b"S", b"f", b"n", b"B"):
            strokes.append([])
    most = max(strokes, key=len)
    return (
        {(row, column) for row, first, last in most for column in range(first, last)}
        if len(most) > 50
        else set()
    )


def other_letter(writer: PdfWriter) -> None:
    """One glyph of the first page becomes another: the last of the first long text that ends in a figure."""
    page = writer.pages[0]
    contents: Any = page.get_contents()
    shown = [operands for operands, operator in contents.operations if operator == b"TJ"]
    text = shown[12][0]
    glyphs = text[0].original_bytes
    text[0] = ByteStringObject(bytes([*glyphs[:-1], glyphs[-1] ^ 3]))
    page[NameObject("/Contents")] = writer._add_object(contents)


def white_box(writer: PdfWriter) -> None:
    _draw(writer, b"1 1 1 rg 100 300 200 30 re f")


def new_page(writer: PdfWriter) -> None:
    writer.add_blank_page(842, 595)


def cropped(writer: PdfWriter) -> None:
    writer.pages[0].cropbox.upper_right = (400, 400)


def free_text(writer: PdfWriter) -> None:
    writer.add_annotation(0, FreeText(text="每月", rect=(100, 100, 200, 200)))


def white_rectangle(writer: PdfWriter) -> None:
    writer.add_annotation(0, Rectangle(rect=(100, 100, 200, 200), interior_color="ffffff"))


def form_field(writer: PdfWriter) -> None:
    _annotate(
        writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Tx"), "/V": TextStringObject("每月")}
    )


def script(writer: PdfWriter) -> None:
    action = DictionaryObject(
        {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("1")}
    )
    writer.root_object[NameObject("/OpenAction")] = action


def other_font(writer: PdfWriter) -> None:
    """The font of the first page draws other shapes under the same numbers."""
    for font in writer.pages[0]["/Resources"]["/Font"].values():
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        descriptor = inner["/FontDescriptor"].get_object()
        old = descriptor["/FontFile3"].get_object()
        new = DecodedStreamObject()
        new.set_data(old.get_data() + b"x")
        new[NameObject("/Subtype")] = old["/Subtype"]
        descriptor[NameObject("/FontFile3")] = writer._add_object(new)


def stamp(writer: PdfWriter) -> None:
    _annotate(writer, {"/Subtype": NameObject("/Stamp")})


def signature(writer: PdfWriter) -> None:
    value = DictionaryObject({NameObject("/ByteRange"): ArrayObject()})
    _annotate(writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig"), "/V": value})


def drawn_signature(writer: PdfWriter) -> None:
    """A signature's field that nobody signed and that shows something."""
    look = DecodedStreamObject()
    look.set_data(b"1 1 1 rg 0 0 100 100 re f")
    look[NameObject("/Subtype")] = NameObject("/Form")
    drawn = DictionaryObject({NameObject("/N"): writer._add_object(look)})
    _annotate(writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig"), "/AP": drawn})


def _annotate(writer: PdfWriter, values: dict[str, Any]) -> None:
    note = DictionaryObject({NameObject(key): value for key, value in values.items()})
    note[NameObject("/Rect")] = ArrayObject(FloatObject(n) for n in (72, 72, 144, 144))
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


def _draw(writer: PdfWriter, more: bytes) -> None:
    contents = writer.pages[0].get_contents()
    assert contents is not None
    drawn = DecodedStreamObject()
    drawn.set_data(b"q " + contents.get_data() + b" Q " + more)
    writer.pages[0][NameObject("/Contents")] = writer._add_object(drawn)
