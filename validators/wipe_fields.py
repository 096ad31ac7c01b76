"""The fields of a wipe record: which must be filled at which step, of which type, from which choices (E132)."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from catalog_specs import Specs
from catalog_specs.law import Deadlines
from catalog_specs.law_release import Named, WipeField, WipeKind
from validators.wipe_terms import RULE, Content, Term, WipeFacts, WipeFinding

_BLANK: tuple[Any, ...] = (None, "", [], {})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.*")
_DIGEST = re.compile(r"(?:sha256:|sm3:)?[0-9a-f]{64}")
Check = Callable[[Any], bool]


def field_terms(specs: Specs) -> dict[str, str]:
    """By field with choices the table that they stand in (see ``tables``)."""
    return {
        "case": "cases",
        "media_type": "media",
        "data_grade_before": "grades",
        "method": "methods",
        "technique": "techniques",
        "verification_result": "results",
        "destination": "destinations",
    }


@lru_cache(maxsize=8)
def tables(specs: Specs) -> dict[str, dict[str, Named]]:
    """The tables that findings take words from, each by key."""
    law, doc = specs.wiping, specs.retirement
    listed: dict[str, tuple[Named, ...]] = {
        "cases": doc.cases,
        "media": doc.media,
        "methods": doc.methods,
        "techniques": doc.techniques,
        "destinations": doc.destinations,
        "kinds": doc.kinds,
        "copies": doc.copies,
        "copy_states": specs.systems.copy_states,
        "results": law.results,
        "answers": law.answers,
        "types": law.types,
        "steps": law.steps,
    }
    return {name: {row.key: row for row in rows} for name, rows in listed.items()}


def choices(table: str, specs: Specs) -> tuple[str, ...]:
    """The keys of a table, in its order."""
    if table == "grades":
        return tuple(value.code for value in specs.codes["data_grade"].values)
    return tuple(tables(specs)[table])


def label_of(where: str, specs: Specs, lang: str = "zh") -> str:
    """The name of a field, or of a part of a person (``operator.name``: 操作人姓名)."""
    labels = _labels(specs, lang)
    field, _, part = where.partition(".")
    joint = " " if lang == "en" else ""
    found = labels.get(field, field)
    return f"{found}{joint}{labels.get('.' + part, part)}" if part else found


@lru_cache(maxsize=16)
def _labels(specs: Specs, lang: str) -> dict[str, str]:
    rows: list[Named] = [*specs.retirement.fields, *specs.wiping.extras]
    found = {row.key: getattr(row, lang) for row in rows}
    return found | {f".{row.key}": getattr(row, lang) for row in specs.wiping.person_names}


# ---- values -----------------------------------------------------------------------------------------------


def zone_of(specs: Specs) -> ZoneInfo:
    """The time zone in which moments without one are meant."""
    return ZoneInfo(specs.document("deadlines", Deadlines).counting.timezone)


def parse_day(value: Any) -> date | None:
    """A date written 2026-01-31; None for anything else."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def parse_moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """A moment in ISO 8601, local where no zone is given; None for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def is_seen(text: str) -> bool:
    """Whether a text shows anything: blanks and characters that nobody sees are none."""
    return any(c.isprintable() and not c.isspace() for c in text)


