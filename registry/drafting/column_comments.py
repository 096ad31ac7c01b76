"""What a comment says: the short name, and the code list or explanation behind it."""

import re
import unicodedata
from dataclasses import dataclass

from catalog_specs.drafting import CommentMarks

_CHINESE = re.compile(r"[㐀-鿿]")
_PLAIN_WORD = re.compile(r"[A-Za-z]{1,12}")
# A code and its label, either way round: "1男 2女", "0-否;1-是", "男:1，女:2".
_CODE_FIRST = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{1,6}\s*[-—–:：=、.．)）]?\s*[㐀-鿿]")
_LABEL_FIRST = re.compile(r"[㐀-鿿]\s*[-—–:：=]?\s*[0-9]{1,4}(?![0-9])")
_GLUED = re.compile(r"([㐀-鿿]{2,}?)([0-9][0-9A-Za-z]{0,3}\s*[-—–:：=、.．)）]?\s*[㐀-鿿].*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """``name`` is what to call the thing; ``codes`` a list of codes or its name; ``rest`` any other words."""

    name: str
    codes: str = ""
    rest: str = ""


def read_comment(comment: str, marks: CommentMarks) -> Said:
    """A column's comment taken apart: 「性别 1男 2女」 is 性别 with the codes 「1男 2女」.

    It is cut at the first line break, colon, comma, semicolon or bracket, and at a blank or a digit when
    codes or an explanation follow. A bracket within the name (单位（企业）名称) or a blank in English
    cuts nothing.
    """
    text = comment.strip()
    glued = _GLUED.fullmatch(text)
    if glued and is_code_list(glued[2], marks):
        return Said(glued[1], " ".join(glued[2].split()))
    for place, sign in enumerate(text):
        rest = _behind(text, place, sign, marks)
        if rest is not None:
            name = text[:place].strip()
            plain = " ".join(rest.split())
            return Said(name, plain) if is_code_list(plain, marks) else Said(name, rest=plain)
    return Said(text)


def read_title(comment: str) -> Said:
    """A table's comment: ``name`` ends at the first line break, full stop, colon or semicolon."""
    text = comment.strip()
    found = re.search(r"[\n\r。：:；;]", text)
    if not found or not found.start():
        return Said(text)
    return Said(text[: found.start()].strip(), rest=" ".join(text[found.end() :].split()))


def is_code_list(text: str, marks: CommentMarks) -> bool:
    """Whether the text lists at least two codes with their labels, or names a code list."""
    listed = max(len(_CODE_FIRST.findall(text)), len(_LABEL_FIRST.findall(text)))
    return listed >= 2 or any(word in text for word in marks.code_list_words)


def has_chinese(text: str) -> bool:
    return bool(_CHINESE.search(text))


def folded(text: str) -> str:
    """The text as names are compared: without width, case, blanks and punctuation.

    Source: E102 (two entries of a provider must differ in more than that).
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def _behind(text: str, place: int, sign: str, marks: CommentMarks) -> str | None:
    """What follows a cut at ``place``; None when it is no place to cut."""
    rest = text[place + 1 :].strip()
    if not text[:place].strip():
        return None
    if sign in "\n\r" or sign in marks.cuts:
        return rest
    if sign in marks.brackets:
        return _bracketed(rest, marks.brackets[sign])
    if sign.isspace() and _explains(text[:place], rest, marks):
        return rest
    return None


def _bracketed(rest: str, closing: str) -> str | None:
    inside, closed, after = rest.partition(closing)
    after = after.strip(" \t。.;；,，")
    if not closed:
        return inside
    return None if after else inside.strip()


def _explains(name: str, rest: str, marks: CommentMarks) -> bool:
    if is_code_list(rest, marks):
        return True
    return bool(rest) and len(_CHINESE.findall(name)) >= 2 and not _PLAIN_WORD.fullmatch(rest)
