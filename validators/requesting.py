"""What is missing for a request, or for an act on one: everything at once, each with reason, article and cure.

Source: S1 15, 20-22, 26-29; requests.yaml.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from catalog_specs.law_requests import RequestField
from validators.case import Content
from validators.conditions import strip_vacuous
from validators.fields import is_blank, parse_date
from validators.sharing import GOES_OUT

_HUGE = 1 << 31  # what a column of numbers holds
BOUND = "bound"  # the attribute of agency_kind that the law of sharing binds


class Unmet(NamedTuple):
    """One thing that is missing: ``key`` of requests.yaml's refusals, where (a field, or empty), and the cure."""

    key: str
    field: str
    text: str
    fix: str
    source: str


class Asker(NamedTuple):
    """The agency that asks, and whether it is the provider itself."""

    name: str
    kind: str
    own: bool = False


class GrantKnown(NamedTuple):
    """A grant as a request to prolong it sees it. ``over`` says how it ended, empty while it runs."""

    number: str
    mode: str
    items: tuple[str, ...]
    valid_until: date | None
    over: str = ""


@dataclass(frozen=True, slots=True)
class RequestCase:
    """What decides on a request. ``content`` is the version in force; None where none is, or it is retired."""

    kind: str
    data: Mapping[str, Any]
    content: Content | None
    specs: Specs
    today: date
    asker: Asker | None = None
    applicant: Mapping[str, Any] | None = None
    uses: bool = True
    prolongs: GrantKnown | None = None


def refusal(specs: Specs, key: str, where: str = "", /, **params: object) -> Unmet:
    """A refusal of requests.yaml with its reason, cure and articles in words; ``where`` is the field, if it is one."""
    row = specs.requests.refusal_index[key]
    return Unmet(key, where, row.zh.format(**params), row.fix_zh.format(**params), specs.cited(row.sources))


# ---- fields -----------------------------------------------------------------------------------------------


def fitted(data: Mapping[str, Any], fields: Sequence[RequestField]) -> dict[str, Any]:
    """What was given as it is kept: texts without blanks around them, what is empty left out."""
    known = {field.key for field in fields}
    found: dict[str, Any] = {}
    for key, value in data.items():
        kept = _stripped(value)
        if key not in known or not is_blank(kept):
            found[key] = kept
    return found


def _stripped(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list | tuple):
        kept = [_stripped(part) for part in value]
        return [part for n, part in enumerate(kept) if not is_blank(part) and part not in kept[:n]]
    return value


def wrong_fields(
    data: Mapping[str, Any], fields: Sequence[RequestField], specs: Specs, *, today: date
) -> Iterator[Unmet]:
    """What is wrong with the fields themselves, unknown ones included."""
    index = {field.key: field for field in fields}
    for key in data:
        if key not in index:
            known = "、".join(f"{f.key}（{f.zh}）" for f in fields) or "（不需要）"
            yield refusal(specs, "field_unknown", key, field=key, known=known)
    for field in fields:
        value = data.get(field.key)
        if is_blank(value):
            if field.required:
                yield refusal(specs, "field_missing", field.key, field=field.zh)
            continue
        said = _misfit(value, field, specs, today)
        if said:
            yield refusal(specs, "field_wrong", field.key, field=field.zh, said=said)
        else:
            yield from _said_nothing(value, field, specs)


def _misfit(value: Any, field: RequestField, specs: Specs, today: date) -> str:
    """What is wrong with a value of its type; empty for nothing."""
    match field.type:
        case "text" | "grant":
            return "" if isinstance(value, str) else "须是文字"
        case "texts" | "items":
            whole = isinstance(value, list) and all(isinstance(part, str) for part in value)
            return "" if whole else "须是列表，每项是文字"
        case "number":
            return (
                ""
                if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _HUGE
                else "须是正整数"
            )
        case "day" | "future":
            day = parse_date(value) if isinstance(value, str) else None
            if day is None:
                return "日期写作 2027-12-31"
            return "须在今天以后" if field.type == "future" and day <= today else ""
        case "pattern":
            return _coded(value, "share_pattern", specs)
        case "form":
            return _coded(value, "share_mode_type", specs)
        case "choice":
            return "" if value in field.choices else f"可选：{'、'.join(field.choices)}"


def _coded(value: Any, codes: str, specs: Specs) -> str:
    if isinstance(value, str) and specs.code_value(codes, value) is not None:
        return ""
    return "可选：" + "、".join(
        row.code if row.code == row.zh else f"{row.code} {row.zh}" for row in specs.codes[codes].values
    )