def is_digest(value: Any) -> bool:
    """Whether a value is a SHA-256 or SM3 digest, 64 hexadecimal digits, perhaps behind ``sha256:`` or ``sm3:``."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_attachment(value: Any) -> bool:
    if isinstance(value, Mapping):
        known = set(value) <= {"sha256", "number", "name"}
        return known and is_digest(value.get("sha256")) and all(isinstance(v, str) for v in value.values())
    return is_digest(value)


def _is_copies(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(
        isinstance(one, Mapping) and set(one) <= {"copy", "answer"} and bool(one.get("copy")) for one in value
    )


def _listed(check: Check) -> Check:
    return lambda value: isinstance(value, list) and bool(value) and all(map(check, value))


@lru_cache(maxsize=8)
def _types(specs: Specs) -> dict[str, Check]:
    most, zone = specs.wiping.text_length, zone_of(specs)

    def is_text(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= most and is_seen(value)

    return {
        "text": is_text,
        "reference": is_text,
        "enum": lambda value: isinstance(value, str),
        "number": _is_number,
        "share": _is_share,
        "bool": lambda value: isinstance(value, bool),
        "date": lambda value: parse_day(value) is not None,
        "datetime": lambda value: parse_moment(value, zone) is not None,
        "list": _listed(is_text),
        "copies": _is_copies,
        "digests": _listed(is_digest),
        "attachment": _is_attachment,
        "person": lambda value: isinstance(value, Mapping),
    }


@lru_cache(maxsize=8)
def field_types(specs: Specs) -> dict[str, str]:
    """By field (those that verification adds too) its type, a key of ``types`` in wiping.yaml."""
    law = specs.wiping
    of = {row.key: row.of for row in law.lists}
    found: dict[str, str] = {row.key: of.get(row.key, row.type) for row in specs.retirement.fields}
    found |= {row.key: row.type for row in law.extras}
    return found | dict.fromkeys(law.shares, "share")


# ---- filled -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def demanded(kind: str, step: str, specs: Specs) -> tuple[str, ...]:
    """The fields that a kind of record must have once ``step`` is taken, in the order of the specification."""
    steps = [row.key for row in specs.wiping.steps]
    later = {key for row in specs.wiping.steps[steps.index(step) + 1 :] for key in row.fields}
    return tuple(key for key in kind_of(kind, specs).mandatory if key not in later)


def kind_of(kind: str, specs: Specs) -> WipeKind:
    """A kind of record. Raises KeyError for an unknown one."""
    return _kinds(specs)[kind]


@lru_cache(maxsize=8)
def _kinds(specs: Specs) -> dict[str, WipeKind]:
    return {row.key: row for row in specs.retirement.kinds}


@lru_cache(maxsize=8)
def _crypto(specs: Specs) -> frozenset[str]:
    return frozenset(row.key for row in specs.retirement.techniques if row.crypto)


def _holds(condition: str, content: Content, specs: Specs, facts: WipeFacts) -> bool:
    match condition:
        case "system_known":
            return facts.system_known
        case "case_retirement":
            return facts.case == "retirement"
        case "crypto_technique":
            return str(content.get("technique")) in _crypto(specs)
    raise ValueError(f"no condition {condition}")


def missing(content: Content, kind: str, specs: Specs, facts: WipeFacts) -> Iterator[WipeFinding]:
    """E132 for each mandatory field, and each that its condition asks for, that is not filled."""
    row = kind_of(kind, specs)
    asked = [key for key, when in row.conditional.items() if _holds(when, content, specs, facts)]
    for key in (*demanded(kind, facts.step, specs), *asked):
        if content.get(key) in _BLANK:
            yield WipeFinding(RULE, "error", key, "missing")


def unfit(content: Content, kind: str, specs: Specs, facts: WipeFacts) -> Iterator[WipeFinding]:
    """E132 for each field that is unknown, of another type, not among its choices, or lies in the future."""
    types, checks, known = field_types(specs), _types(specs), _choice_sets(specs)
    for key, value in content.items():
        if key not in types:
            yield WipeFinding(RULE, "error", key, "unknown")
        elif value in _BLANK:
            continue
        elif not checks[types[key]](value):
            yield WipeFinding(RULE, "error", key, "type", {"wanted": Term("types", (types[key],))})
        elif key in known and value not in known[key][1]:
            yield _no_choice(key, value, known[key][0], specs)
        elif types[key] == "person":
            yield from _person(key, value, specs, facts)
        elif types[key] == "copies":
            yield from _answers(key, value, specs)
        elif types[key] == "datetime":
            yield from _later(key, value, specs, facts)
    yield from _medium(content, kind, specs)


@lru_cache(maxsize=8)
def _choice_sets(specs: Specs) -> dict[str, tuple[str, frozenset[str]]]:
    return {key: (name, frozenset(choices(name, specs))) for key, name in field_terms(specs).items()}


def _no_choice(where: str, value: Any, table: str, specs: Specs) -> WipeFinding:
    params: dict[str, str | Term] = {"value": str(value)[:40]}
    params["choices"] = Term(table, choices(table, specs))
    return WipeFinding(RULE, "error", where, "choice", params)


def _person(key: str, person: Mapping[str, Any], specs: Specs, facts: WipeFacts) -> Iterator[WipeFinding]:
    parts, text = specs.retirement.person_fields, _types(specs)["text"]
    day, today = parse_day(person.get("date")), facts.now and facts.now.astimezone(zone_of(specs)).date()
    if day is not None and today is not None and day > today:
        yield WipeFinding(RULE, "error", f"{key}.date", "later")
    for part in parts:
        value, where = person.get(part), f"{key}.{part}"
        if value in _BLANK:
            yield WipeFinding(RULE, "error", where, "missing")
        elif part == "date" and parse_day(value) is None:
            yield WipeFinding(RULE, "error", where, "type", {"wanted": Term("types", ("date",))})
        elif not text(value):
            yield WipeFinding(RULE, "error", where, "type", {"wanted": Term("types", ("text",))})
    for part in person:
        if part not in parts:
            yield WipeFinding(RULE, "error", f"{key}.{part}", "unknown")


def _answers(key: str, rows: list[Mapping[str, Any]], specs: Specs) -> Iterator[WipeFinding]:
    known = choices("answers", specs)
    for row in rows:
        answer = row.get("answer")
        # no answer at all is what WI7 speaks of
        if answer not in _BLANK and answer not in known:
            yield _no_choice(key, answer, "answers", specs)


def _later(key: str, value: str, specs: Specs, facts: WipeFacts) -> Iterator[WipeFinding]:
    found = parse_moment(value, zone_of(specs)) if facts.now else None
    if found is not None and facts.now is not None and found > facts.now:
        yield WipeFinding(RULE, "error", key, "later")


def _medium(content: Content, kind: str, specs: Specs) -> Iterator[WipeFinding]:
    """A kind of record that has a medium of its own takes no other, and no other kind takes that one."""
    given = content.get("media_type")
    if given in _BLANK:
        return
    own = {row.key: row.medium for row in specs.wiping.kind_media}
    wrong = given != own[kind] if kind in own else given in own.values()
    if wrong and given in choices("media", specs):
        yield WipeFinding(RULE, "error", "media_type", "kind", {"value": Term("media", (str(given),))})


def fields_of(kind: str, specs: Specs) -> tuple[WipeField, ...]:
    """The fields that people fill in a kind of record, in the order of the specification."""
    row = kind_of(kind, specs)
    asked = {*row.mandatory, *row.conditional} - set(specs.wiping.filled)
    return tuple(field for field in specs.retirement.fields if field.key in asked)
