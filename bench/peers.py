"""Peers that check the fields alone: presence, shape, length, code lists, patterns, as entry.yaml has them.

Each peer is a function from the specification to two functions: one that brings the entries into the form the
peer works on (not timed with the check), and one that checks that form and counts what it found.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, FieldType

Entries = Sequence[Mapping[str, Any]]
LISTS = frozenset({FieldType.TEXT_LIST, FieldType.ENUM_LIST, FieldType.CATEGORY})
RECORDS = frozenset({FieldType.BASIS, FieldType.RECORDS})
SEPARATOR = "、"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Peer(NamedTuple):
    """``prepare`` is timed apart from ``check``, which gives the number of findings."""

    prepare: Callable[[Entries], Any]
    check: Callable[[Any], int]


class Plan(NamedTuple):
    """What one field asks for."""

    key: str
    type: FieldType
    required: bool
    most: int
    codes: tuple[str, ...]
    pattern: str
    low: int
    high: int


def plans(specs: Specs) -> tuple[list[Plan], list[Plan]]:
    """The plans of the entry's fields and of its items' fields."""
    wanted = {"items.item_name", "items.data_type"}
    for check in (check for rule in specs.book.rules for check in rule.checks):
        given = check.model_extra or {}
        if check.checker == "required":
            wanted |= set(given["fields"])
        if check.checker == "items_required":
            wanted |= {f"items.{key}" for key in given["fields"]}
    entry = [_plan(spec, key in wanted, specs) for key, spec in specs.fields.items()]
    items = [_plan(spec, f"items.{key}" in wanted, specs) for key, spec in specs.items.items()]
    return entry, items


def _plan(spec: FieldSpec, required: bool, specs: Specs) -> Plan:
    closed = spec.codes and not spec.open_codes
    codes = tuple(v.code for v in specs.codes[spec.codes].values) if closed else ()
    pattern = DATE if spec.type is FieldType.DATE else spec.pattern
    return Plan(spec.key, spec.type, required, spec.max_len, codes, pattern, spec.min_value, spec.max_value)


def as_is(entries: Entries) -> Entries:
    """No other form is needed."""
    return entries


# ---- pydantic ---------------------------------------------------------------------------------------------


def pydantic_peer(specs: Specs) -> Peer:
    """A model of the entry with a list of models of its items; every error of every entry is listed."""
    from pydantic import ConfigDict, ValidationError, create_model

    config = ConfigDict(extra="forbid", strict=True)
    entry, items = plans(specs)
    item_model = create_model("Item", __config__=config, **_pydantic_fields(items))
    rows: dict[str, Any] = {"items": (list[item_model], ...)}  # type: ignore[valid-type]
    model = create_model("Entry", __config__=config, **_pydantic_fields(entry), **rows)

    def check(entries: Entries) -> int:
        found = 0
        for content in entries:
            try:
                model.model_validate(content)
            except ValidationError as error:
                found += len(error.errors(include_url=False))
        return found

    return Peer(as_is, check)


def _pydantic_fields(listed: list[Plan]) -> dict[str, Any]:
    return {p.key: (_pydantic_type(p), ...) if p.required else (_pydantic_type(p), None) for p in listed}


def _pydantic_type(plan: Plan) -> Any:
    from typing import Annotated, Literal

    from pydantic import Field, StringConstraints

    if plan.type is FieldType.BOOLEAN:
        return bool
    if plan.type is FieldType.INTEGER:
        return Annotated[int, Field(ge=plan.low, le=plan.high)]
    if plan.type is FieldType.RECORD:
        return dict[str, Any]
    if plan.type in RECORDS:
        return list[dict[str, Any]]
    pattern = f"^(?:{plan.pattern})$" if plan.pattern else None
    text = Annotated[str, StringConstraints(min_length=1, max_length=plan.most or None, pattern=pattern)]
    one: Any = Literal[plan.codes] if plan.codes else text
    return list[one] if plan.type in LISTS else one


# ---- jsonschema-rs ----------------------------------------------------------------------------------------


def jsonschema_peer(specs: Specs) -> Peer:
    """One JSON schema of the entry with its items; every error of every entry is listed."""
    import jsonschema_rs

    entry, items = plans(specs)
    schema = _schema(entry)
    schema["properties"]["items"] = {"type": "array", "minItems": 1, "items": _schema(items)}
    schema["required"].append("items")
    validator = jsonschema_rs.validator_for(schema)

    def check(entries: Entries) -> int:
        return sum(len(list(validator.iter_errors(content))) for content in entries)

    return Peer(as_is, check)


def _schema(listed: list[Plan]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {plan.key: _schema_of(plan) for plan in listed},
        "required": [plan.key for plan in listed if plan.required],
        "additionalProperties": False,
    }


def _schema_of(plan: Plan) -> dict[str, Any]:
    if plan.type is FieldType.BOOLEAN:
        return {"type": "boolean"}
    if plan.type is FieldType.INTEGER:
        return {"type": "integer", "minimum": plan.low, "maximum": plan.high}
    if plan.type is FieldType.RECORD:
        return {"type": "object"}
    if plan.type in RECORDS:
        return {"type": "array", "items": {"type": "object"}}
    one: dict[str, Any] = {"enum": list(plan.codes)} if plan.codes else {"type": "string", "minLength": 1}
    if plan.most and not plan.codes:
        one["maxLength"] = plan.most
    if plan.pattern:
        one["pattern"] = f"^(?:{plan.pattern})$"
    return {"type": "array", "items": one} if plan.type in LISTS else one


# ---- frames -----------------------------------------------------------------------------------------------


def frames(entries: Entries, specs: Specs) -> tuple[Any, Any]:
    """The entries and their items as two frames; a list is one cell of text, as it is in a sheet."""
    entry, items = plans(specs)
    rows = [item for content in entries for item in content.get("items", ())]
    return _frame([_cells(content) for content in entries], entry), _frame(rows, items)


def _frame(rows: list[Any], listed: list[Plan]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=[plan.key for plan in listed])
    bare = {FieldType.INTEGER, FieldType.BOOLEAN, FieldType.RECORD} | RECORDS
    # a column without a single value would else be one of numbers
    return frame.astype({plan.key: "string" for plan in listed if plan.type not in bare})


def _cells(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: SEPARATOR.join(map(str, value)) if type(value) is list else value
        for key, value in content.items()
        if key != "items"
    }


class Test(NamedTuple):
    """One check of one column; ``kind`` is set, length, pattern or range."""

    column: str
    kind: str
    value: Any


def tests(listed: list[Plan]) -> Iterator[Test]:
    """The checks of a frame's columns, apart from presence."""
    for plan in listed:
        if plan.type in LISTS:
            yield Test(plan.key, "pattern", _list_pattern(plan))
        elif plan.codes:
            yield Test(plan.key, "set", list(plan.codes))
        elif plan.type is FieldType.INTEGER:
            yield Test(plan.key, "range", (plan.low, plan.high))
        elif plan.type in (FieldType.TEXT, FieldType.ENUM, FieldType.DATE):
            if plan.most:
                yield Test(plan.key, "length", (1, plan.most))
            if plan.pattern:
                yield Test(plan.key, "pattern", f"^(?:{plan.pattern})$")