def _said_nothing(value: Any, field: RequestField, specs: Specs) -> Iterator[Unmet]:
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    for text in texts:
        if field.length and len(text) > field.length:
            yield refusal(specs, "field_long", field.key, field=field.zh, length=field.length)
        if is_marked(text, specs):
            yield refusal(specs, "secret", field.key, field=field.zh)
        if field.no_secrets and any(found(text) for found in _secrets(specs.requests.secrets)):
            yield refusal(specs, "credentials", field.key, field=field.zh)
        if field.type == "text" and is_vacuous(text, specs, wide=field.meaningful):
            yield refusal(specs, "field_vacuous", field.key, field=field.zh, value=text[:50])


@lru_cache(maxsize=8)
def _secrets(patterns: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(re.compile(pattern).search for pattern in patterns)


def is_marked(text: str, specs: Specs) -> bool:
    """Whether a text carries a mark of secrecy, such as 秘密★."""
    return "密" in text and any(found(text) for found in _secrets(tuple(specs.entry.secret_marks)))


def is_vacuous(text: str, specs: Specs, *, wide: bool) -> bool:
    """Whether a text says nothing; ``wide``: also by the words that say nothing of a condition (E111)."""
    words = specs.requests.vacuous
    return not strip_vacuous(text, (*words, *specs.sharing.wording.vacuous) if wide else words)


# ---- the entry --------------------------------------------------------------------------------------------


def shared_items(content: Content) -> dict[str, bool]:
    """The items of an entry by name, and whether each is shared: without a mark the resource decides (§12 R6)."""
    listed = content.get("items")
    found: dict[str, bool] = {}
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping) and not is_blank(item.get("item_name")):
            own = item.get("share_type")
            shared = content.get("share_type") if is_blank(own) else own
            found[str(item["item_name"])] = shared in GOES_OUT
    return found


def chosen_items(data: Mapping[str, Any], content: Content) -> list[str]:
    """The items that a request speaks of: those it names, else all that are shared."""
    return _named(data) or [name for name, shared in shared_items(content).items() if shared]


def _named(data: Mapping[str, Any]) -> list[str]:
    """The items that are named; what is no name is refused as a field."""
    named = data.get("items")
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def wrong_items(names: Iterable[str], content: Content, specs: Specs, *, sharing: bool) -> Iterator[Unmet]:
    """Items that are not the entry's or, for ``sharing``, not shared; each is named."""
    known = shared_items(content)
    for name in names:
        if name not in known:
            yield refusal(specs, "item_unknown", "items", item=name)
        elif sharing and not known[name]:
            yield refusal(specs, "item_not_shared", "items", item=name)


def modes_of(content: Content, specs: Specs) -> list[str]:
    """The ways of sharing that an entry offers and one of its forms can serve (S-ZY 23, S-LPS 25)."""
    offered, forms = content.get("share_pattern"), content.get("share_mode_type")
    table = specs.pattern_form
    served = forms if isinstance(forms, list) and forms else None
    return [
        mode
        for mode in (offered if isinstance(offered, list) else ())
        if served is None or any(table.get(mode, {}).get(form, "no") != "no" for form in served)
    ]


def not_available(content: Content | None, specs: Specs) -> tuple[Unmet, ...]:
    """Why an entry cannot be shared at all; empty when it can."""
    if content is None:
        return (refusal(specs, "not_in_force"),)
    if content.get("share_type") in GOES_OUT:
        return ()
    return (refusal(specs, "not_shared", basis=_basis_text(content.get("non_share_basis"))),)


def _basis_text(basis: Any) -> str:
    """A basis in words, as the entry gives it."""
    if isinstance(basis, str):
        return basis
    rows = basis if isinstance(basis, list) else [basis] if isinstance(basis, Mapping) else []
    said = [f"《{row.get('title', '')}》{row.get('article', '')}" for row in rows if isinstance(row, Mapping)]
    return "；".join(said) or "目录没有写明"


# ---- requests ---------------------------------------------------------------------------------------------


def missing_to_file(case: RequestCase) -> tuple[Unmet, ...]:
    """Everything that keeps a request from being filed."""
    return (*_of_asker(case), *_of_fields(case), *missing_still(case))


def _of_asker(case: RequestCase) -> Iterator[Unmet]:
    asker, specs = case.asker, case.specs
    if case.kind == "share" and case.applicant is not None:
        yield refusal(specs, "applicant_shares", "applicant")
    if asker is None or case.kind == "open":
        return
    row = specs.code_value("agency_kind", asker.kind)
    if case.kind == "share" and not (row is not None and row.attrs.get(BOUND)):
        kind = row.zh if row else asker.kind
        yield refusal(specs, "not_bound", "requester", name=asker.name, kind=kind)
    if asker.own:
        yield refusal(specs, "own_entry", "requester")
    if case.kind == "correction" and not case.uses:
        yield refusal(specs, "not_using", "requester")


