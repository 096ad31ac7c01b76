"""The table of checkers: rules.yaml names them, this module turns its rows into closures.

A checker is a factory: given the rule and its parameters it returns either a check of one value (run wherever
the value's field stands, in the entry or in an item) or a check of a whole case. Factories run once for a
specification; what they return runs a hundred thousand times, so lists become sets and patterns are compiled
outside of the closure.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from catalog_specs import SpecError, Specs
from catalog_specs.model import Rule
from validators.case import Case

CaseCheck = Callable[[Case], None]
# case, value, item number (NO_ITEM for the entry itself)
ValueCheck = Callable[[Case, Any, int], None]
Quick = Callable[[Any], bool]
# whether an item may give a check of items anything to say
ItemTest = Callable[[Mapping[str, Any]], bool]


class Kind(NamedTuple):
    """What tells entries apart as far as rules go: types, grade, format, cycle; None for what is no text."""

    share: str | None
    open: str | None
    grade: str | None
    category: str | None
    cycle: str | None


Fits = Callable[[Kind], bool]


@dataclass(frozen=True, slots=True)
class Built:
    """What a factory returns: checks of whole cases, and checks of values by field key.

    ``fits`` tells of which kinds of entries the checks of whole cases can have anything to say; the engine
    asks once a kind and leaves the others out, which spares most entries most checks. So it does when
    ``on_items`` is false of every item. ``plain`` says that the checks read nothing but coded fields and
    which fields there are, beside the fields that it names.
    """

    cases: tuple[CaseCheck, ...] = ()
    values: Mapping[str, ValueCheck] = field(default_factory=dict)
    fits: Fits = lambda _kind: True
    on_items: ItemTest | None = None
    plain: tuple[str, ...] | None = None


Factory = Callable[..., Built | tuple[Built, ...]]
_FACTORIES: dict[str, Factory] = {}


def checker(name: str) -> Callable[[Factory], Factory]:
    """Enter a factory into the table under the name that rules.yaml uses."""

    def enter(factory: Factory) -> Factory:
        if name in _FACTORIES:
            raise ValueError(f"two checkers are called {name}")
        _FACTORIES[name] = factory
        return factory

    return enter


def known_checkers() -> frozenset[str]:
    """The names of all checkers."""
    return frozenset(_FACTORIES)


def build(rule: Rule, specs: Specs) -> Iterable[Built]:
    """The compiled checks of one rule.

    Raises:
        SpecError: the rule names a checker that does not exist, or parameters that it does not take.
    """
    for row in rule.checks:
        factory = _FACTORIES.get(row.checker)
        if factory is None:
            raise SpecError(f"rules.yaml：{rule.id}：没有叫“{row.checker}”的检查器")
        given: Mapping[str, Any] = row.model_extra or {}
        try:
            inspect.signature(factory).bind(rule, specs, **given)
        except TypeError as error:
            raise SpecError(f"rules.yaml：{rule.id}：检查器 {row.checker} 的参数不对：{error}") from error
        made = factory(rule, specs, **given)
        yield from made if isinstance(made, tuple) else (made,)


def of_case(
    check: CaseCheck,
    *,
    share: Iterable[str] = (),
    open_: Iterable[str] = (),
    fits: Fits | None = None,
    on_items: ItemTest | None = None,
    plain: tuple[str, ...] | None = None,
) -> Built:
    """A check of whole cases, for entries of these share and open types (none: all) that also fit."""
    shares, opens = frozenset(share), frozenset(open_)

    def both(kind: Kind) -> bool:
        if (shares and kind.share not in shares) or (opens and kind.open not in opens):
            return False
        return fits is None or fits(kind)

    return Built((check,), fits=both, on_items=on_items, plain=plain)


def of_field(key: str, check: ValueCheck) -> Built:
    return Built(values={key: check})


def pick(table: Mapping[str, Any], value: Any) -> Any:
    """``table[value]``, or None; also for a value of the wrong kind, which other rules report."""
    return table.get(value) if type(value) is str else None
