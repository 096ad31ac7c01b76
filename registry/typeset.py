"""Pages out of templates: the only owner of typst. Same data, same version: the same bytes, on every machine.

Data reach a template as a JSON file and are printed as texts, so that nothing in them is taken for markup. Our own
fonts come first; the machine's are asked only for characters that ours lack, and what no font has is printed as its
code, never as an empty box.
"""

import json
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from registry.errors import Rejected, Unavailable
from registry.plain_json import texts_in

if TYPE_CHECKING:
    import typst

FOLDER = Path(__file__).parent / "typst"
OWN_FONT = "Mulu Sans SC"
OTHER_FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "SimSun")
# fonts are embedded, files may be attached, and a character without a glyph is an error
STANDARD: "typst.PDFStandard" = "a-3b"
_MIME = {".json": "application/json", ".xml": "application/xml", ".csv": "text/csv", ".txt": "text/plain"}
# what has no shape of its own, or turns the order of others: a reader must see that it is there
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_BLANKS = frozenset("\n\r\t")
_LONG_RUN = re.compile(r"[!-~]{25,}")
_PIECE = re.compile(r"(.{8})")
_RUNS_KEPT = 12
_BREAK = "\u200b"
_CURE = "安装中文字体（fonts-noto-cjk）后再试，或者改用 XLSX、CSV"
_NO_GLYPH = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
# one character a paragraph, so that none is shaped with its neighbour
_PROBE = b"#for c in json(bytes(sys.inputs.all)) { par(text(font: json(bytes(sys.inputs.fonts)), c)) }"


def typeset(
    template: str,
    data: Mapping[str, Any],
    *,
    attachments: Mapping[str, bytes] | None = None,
    images: Mapping[str, bytes] | None = None,
    borrows: bool = True,
) -> bytes:
    """A PDF/A-3b made of ``template`` (``registry/typst/<template>.typ``) and ``data`` (JSON values).

    The template reads ``data.json``, where it also finds ``fonts`` (families in their order) and ``attached`` (the
    names of ``attachments``, which it is to attach, with their media types); ``images`` lie beside it by name. A
    zero-width space in a text marks where a long code may be broken. What our own fonts lack is printed in the
    machine's when it ``borrows``, or as codes.

    Raises:
        Unavailable: typst is not installed, our fonts are not there, or the template is wrong.
        Rejected: a character cannot be printed.
    """
    seen = set("".join(texts_in(data)))
    lacking = beyond_fonts(seen)
    codes = {c for c in seen if is_unseen(c)} | (_without_glyph(lacking) if borrows else set(lacking))
    system = not codes.issuperset(lacking)
    page = _printed(data, str.maketrans({c: code_shown(c) for c in codes}))
    page["fonts"] = [OWN_FONT, *OTHER_FONTS] if system else [OWN_FONT]
    page["attached"] = {name: _MIME.get(Path(name).suffix, "") for name in attachments or {}}
    files = {
        **(images or {}),
        **(attachments or {}),
        "data.json": json.dumps(page, ensure_ascii=False).encode(),
    }
    with TemporaryDirectory(prefix="mulu-pages-") as name:
        return _compiled(_laid_out(template, files, Path(name)), system=system)


def typesetter() -> str:
    """What makes the pages, with its version: typst 0.15.2. Pages are the same only where this is.

    Raises:
        Unavailable: typst is not installed.
    """
    return f"typst {_typst().__version__}"


def _laid_out(template: str, files: Mapping[str, bytes], folder: Path) -> Path:
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return Path(shutil.copy(FOLDER / f"{template}.typ", folder / "page.typ"))
    except OSError as error:
        raise Unavailable(
            f"排版所用的文件放不进 {folder}（{error}）；确认磁盘有空间，或者重新安装本软件"
        ) from error


def code_shown(character: str) -> str:
    """How a character is printed that no font has, or that has no shape: 〔U+4DAE〕."""
    return f"〔U+{ord(character):04X}〕"