def _of_fields(case: RequestCase) -> Iterator[Unmet]:
    spec = case.specs.requests
    yield from wrong_fields(case.data, spec.kind_index[case.kind].fields, case.specs, today=case.today)
    if case.kind == "open":
        applicant = case.applicant or {}
        for unmet in wrong_fields(applicant, spec.applicant.fields, case.specs, today=case.today):
            yield unmet._replace(field=f"applicant/{unmet.field}")


def missing_still(case: RequestCase) -> tuple[Unmet, ...]:
    """What the entry as it is today keeps from going on: looked at anew with every step."""
    if case.kind == "share":
        return (*_of_share(case), *_of_period(case), *_of_prolonging(case))
    if case.content is None:
        return (refusal(case.specs, "not_in_force"),)
    return tuple(wrong_items(_named(case.data), case.content, case.specs, sharing=False))


def missing_to_provide(content: Content | None, items: Iterable[str], specs: Specs) -> tuple[Unmet, ...]:
    """What keeps the items of a grant from being provided today."""
    unavailable = not_available(content, specs)
    if unavailable or content is None:
        return unavailable
    return tuple(wrong_items(items, content, specs, sharing=True))


def _of_share(case: RequestCase) -> Iterator[Unmet]:
    specs, content = case.specs, case.content
    unavailable = not_available(content, specs)
    if unavailable or content is None:
        yield from unavailable
        return
    chosen = chosen_items(case.data, content)
    yield from wrong_items(chosen, content, specs, sharing=True)
    if not chosen and shared_items(content):
        yield refusal(specs, "items_none", "items")
    mode, known = case.data.get("mode"), modes_of(content, specs)
    if isinstance(mode, str) and specs.code_value("share_pattern", mode) and mode not in known:
        yield refusal(specs, "mode_unfit", "mode", mode=mode, known="、".join(known) or "没有写明")


def _of_period(case: RequestCase) -> Iterator[Unmet]:
    written, mode = case.data.get("valid_until"), case.data.get("mode")
    patterns = case.specs.document("responsibility", Responsibility).patterns
    asks = any("valid_until" in row.grant_needs for row in patterns if row.code == mode)
    if is_blank(written):
        if asks:
            yield refusal(case.specs, "period_missing", "valid_until", mode=mode)
        return
    day = parse_date(written) if isinstance(written, str) else None
    if day is not None and day <= case.today:
        yield refusal(case.specs, "period_past", "valid_until", day=day)


def _of_prolonging(case: RequestCase) -> Iterator[Unmet]:
    number, known, specs = case.data.get("extends"), case.prolongs, case.specs
    if number is None:
        return
    if known is None:
        yield refusal(specs, "grant_unknown", "extends", number=number)
        return
    if known.over:
        yield refusal(specs, "grant_over", "extends", number=known.number, state=known.over)
    items = _named(case.data)
    if case.data.get("mode") != known.mode or set(items) - set(known.items):
        said = f"{known.mode}；{'、'.join(known.items)}"
        yield refusal(specs, "grant_mode", "mode", known=said)
    written = case.data.get("valid_until")
    day = parse_date(written) if isinstance(written, str) else None
    if known.valid_until is not None and (day is None or day <= known.valid_until):
        yield refusal(specs, "grant_shorter", "valid_until", day=known.valid_until)


def beyond(
    given: Mapping[str, Any], asked: Mapping[str, Any], items: Sequence[str], specs: Specs
) -> tuple[Unmet, ...]:
    """What an agreement would give beyond what was asked for: other items, a longer period."""
    more = [name for name in _named(given) if name not in items]
    found = [refusal(specs, "items_beyond", "items", item=name) for name in more]
    longest, written = asked.get("valid_until"), given.get("valid_until")
    if isinstance(longest, str) and isinstance(written, str) and written > longest:
        found.append(refusal(specs, "period_beyond", "valid_until", day=longest))
    return tuple(found)


def missing_of_act(
    fields: Sequence[RequestField], asks: Iterable[str], data: Mapping[str, Any], specs: Specs, today: date
) -> tuple[Unmet, ...]:
    """What an act is not given, or wrongly."""
    asked = set(asks)
    rows = [field.model_copy(update={"required": field.key in asked}) for field in fields]
    return tuple(wrong_fields(data, rows, specs, today=today))
