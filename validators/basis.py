"""Legal bases: written in a cell, read into parts, and looked up in the basis library (E112)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import Law
from validators.folding import fold

_CITED = re.compile(
    r"^\s*(?P<level>[^《》：:\s]{0,12})\s*《\s*(?P<title>[^》]*[^》\s])\s*》\s*(?:[（(][^）)]*[）)])?\s*"
    r"(?P<article>第[^：:，,。；;\s]{1,24}?[条款项章](?:第[^：:，,。；;\s]{1,16}?[款项])*)?\s*[：:，,]?\s*(?P<text>.*)$",
    re.DOTALL,
)
_STATE = "中华人民共和国"
_NUMERALS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_ARTICLE = re.compile(r"第([零〇一二两三四五六七八九十百千]+|[0-9]+)条")
# 依据法律《…》: words that lead to a citation are no part of the level
_LEADING = re.compile(r"^(?:依据|根据|按照|依照|参照|依|按|见)+")
# 《…法（2018修正）》: an edition behind the title
_EDITION = re.compile(r"[（(][^（()）]*[)）]$")


class Verdict(NamedTuple):
    """What the library says of one basis: ``fault`` is a reason of E112 or empty; ``known`` if listed."""

    fault: str
    known: bool
    level: str = ""
    part: str = ""


def read_basis(text: str) -> list[dict[str, str]]:
    """The bases in a cell, one a line or part between ；: ``法律《…》第…条：text``.

    Text that has no 《title》 gives one row with that text alone, so that the rule can name what it lacks.
    """
    rows = []
    for part in re.split(r"\n+|[；;](?=[^；;\n]*《)", text):
        if not part.strip():
            continue
        found = _CITED.match(part)
        if found is None:
            rows.append({"text": part.strip()})
            continue
        rows.append(
            {key: value.strip() for key, value in found.groupdict().items() if value and value.strip()}
        )
    return rows


def write_basis(row: Mapping[str, Any]) -> str:
    """The cell text of a basis; ``read_basis`` of it gives the row back."""
    title = _part(row, "title")
    head = f"{_part(row, 'level')}{title and f'《{title}》'}{_part(row, 'article')}"
    text = _part(row, "text")
    return f"{head}：{text}" if head and text else head or text


def _part(row: Mapping[str, Any], key: str) -> str:
    """A part of a basis; what is no text says nothing."""
    value = row.get(key)
    return value if type(value) is str else ""


@lru_cache(maxsize=4096)
def article_number(article: str) -> int | None:
    """The number of 第二百八十六条 or 第286条; None when the text holds none."""
    found = _ARTICLE.search(article)
    if not found:
        return None
    digits = found.group(1)
    if digits.isascii():
        return int(digits) if len(digits) <= 6 else None
    total, current = 0, 0
    for char in digits:
        if char in _UNITS:
            total += (current or 1) * _UNITS[char]
            current = 0
        else:
            current = current * 10 + _NUMERALS[char]
    return total + current


class Library:
    """The basis library of a specification, by title or alias (width and 中华人民共和国 do not count)."""

    def __init__(self, specs: Specs) -> None:
        levels = specs.codes["basis_level"].values
        self.accepted = {v.code for v in levels if v.attrs.get("accepted")}
        self.levels = {fold(name): v.code for v in levels for name in (v.code, v.zh, *v.aliases)}
        self.publication = frozenset(specs.sharing.publication_uses)
        self.laws: dict[str, Law] = {}
        for law in specs.basis.laws:
            for name in (law.title, *law.aliases):
                self.laws[self._key(name)] = law

    @staticmethod
    def _key(title: str) -> str:
        return fold(title.removeprefix(_STATE))

    def find(self, title: str) -> Law | None:
        """The law of a title, also when an edition stands behind it: 刑法（2020修正）."""
        return self.laws.get(self._key(title)) or self.laws.get(self._key(_EDITION.sub("", title)))

    def level_of(self, written: str) -> str:
        """The level as the code list calls it; words before it (依据法律) do not count."""
        bare = _LEADING.sub("", written.strip())
        return self.levels.get(fold(bare), bare)

    def judge(self, row: Mapping[str, Any]) -> Verdict:
        """Whether the basis bears not sharing. Source: S1 14(3), 15."""
        title, article = _part(row, "title"), _part(row, "article")
        law = self.find(title) if title else None
        level = law.level if law else self.level_of(_part(row, "level"))
        if law is not None and law.status == "repealed":
            return Verdict("repealed", known=True)
        lacking = [zh for zh, value in (("效力级别", level), ("名称", title), ("条款", article)) if not value]
        if lacking:
            return Verdict("incomplete", known=False, part="、".join(lacking))
        if level not in self.accepted:
            return Verdict("level", known=law is not None, level=level)
        if law is None:
            return Verdict("", known=False)
        return self._judge_article(law, article)

    def requires_publication(self, row: Mapping[str, Any]) -> bool | None:
        """Whether the basis requires publication (§12 R7); None when the library cannot tell."""
        law = self.find(_part(row, "title"))
        if law is None:
            return None
        uses = self._uses(law, _part(row, "article"))
        if law.status == "repealed" or (uses and "requires_publication" not in uses):
            return False
        return True if uses else None

    @staticmethod
    def _uses(law: Law, article: str) -> set[str]:
        number = article_number(article)
        return {use for row in law.articles if article_number(row.article) == number for use in row.uses}

    def _judge_article(self, law: Law, article: str) -> Verdict:
        uses = self._uses(law, article)
        if uses and uses <= self.publication:
            return Verdict("publication", known=True)
        return Verdict("", known="not_share" in uses)
