"""Forms of requests, made from the fields of requests.yaml: what each shows, what was typed, what was refused."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from catalog_specs import Specs
from catalog_specs.law_release import Responsibility
from catalog_specs.law_requests import RequestField
from registry.errors import MuluError
from registry.requests import Option
from validators.case import Content
from validators.requesting import modes_of, shared_items

NOTE = RequestField(key="note", zh="说明", en="note", type="text", length=2000)
_LISTED = frozenset({"items", "texts"})
_LONG = 300  # a text longer than this is given more than one line


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field; ``off``: it cannot be chosen, and why."""

    value: str
    zh: str
    off: str = ""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field as a form shows it: ``value`` as it was typed, or as it stands; ``errors`` under it."""

    key: str
    zh: str
    type: str
    required: bool = False
    length: int = 0
    value: str = ""
    values: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    errors: tuple[Mapping[str, str], ...] = ()

    @property
    def long(self) -> bool:
        """Whether it is given several lines."""
        return self.type == "texts" or self.length > _LONG


@dataclass(frozen=True, slots=True)
class ActForm:
    """The form of one act, ``open`` when it was refused just now."""

    act: str
    zh: str
    fields: tuple[FormField, ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that came back: which act, what was typed, why not."""

    act: str
    form: FormData
    error: MuluError

    @property
    def rows(self) -> list[Mapping[str, str]]:
        """Every reason, with its cure and article; one row for an error that is no list."""
        listed = self.error.details.get("errors") or [{"message": self.error.message}]
        return [{"fix": "", "source": ""} | row for row in listed]

    def beside(self, shown: Iterable[FormField]) -> list[Mapping[str, str]]:
        """The reasons that stand under no field."""
        told = [row for one in shown for row in one.errors]
        return [row for row in self.rows if row not in told]

    def at(self, key: str) -> tuple[Mapping[str, str], ...]:
        """The reasons that stand under one field."""
        return tuple(row for row in self.rows if _field_of(row) == key)


def _field_of(row: Mapping[str, str]) -> str:
    if row.get("code") == "reasons_missing":
        return NOTE.key
    return str(row.get("pointer", "")).removeprefix("/data/")


@dataclass(frozen=True, slots=True)
class Ground:
    """What a form is made on: the law, the entry's content in force, what stands already."""

    specs: Specs
    content: Content | None = None
    standing: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""

    def taken(self, key: str) -> RequestField:
        """What an act takes, called as the request of this kind calls it."""
        spec = self.specs.requests
        kind = spec.kind_index.get(self.kind)
        named = next((row.zh for row in kind.fields if row.key == key), "") if kind else ""
        return spec.taken_index[key].model_copy(update={"zh": named}) if named else spec.taken_index[key]

    def show(self, spec: RequestField, refused: Refused | None, *, required: bool | None = None) -> FormField:
        """A field with its choices and what it holds."""
        return FormField(
            key=spec.key,
            zh=spec.zh,
            type=spec.type,
            required=spec.required if required is None else required,
            length=spec.length,
            value=self._value(spec, refused),
            values=self._values(spec, refused),
            choices=self._choices(spec),
            errors=refused.at(spec.key) if refused else (),
        )

    def _value(self, spec: RequestField, refused: Refused | None) -> str:
        if refused is not None:
            return str(refused.form.get(spec.key, ""))
        held = self.standing.get(spec.key)
        return "\n".join(map(str, held)) if isinstance(held, list | tuple) else str(held or "")

    def _values(self, spec: RequestField, refused: Refused | None) -> tuple[str, ...]:
        if spec.type != "items":
            return ()
        if refused is not None:
            return tuple(str(one) for one in refused.form.getlist(spec.key))
        if spec.key in self.standing:
            return tuple(self.standing[spec.key])
        return tuple(one.value for one in self._choices(spec) if not one.off)

    def _choices(self, spec: RequestField) -> tuple[Choice, ...]:
        match spec.type:
            case "items":
                return self._items()
            case "pattern":
                known = modes_of(self.content, self.specs) if self.content else []
                rows = self.specs.codes["share_pattern"].values
                return tuple(Choice(row.code, row.zh) for row in rows if not known or row.code in known)
            case "form":
                return tuple(Choice(row.code, row.zh) for row in self.specs.codes["share_mode_type"].values)
            case "choice":
                return tuple(Choice(one, one) for one in spec.choices)
        return ()

    def _items(self) -> tuple[Choice, ...]:
        offered = self.standing.get("offered")
        if offered is not None:
            return tuple(Choice(name, name) for name in offered)
        known = shared_items(self.content) if self.content else {}
        every = bool(self.standing.get("every_item"))
        return tuple(
            Choice(name, name, "" if shared or every else "不予共享") for name, shared in known.items()
        )


def act_form(option: Option, ground: Ground, refused: Refused | None) -> ActForm:
    """The form of an act that is offered; with what was typed if it was refused."""
    mine = refused if refused is not None and refused.act == option.act else None
    fields = [ground.show(ground.taken(key), mine, required=key in option.asks) for key in option.takes]
    fields.append(ground.show(NOTE, mine, required=option.reasons))
    return ActForm(option.act, option.zh, tuple(fields), mine is not None)


def usage_fields(kind: str, specs: Specs) -> list[RequestField]:
    """The fields of a kind of record of use."""
    named = {row.key: row for row in specs.document("responsibility", Responsibility).usage_record.fields}
    spec = specs.requests
    return [
        RequestField(
            key=key, zh=named[key].zh, en=named[key].en, type="text", required=True, length=spec.usage_length
        )
        for key in spec.usage_index[kind].fields
    ]


def data_of(form: FormData, fields: Sequence[RequestField]) -> dict[str, Any]:
    """What a form gives for some fields; nothing for one that was left blank."""
    found: dict[str, Any] = {}
    for spec in fields:
        value = _given(form, spec)
        if value not in ("", []):
            found[spec.key] = value
    return found


def _given(form: FormData, spec: RequestField) -> Any:
    if spec.type == "items":
        return [one for one in form.getlist(spec.key) if isinstance(one, str) and one]
    text = text_of(form, spec.key)
    if spec.type == "texts":
        return [line.strip() for line in text.splitlines() if line.strip()]
    return int(text) if spec.type == "number" and text.isdecimal() and text.isascii() else text


def text_of(form: FormData, key: str) -> str:
    """One field of a form as text; empty for a file or nothing."""
    value = form.get(key, "")
    return value.strip() if isinstance(value, str) else ""
