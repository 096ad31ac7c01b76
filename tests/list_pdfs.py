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
    NumberObject,
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


def note(writer: PdfWriter) -> None:
    _annotate(writer, {"/Subtype": NameObject("/Text"), "/Contents": TextStringObject("每月")})


def waiting_signature(writer: PdfWriter) -> None:
    """A field that waits for a signature and shows nothing."""
    _annotate(writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig")})


def false_signature(writer: PdfWriter) -> None:
    """A field that says to be signed, over no bytes."""
    value = DictionaryObject({NameObject("/ByteRange"): ArrayObject()})
    _annotate(writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig"), "/V": value})


def drawn_signature(writer: PdfWriter) -> None:
    """A signature's field that nobody signed and that shows something."""
    drawn = {"/AP": _look(writer, b"1 1 1 rg 0 0 100 100 re f")}
    _annotate(writer, {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig")} | drawn)


def signed(content: bytes, *, width: int = 72) -> bytes:
    """The file as programs sign it: all bytes kept, a seal of some points added behind, the range of bytes filled in."""
    writer = PdfWriter(BytesIO(content), incremental=True)
    unknown, blank = b"1000000000", b"\x30" * 64
    value = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Sig"),
            NameObject("/ByteRange"): ArrayObject([NumberObject(0), *(NumberObject(unknown),) * 3]),
            NameObject("/Contents"): ByteStringObject(blank),
        }
    )
    field = {"/Subtype": NameObject("/Widget"), "/FT": NameObject("/Sig"), "/V": value}
    _annotate(writer, field | {"/AP": _look(writer, b"1 0 0 rg 0 0 100 100 re f")}, width=width)
    saved = BytesIO()
    writer.write(saved)
    found = saved.getvalue()
    assert found.startswith(content)
    start = found.index(b"<" + blank.hex().encode())
    end = start + 2 * len(blank) + 2
    for number in (start, end, len(found) - end):
        found = found.replace(unknown, f"{number:<10}".encode(), 1)
    return found


def _look(writer: PdfWriter, drawn: bytes) -> DictionaryObject:
    look = DecodedStreamObject()
    look.set_data(drawn)
    look[NameObject("/Subtype")] = NameObject("/Form")
    return DictionaryObject({NameObject("/N"): writer._add_object(look)})


def _annotate(writer: PdfWriter, values: dict[str, Any], *, width: int = 72) -> None:
    note = DictionaryObject({NameObject(key): value for key, value in values.items()})
    note[NameObject("/Rect")] = ArrayObject(FloatObject(n) for n in (72, 72, 72 + width, 144))
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(note)])


# ---- other instructions -----------------------------------------------------------------------------------


def rewritten(writer: PdfWriter, change: Callable[[bytes], bytes]) -> None:
    """The instructions of every page, changed."""
    for page in writer.pages:
        contents = page.get_contents()
        assert contents is not None
        drawn = DecodedStreamObject()
        drawn.set_data(change(contents.get_data()))
        page[NameObject("/Contents")] = writer._add_object(drawn)


def nothing_more(writer: PdfWriter) -> None:
    rewritten(writer, lambda drawn: drawn + b"\nq Q\n")


def other_font_and_nothing_more(writer: PdfWriter) -> None:
    other_font(writer)
    nothing_more(writer)


def invisible(writer: PdfWriter) -> None:
    """The annex of every line in no colour at all."""
    rewritten(writer, lambda drawn: drawn.replace(b"0 Tr/f1 7 Tf", b"3 Tr/f1 7 Tf"))


def exchanged(writer: PdfWriter) -> None:
    """Two texts of every page at each other's place, in the order of before."""

    def change(drawn: bytes) -> bytes:
        one, other = list(_PLACE.finditer(drawn))[2:4]
        between = drawn[one.end() : other.start()]
        return drawn[: one.start()] + other.group() + between + one.group() + drawn[other.end() :]

    rewritten(writer, change)


_PLACE = re.compile(rb"1 0 0 -1 [0-9.]+ [0-9.]+ cm")


def moved(writer: PdfWriter) -> None:
    rewritten(writer, lambda drawn: _PLACE.sub(b"1 0 0 -1 2000 2000 cm", drawn, count=1))


def clipped(writer: PdfWriter) -> None:
    rewritten(writer, lambda drawn: b"0 300 900 300 re W n\n" + drawn)


def more_contents(writer: PdfWriter) -> None:
    page = writer.pages[0]
    more = DecodedStreamObject()
    more.set_data(b"1 1 1 rg 100 300 200 30 re f")
    page[NameObject("/Contents")] = ArrayObject([page.raw_get("/Contents"), writer._add_object(more)])


def no_contents(writer: PdfWriter) -> None:
    del writer.pages[0]["/Contents"]


def image(writer: PdfWriter) -> None:
    drawn = DecodedStreamObject()
    drawn.set_data(b"\xff")
    for key, value in {"/Width": 1, "/Height": 1, "/BitsPerComponent": 8}.items():
        drawn[NameObject(key)] = NumberObject(value)
    drawn[NameObject("/ColorSpace")] = NameObject("/DeviceGray")
    _drawn_with(writer, drawn, "/Image")