def beyond_fonts(texts: Iterable[str]) -> str:
    """The characters of some texts that our own fonts lack and that have a shape, each once, in their order."""
    found = set("".join(texts)) - _BLANKS
    return "".join(sorted(c for c in found if ord(c) not in covered() and not is_unseen(c)))


def is_unseen(character: str) -> bool:
    """Whether a character would leave nothing on the page, or turn the order of others."""
    return character not in _BLANKS and unicodedata.category(character) in _UNSEEN


@lru_cache(maxsize=1)
def covered() -> frozenset[int]:
    """The code points that our own fonts have.

    Raises:
        Unavailable: the list beside the fonts is not there.
    """
    path = FOLDER / "fonts" / "coverage.txt"
    try:
        ranges = [line.split("-") for line in path.read_text("ascii").split()]
    except OSError as error:
        raise Unavailable(f"排版用字体的字表 {path} 读不到（{error}）；请重新安装本软件") from error
    return frozenset(n for part in ranges for n in range(int(part[0], 16), int(part[-1], 16) + 1))


def _printed(value: Any, codes: Mapping[int, str]) -> Any:
    """The value with codes for characters, and with places to break in long runs that have none."""
    if isinstance(value, str):
        return _LONG_RUN.sub(_breakable, _lined(value).translate(codes))
    if isinstance(value, Mapping):
        return {key: _printed(part, codes) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_printed(part, codes) for part in value]
    return value


def _lined(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "　")


def _breakable(run: re.Match[str]) -> str:
    return _PIECE.sub(rf"\1{_BREAK}", run.group()).removesuffix(_BREAK)


def _without_glyph(lacking: str) -> set[str]:
    """Of the characters that our own fonts lack, those that the machine's lack, too."""
    if not lacking:
        return set()
    typst = _typst()
    given = {"all": json.dumps(list(lacking)), "fonts": json.dumps([OWN_FONT, *OTHER_FONTS])}
    try:
        typst.compile_with_warnings(
            _PROBE, font_paths=_fonts(system=True), sys_inputs=given, pdf_standards=STANDARD
        )
    except typst.TypstError as error:
        return _named(str(error.diagnostic)) & set(lacking)
    return set()


def _named(diagnostic: str) -> set[str]:
    found = "".join(_NO_GLYPH.findall(diagnostic))
    return set(_ESCAPED.sub(lambda code: chr(int(code.group(1), 16)), found))


def _compiled(path: Path, *, system: bool) -> bytes:
    typst = _typst()
    try:
        # tags would make files four times as large; the same moment always, or the bytes would differ
        made, _ = typst.compile_with_warnings(
            path,
            root=path.parent,
            font_paths=_fonts(system=system),
            pdf_standards=STANDARD,
            timestamp=0,
            pdf_tags=False,
        )
    except typst.TypstError as error:
        if lost := _NO_GLYPH.search(error.message):
            raise Rejected(f"排版不成：“{lost.group(1)}”没有字形；{_CURE}") from error
        raise Unavailable(f"排版不成：{error.message}；请重新安装本软件") from error
    finally:
        _forget()
    return bytes(made)


def _forget() -> None:
    """Let typst drop what it keeps of a document (200 KB a line of a list): it does so some runs later."""
    for _ in range(_RUNS_KEPT):
        _typst().compile(b"", font_paths=_fonts(system=False), format="svg")


@lru_cache(maxsize=2)
def _fonts(*, system: bool) -> "typst.Fonts":
    folder = FOLDER / "fonts"
    fonts: typst.Fonts = _typst().Fonts(
        include_system_fonts=system, include_embedded_fonts=False, font_paths=[str(folder)]
    )
    if OWN_FONT not in fonts.families():
        raise Unavailable(f"排版用的字体不在 {folder}；请重新安装本软件")
    return fonts


def _typst() -> Any:
    try:
        # heavy, and only needed when pages are made
        import typst
    except ImportError as error:
        raise Unavailable("导出 PDF 需要 typst；安装：pip install typst") from error
    return typst
