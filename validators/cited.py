"""Which laws a value cites: 《title》 with its articles, or the bare title; as people write it in texts and in rows.

A citation that names no article cites the whole law, and so any article that is asked for: nobody can tell that it
is not meant. Source: S1 17; promises.yaml ``change`` [DESIGN].
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from catalog_specs import Specs
from validators.basis import Library, article_number
from validators.folding import fold

_STATE = "中华人民共和国"
_EDITION = re.compile(r"\([^()]*\)$")
_BRACKETED = re.compile(r"《\s*([^》]+?)\s*》([^《:;。\n]*)")
_NUMBER = "[零〇一二两三四五六七八九十百千0-9]+"
_ARTICLES = re.compile(rf"第{_NUMBER}条?(?:(?:[、,和及与至到—–~-]+)第?{_NUMBER}条?)*条?")
_ONE = re.compile(rf"([、,和及与至到—–~-]*)第?({_NUMBER})(?=[条、,和及与至到—–~-]|$)")
_TO = re.compile(r"[至到—–~-]")
# what may stand right before and after a title that is written without 《》
_BEFORE = r"(?:^|[^一-龥]|依据|根据|按照|依照|参照|依|按|及|和|与|见|共和国)"
_AFTER = r"(?:\([^()]*\))?(?=$|[^一-龥]|第|规定|的|等|及|和|与)"


class Citation(NamedTuple):
    """A law by its title, and one article of it where that is meant alone."""

    title: str
    article: str = ""

    @property
    def written(self) -> str:
        return f"《{self.title}》{self.article}"


class _Wanted(NamedTuple):
    keys: frozenset[str]
    bare: re.Pattern[str]
    article: int | None


class Finder:
    """Finds citations of some laws. An alias of the basis library names its law."""

    def __init__(self, wanted: Iterable[Citation], specs: Specs) -> None:
        self.library = Library(specs)
        self.wanted = tuple(self._wanted(one) for one in wanted)

    def found(self, value: Any) -> tuple[str, ...]:
        """The places of ``value`` (a text, or rows with title, article and text) that cite one of the laws."""
        return tuple(dict.fromkeys(place for text in _texts(value) for place in self._places(text)))

    def _wanted(self, one: Citation) -> _Wanted:
        title = _plain(one.title)
        law = self.library.find(title)
        names = {title, *((law.title, *law.aliases) if law else ())}
        bare = sorted({_short(_plain(name)) for name in names}, key=len, reverse=True)
        pattern = re.compile(
            f"{_BEFORE}(?P<name>{'|'.join(map(re.escape, bare))}){_AFTER}(?P<tail>[^《:;。\n]*)"
        )
        number = article_number(_plain(one.article)) if one.article else None
        return _Wanted(frozenset(map(_key, names)), pattern, number)

    def _places(self, text: str) -> Iterator[str]:
        plain = _plain(text)
        outside = _BRACKETED.sub("。", plain)
        for one in self.wanted:
            for title, tail in _BRACKETED.findall(plain):
                if _key(title) in one.keys and _names(tail, one.article):
                    yield f"《{title}》{_written(tail)}"
            for found in one.bare.finditer(outside):
                if _names(found["tail"], one.article):
                    yield f"{found['name']}{_written(found['tail'])}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        title, article, text = (value.get(key) for key in ("title", "article", "text"))
        if isinstance(title, str):
            yield f"《{title}》{article if isinstance(article, str) else ''}"
        yield from _texts(text)
    elif isinstance(value, Sequence):
        for row in value:
            yield from _texts(row)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _short(title: str) -> str:
    return _EDITION.sub("", title.removeprefix(_STATE))


def _key(title: str) -> str:
    return fold(_short(title))


def _written(tail: str) -> str:
    found = _ARTICLES.match(tail.lstrip())
    return found.group() if found else ""


def _names(tail: str, article: int | None) -> bool:
    """Whether what follows a title names an article, or none at all and so all of them."""
    if article is None:
        return True
    spans = list(_spans(tail))
    return not spans or any(first <= article <= last for first, last in spans)


def _spans(tail: str) -> Iterator[tuple[int, int]]:
    """The articles that stand in a text, each as first and last: 第十条、第十二条至第十五条."""
    for run in _ARTICLES.findall(tail):
        if "条" not in run:
            continue
        before = 0
        for sign, digits in _ONE.findall(run):
            number = article_number(f"第{digits}条") or 0
            yield (before if _TO.search(sign) else number), number
            before = number