def form(writer: PdfWriter) -> None:
    drawn = DecodedStreamObject()
    drawn.set_data(b"1 1 1 rg 0 0 1 1 re f")
    drawn[NameObject("/BBox")] = ArrayObject(NumberObject(n) for n in (0, 0, 1, 1))
    _drawn_with(writer, drawn, "/Form")


def _drawn_with(writer: PdfWriter, drawn: DecodedStreamObject, kind: str) -> None:
    drawn[NameObject("/Type")], drawn[NameObject("/Subtype")] = NameObject("/XObject"), NameObject(kind)
    resources: Any = writer.pages[0]["/Resources"]
    resources[NameObject("/XObject")] = DictionaryObject({NameObject("/x0"): writer._add_object(drawn)})
    _draw(writer, b"q 200 0 0 30 100 300 cm /x0 Do Q")


def layer(writer: PdfWriter) -> None:
    """All of the first page in a layer that is switched off."""
    group = writer._add_object(
        DictionaryObject(
            {NameObject("/Type"): NameObject("/OCG"), NameObject("/Name"): TextStringObject("x")}
        )
    )
    off = DictionaryObject({NameObject("/OFF"): ArrayObject([group])})
    groups = {NameObject("/OCGs"): ArrayObject([group]), NameObject("/D"): off}
    writer.root_object[NameObject("/OCProperties")] = DictionaryObject(groups)
    resources: Any = writer.pages[0]["/Resources"]
    resources[NameObject("/Properties")] = DictionaryObject({NameObject("/l0"): group})
    rewritten(writer, lambda drawn: b"/OC /l0 BDC\n" + drawn + b"\nEMC")


def other_meaning(writer: PdfWriter) -> None:
    """The figures 0 and 8 of the running text, shown as before, are copied and found as each other."""
    font = _running_font(writer)
    swapped = _swapped_meaning(font["/ToUnicode"].get_object().get_data())
    font[NameObject("/ToUnicode")] = _stream(writer, swapped)


def other_glyphs(writer: PdfWriter) -> None:
    """The figures 0 and 8 are shown as each other, and copied and found as before."""
    font = _running_font(writer)
    one, other = _codes(font["/ToUnicode"].get_object().get_data())
    other_meaning(writer)
    for page in writer.pages:
        contents: Any = page.get_contents()
        font = ""
        for operands, operator in contents.operations:
            font = operands[0] if operator == b"Tf" else font
            if operator == b"TJ" and font == "/f1":
                operands[0][:] = [_exchanged(part, one, other) for part in operands[0]]
        page[NameObject("/Contents")] = writer._add_object(contents)


def _running_font(writer: PdfWriter) -> Any:
    fonts: Any = writer.pages[0]["/Resources"]
    return fonts["/Font"]["/f1"].get_object()


def _codes(meaning: bytes) -> list[bytes]:
    found = [re.search(rb"<(\w{4})> <00%x>" % ord(figure), meaning, re.IGNORECASE) for figure in "08"]
    return [bytes.fromhex(match[1].decode()) for match in found if match]


def _swapped_meaning(meaning: bytes) -> bytes:
    swapped = {b"<0030>": b"<0038>", b"<0038>": b"<0030>"}
    return re.sub(rb"(?<=> )<003[08]>", lambda found: swapped[found.group()], meaning)


def _exchanged(part: Any, one: bytes, other: bytes) -> Any:
    glyphs = getattr(part, "original_bytes", None)
    if glyphs is None:
        return part
    pairs = [glyphs[at : at + 2] for at in range(0, len(glyphs), 2)]
    return ByteStringObject(b"".join({one: other, other: one}.get(pair, pair) for pair in pairs))


def _stream(writer: PdfWriter, data: bytes) -> Any:
    found = DecodedStreamObject()
    found.set_data(data)
    return writer._add_object(found)


# ---- other areas and meanings -----------------------------------------------------------------------------


def turned(writer: PdfWriter) -> None:
    writer.pages[0][NameObject("/Rotate")] = NumberObject(180)


def enlarged(writer: PdfWriter) -> None:
    writer.pages[0][NameObject("/UserUnit")] = NumberObject(2)


def portfolio(writer: PdfWriter) -> None:
    """Readers show the attached files instead of the pages."""
    writer.root_object[NameObject("/Collection")] = DictionaryObject({NameObject("/View"): NameObject("/T")})


def claimed(writer: PdfWriter) -> None:
    """Another version of the typesetter is claimed, and more was drawn."""
    writer.add_metadata({"/Subject": "Mulu list layout 1; typst 9.8.7"})
    white_box(writer)


def defined_twice(content: bytes) -> bytes:
    """The instructions of the first page once more behind the table: who mends the file shows these."""
    number = PdfReader(BytesIO(content)).pages[0].raw_get("/Contents").idnum
    tail = content[content.rindex(b"startxref") :]
    more = b"\n%d 0 obj\n<</Length 28>>stream\n1 1 1 rg 100 300 200 30 re f\nendstream\nendobj\n" % number
    return content + more + tail


def _draw(writer: PdfWriter, more: bytes) -> None:
    rewritten(writer, lambda drawn: b"q " + drawn + b" Q " + more)
