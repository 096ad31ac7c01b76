"""Coverage of the two measures: for every article its duty, what enforces it, and every row of the law that cites it.

Source: domain §8; nothing here is written by hand, so that an article that nothing answers is seen.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from catalog_specs import Specs
from catalog_specs.law import Duty, Sources

_ARTICLE = re.compile(r"(解读\d+)|(\d+)(?:-(\d+))?")


@dataclass(frozen=True, slots=True)
class Citing:
    """A row of the law that cites an article: of what kind it is, its key, its name."""

    kind: str
    key: str
    zh: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeps a gate of an article shut: ``by`` guards, moves or evidence, with their names."""

    gate: str
    gate_zh: str
    by: str
    names: tuple[str, ...]
    zh: str


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """One article: the duties made of it, what keeps its gates, and what cites it."""

    profile: str
    source: str
    article: str
    duties: tuple[Duty, ...]
    kept: tuple[Kept, ...]
    citing: tuple[Citing, ...]

    def of(self, *kinds: str) -> tuple[Citing, ...]:
        """What cites it, of some kinds."""
        return tuple(one for one in self.citing if one.kind in kinds)


def coverage(specs: Specs) -> tuple[ArticleRow, ...]:
    """Every article of both measures and the readings of the law that have duties, in order."""
    sources = specs.document("sources", Sources).sources
    rows: list[ArticleRow] = []
    cited = list(_citing(specs))
    for source in sources:
        if source.profile:
            rows += [_row(specs, source.key, source.profile, one, cited) for one in _articles(specs, source)]
    return tuple(rows)


def _articles(specs: Specs, source: Any) -> Iterator[str]:
    yield from (str(number) for number in range(1, source.articles + 1))
    yield from (duty.article for duty in specs.duties.of(source.profile) if not duty.article.isdigit())


def _row(
    specs: Specs, source: str, profile: str, article: str, cited: Iterable[tuple[Citing, tuple[str, ...]]]
) -> ArticleRow:
    duties = tuple(duty for duty in specs.duties.of(profile) if duty.article == article)
    gates = dict.fromkeys(gate for duty in duties for gate in duty.gates)
    citing = tuple(one for one, sources in cited if any(cites(text, source, article) for text in sources))
    return ArticleRow(profile, source, article, duties, tuple(kept_by(specs, gate) for gate in gates), citing)


def cites(citation: str, source: str, article: str) -> bool:
    """Whether a citation (``S-ZY 21(二)``) names an article of a source."""
    key, _, written = citation.partition(" ")
    found = _ARTICLE.match(written) if key == source else None
    if found is None:
        return False
    if found[1]:
        return found[1] == article
    return article.isdigit() and int(found[2]) <= int(article) <= int(found[3] or found[2])


def kept_by(specs: Specs, gate: str) -> Kept:
    """What keeps a gate shut, by name. Raises KeyError when obligations.yaml has no row of it."""
    row = specs.obligations.enforced_index[gate]
    names = {
        "guards": lambda: tuple(_guards(specs)[key] for key in row.guards),
        "moves": lambda: tuple(specs.systems.move_index[key].zh for key in row.moves),
        "evidence": lambda: tuple(k.zh for k in specs.duties.evidence_kinds if k.key in row.kinds),
    }[row.by]()
    zh = next(one.zh for one in specs.duties.gates if one.key == gate)
    return Kept(gate, zh, row.by, names, row.zh)


def _guards(specs: Specs) -> dict[str, str]:
    document: Any = specs.documents["lifecycle"]
    return {guard.key: guard.zh for guard in document.guards}


def _citing(specs: Specs) -> Iterator[tuple[Citing, tuple[str, ...]]]:
    """Every row that may cite an article, with its sources."""
    documents: dict[str, Any] = dict(specs.documents)
    for rule in documents["rules"].rules:
        yield Citing("rule", rule.id, rule.title.zh), rule.sources
    named = (
        ("guard", documents["lifecycle"].guards),
        ("move", documents["lifecycle"].moves),
        ("record", documents["lifecycle"].records),
        ("life", documents["systems"].moves),
        ("review", documents["supervision"].reviews),
        ("clock", documents["deadlines"].clocks),
        ("element", documents["duties"].acceptance),
        ("evidence", documents["obligations"].derived),
        ("step", documents["retirement"].order),
    )
    for kind, rows in named:
        yield from ((Citing(kind, row.key, row.zh), row.sources) for row in rows)
    for kind, rows in (
        ("reason", documents["duties"].review_reasons),
        ("trigger", documents["duties"].rectification_triggers),
        ("wipe_rule", documents["retirement"].rules),
    ):
        yield from ((Citing(kind, row.id, row.zh), row.sources) for row in rows)
