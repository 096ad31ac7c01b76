"""Column names as a header gives them: what is blank or doubled is called by the column's letter."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from catalog_specs.law_scanning import Inputs
from registry.sources.problems import SourceProblem, Teller
from registry.workbook_cells import column_letters


@dataclass(frozen=True, slots=True)
class Header:
    """The names of all columns. ``is_data``: the row was no header but data, and is read as such."""

    names: tuple[str, ...]
    problems: tuple[SourceProblem, ...] = ()
    is_data: bool = False


def named(cells: Sequence[str], inputs: Inputs, tell: Teller, *, typed: bool = False) -> Header:
    """Names for columns whose header may be blank or doubled; a first row that looks like data gives none.

    ``typed``: the names are told apart from the data by the source itself.

    Raises:
        SourceUnreadable: there are more columns than are read.
    """
    if len(cells) > inputs.columns:
        raise tell.refuse("columns", count=len(cells), max=inputs.columns)
    names = [cell.strip() for cell in cells]
    if not typed and any(looks_like_data(name, inputs) for name in names):
        letters = tuple(column_letters(at) for at in range(len(names)))
        return Header(letters, (tell.problem("missing_header"),), is_data=True)
    return _told_apart(names, inputs, tell)


def looks_like_data(text: str, inputs: Inputs) -> bool:
    """Whether a text is a number, an address or a day rather than a name."""
    return re.fullmatch(inputs.data_like, text) is not None


def _told_apart(names: Sequence[str], inputs: Inputs, tell: Teller) -> Header:
    counted = Counter(names)
    seen: set[str] = set()
    told, odd = [], []
    for at, name in enumerate(names):
        letter = column_letters(at)
        if not name or counted[name] > 1:
            odd.append(f"{letter}（{name}）" if name else letter)
        doubled = name in seen
        seen.add(name)
        told.append(
            inputs.doubled_name.format(name=name, letter=letter) if name and doubled else name or letter
        )
    problems = (tell.problem("duplicate_header", columns=_some(odd, inputs.told)),) if odd else ()
    return Header(tuple(told), problems)


def _some(names: Sequence[str], most: int) -> str:
    return "、".join(names[:most]) + (f" 等 {len(names)} 列" if len(names) > most else "")
