"""What a page says against what was sealed: the words where two texts differ."""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from registry.list_files.printed import told

if TYPE_CHECKING:
    from pypdf import PageObject

_CODE = re.compile("〔U\\+([0-9A-F]{4,6})〕")
_CONTEXT, _MOST_A_PAGE, _LONG = 6, 5, 4000


class _Span(NamedTuple):
    start: int
    end: int
    meant_start: int
    meant_end: int


def text_differences(page: "PageObject", own: "PageObject", place: str) -> list[str]:
    """Where the text of a page differs from our own, with the words around; ``place`` is 第 3 页."""
    shown, meant = _text(page), _text(own)
    if shown == meant:
        return []
    spans = _unlike_spans(shown, meant)
    found = [told(place, _around(shown, a, b), _around(meant, c, d)) for a, b, c, d in spans[:_MOST_A_PAGE]]
    if len(spans) > _MOST_A_PAGE:
        found.append(f"{place}：另有 {len(spans) - _MOST_A_PAGE} 处不同")
    return found


def _text(page: "PageObject") -> str:
    """What a page says, without blanks; a character shown as its code counts as the character."""
    text = "".join(c for c in page.extract_text() if not c.isspace() and unicodedata.category(c) != "Cf")
    return _CODE.sub(lambda code: _character(code.group(1)), text)


@lru_cache(maxsize=256)
def _character(code: str) -> str:
    number = int(code, 16)
    # codes of blanks and of what turns the order stay as they are: they were never shown otherwise
    shown = chr(number) if number < 0x110000 else ""
    return shown if unicodedata.category(shown or " ")[0] in "LMNPS" else f"〔U+{code}〕"


def _unlike_spans(shown: str, meant: str) -> list[_Span]:
    """Where two texts differ; one span where they are too long to be compared in detail."""
    pairs = enumerate(zip(shown, meant, strict=False))
    start = next((n for n, (a, b) in pairs if a != b), min(len(shown), len(meant)))
    end = _common_end(shown[start:], meant[start:])
    one, other = shown[start : len(shown) - end], meant[start : len(meant) - end]
    if max(len(one), len(other)) > _LONG:
        return [_Span(start, start + len(one), start, start + len(other))]
    spans: list[_Span] = []
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        found = _Span(start + a, start + b, start + c, start + d)
        if spans and found.start - spans[-1].end <= _CONTEXT:
            found = _Span(spans[-1].start, found.end, spans[-1].meant_start, found.meant_end)
            spans.pop()
        spans.append(found)
    return spans


def _common_end(one: str, other: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(reversed(one), reversed(other), strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _around(text: str, start: int, end: int) -> str:
    before, after = max(0, start - _CONTEXT), end + _CONTEXT
    return f"{'…' if before else ''}{text[before:after]}{'…' if after < len(text) else ''}"
