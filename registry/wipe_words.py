"""The words of a certificate: every field under its headings, every coded value by its names, in both languages."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from catalog_specs import Specs
from catalog_specs.law_release import Named, WipeField
from registry.people import local

Names = tuple[str, str]
_SEPARATORS = ("、", ", ")


def fact_rows(values: Mapping[str, Any], kind: str, specs: Specs) -> list[dict[str, Any]]:
    """The sections of a certificate: ``{key, zh, en, rows: [{key, zh, en, text, text_en}]}``.

    Fields without a value are left out, and sections without rows; what no section names comes last, so that nothing
    that was recorded is lost. ``text_en`` is empty where the English is the same.
    """
    spec = specs.wiping.certificate
    placed = {*spec.persons, *spec.elsewhere}
    more = {spec.extras_in: tuple(row.key for row in specs.wiping.extras)}
    found, first = [], [_kind_row(kind, specs)]
    for section in spec.sections:
        keys = (*section.fields, *more.get(section.key, ()))
        rows = [*first, *(_row(key, values[key], specs) for key in keys if _is_given(values.get(key)))]
        found.append(_section(section.key, (section.zh, section.en), rows))
        first = []
        placed |= set(keys)
    others = sorted(key for key in values if key not in placed and _is_given(values[key]))
    rows = [_row(key, values[key], specs) for key in others]
    found.append(_section("other", (spec.other.zh, spec.other.en), rows))
    return [section for section in found if section["rows"]]


def person_row(role: str, person: Mapping[str, Any], specs: Specs) -> dict[str, Any]:
    """One person of a certificate: the role in both languages and ``facts`` of key, headings and text."""
    field = _fields(specs)[role]
    labels = {row.key: (row.zh, row.en) for row in specs.wiping.person_names}
    keys = [*(key for key in labels if key in person), *sorted(set(person) - set(labels))]
    facts = [
        {"key": key, "zh": labels.get(key, (key, key))[0], "en": labels.get(key, (key, key))[1]}
        | {"text": _plain(person[key])}
        for key in keys
        if _is_given(person[key])
    ]
    return {"role": role, "zh": field.zh, "en": field.en, "facts": facts}


def _section(key: str, names: Names, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"key": key, "zh": names[0], "en": names[1], "rows": rows}


def _kind_row(kind: str, specs: Specs) -> dict[str, Any]:
    names = _named(kind, {row.key: (row.zh, row.en) for row in specs.retirement.kinds})
    return _shown("kind", ("记录类别", "kind of record"), names)


def _row(key: str, value: Any, specs: Specs) -> dict[str, Any]:
    known: dict[str, Named] = {row.key: row for row in specs.wiping.extras}
    field = _fields(specs).get(key) or known.get(key)
    heading = (field.zh, field.en) if field else (key, key)
    return _shown(key, heading, _text(key, value, specs))


def _shown(key: str, heading: Names, text: Names) -> dict[str, Any]:
    english = text[1] if text[1] != text[0] else ""
    return {"key": key, "zh": heading[0], "en": heading[1], "text": text[0], "text_en": english}


def _fields(specs: Specs) -> dict[str, WipeField]:
    return {field.key: field for field in specs.retirement.fields}


def _is_given(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _text(key: str, value: Any, specs: Specs) -> Names:
    """A value in Chinese and English."""
    if isinstance(value, bool):
        return specs.wiping.certificate.words["true" if value else "false"]
    names = names_of(key, specs)
    if isinstance(value, list):
        pairs = [_listed(part, names, specs) for part in value]
        shown = _SEPARATORS[0].join(zh for zh, _ in pairs)
        # what has no names of its own is the same in both languages
        is_named = any(zh != en for zh, en in pairs)
        return shown, _SEPARATORS[1].join(en for _, en in pairs) if is_named else shown
    if key in specs.wiping.shares and isinstance(value, int | float):
        return (f"{value * 100:.6g} %",) * 2
    return _named(_moment(_plain(value)) if key.endswith("_at") else _plain(value), names)


def _listed(part: Any, names: Mapping[str, Names], specs: Specs) -> Names:
    """One of several: a text, a coded value, or a copy with the answer to it."""
    if not isinstance(part, Mapping) or set(part) != {"copy", "answer"}:
        return _named(_plain(part), names)
    answer = _named(_plain(part["answer"]), {row.key: (row.zh, row.en) for row in specs.wiping.answers})
    zh, en = _named(_plain(part["copy"]), names)
    return f"{zh}：{answer[0]}", f"{en}: {answer[1]}"


def _named(code: str, names: Mapping[str, Names]) -> Names:
    return names.get(code, (code, code))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return _SEPARATORS[0].join(_plain(part) for part in value)
    if isinstance(value, Mapping):
        return "；".join(f"{name}: {_plain(part)}" for name, part in value.items() if _is_given(part))
    return str(value)


def _moment(text: str) -> str:
    """A moment by the clock of where the register is kept; a text that is none, as it is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return local(found).strftime("%Y-%m-%d %H:%M:%S UTC%z") if found.tzinfo else text.replace("T", " ")


def names_of(key: str, specs: Specs) -> dict[str, Names]:
    """The choices of a field with their names in both languages; none of a field of free text."""
    listed = _LISTS.get(key)
    return dict(listed(specs)) if listed else {}


def _rows(name: str) -> Callable[[Specs], Iterator[tuple[str, Names]]]:
    return lambda specs: ((row.key, (row.zh, row.en)) for row in getattr(specs.retirement, name))


def _grades(specs: Specs) -> Iterator[tuple[str, Names]]:
    return ((value.code, (value.zh, value.en)) for value in specs.codes["data_grade"].values)


def _results(specs: Specs) -> Iterator[tuple[str, Names]]:
    return ((row.key, (row.zh, row.en)) for row in specs.wiping.results)


_LISTS: Mapping[str, Callable[[Specs], Iterator[tuple[str, Names]]]] = {
    "case": _rows("cases"),
    "media_type": _rows("media"),
    "method": _rows("methods"),
    "technique": _rows("techniques"),
    "destination": _rows("destinations"),
    "copies_covered": _rows("copies"),
    "data_grade_before": _grades,
    "verification_result": _results,
}
