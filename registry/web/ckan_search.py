"""``package_search`` over the index: filters, facets, order, pages."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog_specs import load
from registry.web.ckan_query import BadQuery, Fields, Test, everything, parse, parse_words
from registry.web.ckan_words import Raw, as_json, bad_parameters, bad_search, invalid
from registry.web.open_index import MOMENTS, TEXTS, WHOLE, Entry, Index, extra_fields

Params = Mapping[str, Any]
_KNOWN = frozenset(
    {
        *("q", "fq", "fq_list", "rows", "start", "sort", "fl", "facet", "facet.field", "facet.limit"),
        *("facet.mincount", "include_private", "include_drafts", "include_deleted", "use_default_schema"),
        *("qf", "bf", "boost", "tie", "defType", "wt", "q.op", "df", "extras", "abort", "user", "callback"),
        *("ckan_api_key", "default_search_field", "facet_fields"),
    }
)
# they would change what is found: only as CKAN sets them by itself
_FIXED = {"defType": ("dismax", "edismax", "lucene"), "q.op": ("AND",), "df": ("text",), "wt": ("json",)}
_ORDER = "score desc, metadata_modified desc"
_SORTED = {"title_string": "title", "title": "title", "views_recent": "", "views_total": "", "score": ""}


class Search:
    """A search as it was asked for.

    Raises:
        Refusal: a parameter or the query is not understood.
    """

    def __init__(self, params: Params, *, now: datetime) -> None:
        _demand_known(params)
        spec = load().dcat.ckan
        self.params = params
        self.rows = min(given_natural(params, "rows", spec.default_rows), spec.rows)
        self.start = given_natural(params, "start", 0)
        self.test = _test(params, now)
        self.order = str(params.get("sort") or _ORDER)
        self.keys = _keys(self.order)

    @property
    def upto(self) -> int | None:
        """How many datasets must be known to answer, in the order of their ids; None for all."""
        listed = self.test is everything and self.order.split() == ["id", "asc"]
        return self.start + self.rows if listed and not self.params.get("facet.field") else None

    def answer(self, index: Index) -> Raw:
        """What ``package_search`` answers."""
        everyone = self.test is everything
        chosen = index.entries if everyone else [entry for entry in index.entries if self.test(entry)]
        page = self._ordered(chosen)[self.start : self.start + self.rows]
        facets = _facets(chosen, self.params)
        named = _search_facets(index, facets) if facets else {}
        count = index.most if everyone else len(chosen)
        head = {"count": count, "facets": facets, "sort": self.order, "search_facets": named}
        wanted = given_list(self.params.get("fl"))
        results = as_json([_fields_of(entry, wanted) for entry in page]) if wanted else Raw.listed(page)
        return Raw(as_json(head)[:-1] + b',"results":' + results + b"}")

    def _ordered(self, chosen: list[Entry]) -> list[Entry]:
        """Some datasets in the order asked for; where that says nothing, by id, as they come."""
        found = chosen
        for name, falls in reversed(self.keys):
            found = sorted(found, key=_key(name), reverse=falls)
        return found


def _demand_known(params: Params) -> None:
    unknown = sorted(name for name in params if name not in _KNOWN and not name.startswith("ext_"))
    if unknown:
        raise bad_parameters(f"Invalid search parameters: {unknown}")
    for name, taken in _FIXED.items():
        if params.get(name) not in (None, "", *taken):
            raise bad_parameters(f"{name} can only be {taken[0]}")


def _test(params: Params, now: datetime) -> Test:
    fields = Fields(WHOLE | extra_fields(), TEXTS, MOMENTS, now)
    filters = [params.get("fq"), *given_list(params.get("fq_list"), apart=False)]
    try:
        tests = [parse_words(str(params.get("q") or ""), fields)]
        tests += [parse(str(one), fields) for one in filters if one and str(one).strip()]
    except BadQuery as error:
        raise bad_search(str(error)) from error
    asked = [test for test in tests if test is not everything]
    if not asked:
        return everything
    return lambda doc: all(test(doc) for test in asked)


# ---- order and fields -------------------------------------------------------------------------------------


def _keys(order: str) -> list[tuple[str, bool]]:
    """The fields to sort by, with whether they fall."""
    found = []
    for part in [part.split() for part in order.split(",")]:
        if len(part) != 2 or part[1].lower() not in ("asc", "desc"):
            raise bad_parameters('Invalid "sort" parameter')
        name = _SORTED.get(part[0], part[0])
        if name and name not in WHOLE | MOMENTS | {"title"} | extra_fields():
            raise bad_parameters(f'Invalid "sort" parameter: {part[0]}')
        if name:
            found.append((name, part[1].lower() == "desc"))
    return found


def _key(name: str) -> Callable[[Entry], tuple[str, ...]]:
    return lambda entry: entry.values(name)


def _fields_of(entry: Entry, wanted: Sequence[str]) -> dict[str, Any]:
    """Only some fields, as the index gives them: moments with a zone, several values as a list."""
    package = entry.package
    found: dict[str, Any] = {}
    for name in package if "*" in wanted else wanted:
        if name in MOMENTS:
            found[name] = f"{package[name][:-3]}Z"
        elif name in ("tags", "groups", "organization") or name.startswith(("res_", "extras_")):
            values = entry.values(name)
            single = name == "organization" or name.startswith("extras_")
            if values:
                found[name] = values[0] if single else list(values)
        elif name in package and name != "score":
            found[name] = package[name]
    return found


# ---- facets -----------------------------------------------------------------------------------------------


def _facets(chosen: Iterable[Entry], params: Params) -> dict[str, dict[str, int]]:
    fields = given_list(params.get("facet.field"))
    most = int(_integer(params, "facet.limit", 50))
    least = given_natural(params, "facet.mincount", 1)
    known = WHOLE | extra_fields()
    for name in fields:
        if name not in known:
            raise bad_search(f"undefined field {name}（没有“{name}”这个字段）")
    if not given_bool(params.get("facet", True)):
        return {}
    return {name: _counts(chosen, name, most, max(least, 1)) for name in fields}


def _counts(chosen: Iterable[Entry], name: str, most: int, least: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in chosen:
        for value in set(entry.values(name)):
            if value:
                found[value] = found.get(value, 0) + 1
    rows = sorted(((v, n) for v, n in found.items() if n >= least), key=lambda pair: (-pair[1], pair[0]))
    return dict(rows if most < 0 else rows[:most])


def _search_facets(index: Index, facets: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    titles = {name: row["title"] for name, (row, _n) in (index.organizations | index.groups).items()}
    return {
        field: {
            "title": field,
            "items": [
                {"name": value, "display_name": titles.get(value, value), "count": count}
                for value, count in counts.items()
            ],
        }
        for field, counts in facets.items()
    }


# ---- parameters -------------------------------------------------------------------------------------------


def given_bool(value: Any) -> bool:
    """A truth value as CKAN takes them."""
    return str(value).strip().lower() in ("true", "yes", "on", "y", "t", "1")


def given_list(value: Any, *, apart: bool = True) -> list[str]:
    """A list, the JSON of one, or (``apart``) words with blanks or commas between them."""
    if value in (None, ""):
        return []
    if isinstance(value, list):
        return [str(one) for one in value]
    text = str(value)
    if text.lstrip().startswith("["):
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        if isinstance(read, list):
            return [str(one) for one in read]
    return text.replace(",", " ").split() if apart else [text]


def given_natural(params: Params, name: str, default: int) -> int:
    """A whole number from 0 on.

    Raises:
        Refusal: it is none.
    """
    found = _integer(params, name, default)
    if found < 0:
        raise invalid(name, "Must be a natural number")
    return found


def _integer(params: Params, name: str, default: int) -> int:
    value = params.get(name)
    if value in (None, ""):
        return default
    try:
        found = int(str(value))
    except ValueError:
        raise invalid(name, "Invalid integer") from None
    return max(min(found, 1 << 31), -(1 << 31))
