"""Which columns of a city's responsibility lists an entry owes (S-ZY 23-24, S-LPS 25)."""

from catalog_specs import Specs
from catalog_specs.law_release import Column, ListKind, Responsibility
from validators.case import Content
from validators.sharing import GOES_OUT


def owed_columns(content: Content, specs: Specs) -> list[Column]:
    """The required columns, of every list that the entry will stand on, which its author fills.

    Those that are derived, or that come from a distribution, a request or a clock, are left out.
    """
    doc = specs.document("responsibility", Responsibility)
    columns = {column.key: column for column in doc.columns}
    found: dict[str, Column] = {}
    for kind in doc.lists:
        if kind.profile in ("", specs.profile.key) and _listed(content, kind.rows, doc):
            owed = (columns[name] for name in _names(content, kind))
            found |= {c.key: c for c in owed if _owed(c, content, doc)}
    return list(found.values())


def _owed(column: Column, content: Content, doc: Responsibility) -> bool:
    mine = column.of == "entry" and column.required and not column.derived
    return mine and (not column.when or _listed(content, column.when, doc))


def _listed(content: Content, key: str, doc: Responsibility) -> bool:
    """Whether an entry is among a row set or meets a condition."""
    types = next(row for row in (*doc.row_sets, *doc.conditions) if row.key == key)
    return content.get("share_type") in types.share_types or content.get("open_type") in types.open_types


def _names(content: Content, kind: ListKind) -> list[str]:
    only_opened = content.get("share_type") not in GOES_OUT
    article = [c.opened_column if c.opened_column and only_opened else c.column for c in kind.article]
    return [*article, *kind.annex]