def _list_pattern(plan: Plan) -> str:
    one = (
        f"(?:{'|'.join(map(re.escape, plan.codes))})"
        if plan.codes
        else f"[^{SEPARATOR}]{{1,{plan.most or 500}}}"
    )
    return f"^{one}(?:{SEPARATOR}{one})*$"


def pandera_peer(specs: Specs) -> Peer:
    """Two lazy frame schemas; every failing cell is a finding."""
    import pandera.pandas as pa

    entry, items = plans(specs)
    schemas = [_pandera_schema(pa, listed) for listed in (entry, items)]

    def check(data: tuple[Any, Any]) -> int:
        found = 0
        for schema, frame in zip(schemas, data, strict=True):
            try:
                schema.validate(frame, lazy=True)
            except pa.errors.SchemaErrors as error:
                found += len(error.failure_cases)
        return found

    return Peer(lambda entries: frames(entries, specs), check)


def _pandera_schema(pa: Any, listed: list[Plan]) -> Any:
    make: dict[str, Callable[[Any], Any]] = {
        "set": pa.Check.isin,
        "length": lambda bounds: pa.Check.str_length(*bounds),
        "pattern": pa.Check.str_matches,
        "range": lambda bounds: pa.Check.in_range(*bounds),
    }
    checks: dict[str, list[Any]] = {plan.key: [] for plan in listed}
    for test in tests(listed):
        checks[test.column].append(make[test.kind](test.value))
    columns = {p.key: pa.Column(checks=checks[p.key] or None, nullable=not p.required) for p in listed}
    return pa.DataFrameSchema(columns)


def expectations_peer(specs: Specs) -> Peer:
    """Great Expectations: two suites on an ephemeral context; every unexpected cell is a finding."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_pandas("peers")
    suites = []
    for name, listed in zip(("entries", "items"), plans(specs), strict=True):
        asset = source.add_dataframe_asset(name)
        whole = asset.add_batch_definition_whole_dataframe(name)
        suites.append((whole, gx.ExpectationSuite(name, expectations=list(_expectations(listed)))))

    def check(data: tuple[Any, Any]) -> int:
        found = 0
        for (whole, suite), frame in zip(suites, data, strict=True):
            result = whole.get_batch({"dataframe": frame}).validate(suite, result_format="BASIC")
            found += sum(row.result.get("unexpected_count", 0) for row in result.results)
        return found

    return Peer(lambda entries: frames(entries, specs), check)


def _expectations(listed: list[Plan]) -> Iterator[Any]:
    import great_expectations.expectations as ex

    make: dict[str, Callable[[str, Any], Any]] = {
        "set": lambda column, value: ex.ExpectColumnValuesToBeInSet(column=column, value_set=value),
        "length": lambda column, value: ex.ExpectColumnValueLengthsToBeBetween(
            column=column, min_value=value[0], max_value=value[1]
        ),
        "pattern": lambda column, value: ex.ExpectColumnValuesToMatchRegex(column=column, regex=value),
        "range": lambda column, value: ex.ExpectColumnValuesToBeBetween(
            column=column, min_value=value[0], max_value=value[1]
        ),
    }
    for plan in listed:
        if plan.required:
            yield ex.ExpectColumnValuesToNotBeNull(column=plan.key)
    for test in tests(listed):
        yield make[test.kind](test.column, test.value)


PEERS: dict[str, Callable[[Specs], Peer]] = {
    "pydantic": pydantic_peer,
    "jsonschema-rs": jsonschema_peer,
    "pandera": pandera_peer,
    "Great Expectations": expectations_peer,
}
