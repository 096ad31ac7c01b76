"""The reading actions of CKAN's interface over the open catalogue, answered as CKAN 2.12 answers them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import load
from registry.errors import NotFound
from registry.open_catalogue import shown
from registry.web.ckan_form import licences, own_id, whole_group
from registry.web.ckan_query import folded
from registry.web.ckan_search import Search, given_bool, given_list, given_natural
from registry.web.ckan_words import Raw, Refusal, invalid, not_found
from registry.web.open_index import Index, Keeper, form_of

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: what is shown right now, with what it was called, and the address that it came to."""

    session: Session
    keeper: Keeper
    params: Params
    base: str
    now: datetime

    @property
    def index(self) -> Index:
        """All that is shown."""
        return self.keeper.current(self.session, now=self.now)

    def needed(self, name: str) -> str:
        """A parameter that must be given.

        Raises:
            Refusal: it is not.
        """
        value = self.params.get(name)
        if value in (None, ""):
            raise invalid(name, "Missing value")
        return str(value)

    def page(self, rows: Sequence[Any], most: int | None = None) -> Sequence[Any]:
        """The part of ``rows`` that ``limit`` and ``offset`` ask for."""
        limit = given_natural(self.params, "limit", most if most is not None else len(rows))
        start = given_natural(self.params, "offset", 0)
        return rows[start : start + (min(limit, most) if most is not None else limit)]


def read(name: str, ask: Ask) -> Any:
    """What an action answers: a value, or ``Raw`` JSON.

    Raises:
        Refusal: the action is unknown or writes, or a parameter is wrong, or there is no such thing.
    """
    if name in ACTIONS:
        return ACTIONS[name](ask)
    if writes(name):
        raise Refusal(403, {"__type": "Authorization Error", "message": _READ_ONLY})
    raise Refusal(400, f"Bad request - Action name not known: {name[:100]}")


_READ_ONLY = "Access denied: 本接口只供读取（read only）"


def writes(name: str) -> bool:
    """Whether an action of CKAN's by that name would change something."""
    return bool(set(name.split("_")) & set(load().dcat.ckan.writes))


# ---- the site ---------------------------------------------------------------------------------------------


def _site_read(_ask: Ask) -> bool:
    return True


def _status(ask: Ask) -> dict[str, Any]:
    spec = load().dcat
    return {
        "site_title": spec.catalogue.zh,
        "site_description": spec.catalogue.about_zh,
        "site_url": ask.base,
        "error_emails_to": None,
        "locale_default": "zh_Hans_CN",
        "extensions": [],
        "ckan_version": spec.ckan.version,
    }


def _help(ask: Ask) -> str:
    name = ask.needed("name")
    if name not in ACTIONS:
        raise not_found("Action function not found")
    return f"{name}: CKAN Action API v3, read only. https://docs.ckan.org/en/latest/api/"


def _licences(_ask: Ask) -> list[dict[str, Any]]:
    return licences(load())


# ---- datasets ---------------------------------------------------------------------------------------------


def _package_list(ask: Ask) -> list[str]:
    return [str(name) for name in ask.page(sorted(entry.name for entry in ask.index.entries))]


def _package_show(ask: Ask) -> dict[str, Any]:
    written = ask.params.get("id") or ask.params.get("name_or_id")
    if not written:
        raise invalid("name_or_id", "Missing value")
    index = ask.keeper.current(ask.session, now=ask.now, upto=0)
    return _anew(ask, index.find(str(written)), index.registry)


def _anew(ask: Ask, key: str | None, registry: str) -> dict[str, Any]:
    """A dataset judged just for this answer."""
    found = shown(ask.session, [key], now=ask.now).get(key) if key else None
    if found is None:
        raise not_found()
    try:
        return form_of(found, registry)[1]
    except NotFound:
        raise not_found() from None


def _resource_show(ask: Ask) -> Any:
    wanted, index = ask.needed("id"), ask.index
    entry = index.of_resource.get(wanted)
    for resource in _anew(ask, entry.key if entry else None, index.registry)["resources"]:
        if resource["id"] == wanted:
            return resource
    raise not_found()


def _package_search(ask: Ask) -> Raw:
    wanted = Search(ask.params, now=ask.now)
    return wanted.answer(ask.keeper.current(ask.session, now=ask.now, upto=wanted.upto))


def _current(ask: Ask) -> Raw:
    most = load().dcat.ckan.rows
    newest = sorted(ask.index.entries, key=lambda entry: entry.values("metadata_modified"), reverse=True)
    if "page" in ask.params and "offset" not in ask.params:
        limit = min(given_natural(ask.params, "limit", most), most)
        start = (max(given_natural(ask.params, "page", 1), 1) - 1) * limit
        return Raw.listed(newest[start : start + limit])
    return Raw.listed(ask.page(newest, most))


def _autocomplete(ask: Ask) -> list[dict[str, str]]:
    written, limit = folded(ask.needed("q")), given_natural(ask.params, "limit", 10)
    found = []
    for entry in ask.index.entries:
        (title,) = entry.values("title")
        if written in entry.name or written in folded(title):
            by_name = written in entry.name
            said = entry.name if by_name else f"{title} ({entry.name})"
            field = "name" if by_name else "title"
            found.append({"name": entry.name, "title": title, "match_field": field, "match_displayed": said})
    return found[:limit]


# ---- organizations and groups -----------------------------------------------------------------------------

Counted = Mapping[str, tuple[dict[str, Any], int]]


def _of_kind(ask: Ask, kind: str) -> Counted:
    return ask.index.organizations if kind == "organization" else ask.index.groups


def _group_list(kind: str) -> Callable[[Ask], list[Any]]:
    plural = f"{kind}s"

    def answer(ask: Ask) -> list[Any]:
        counted = _of_kind(ask, kind)
        if ask.params.get("type", kind) != kind:
            return []
        asked = given_list(ask.params.get(plural)) if ask.params.get(plural) else list(counted)
        rows = [whole_group(*counted[name], kind=kind) for name in dict.fromkeys(asked) if name in counted]
        rows = list(ask.page(_in_order(rows, ask.params), load().dcat.ckan.rows))
        if not given_bool(ask.params.get("all_fields")):
            return [row["name"] for row in rows]
        if not given_bool(ask.params.get("include_dataset_count", True)):
            return [{key: value for key, value in row.items() if key != "package_count"} for row in rows]
        return rows

    return answer


def _in_order(rows: list[dict[str, Any]], params: Params) -> list[dict[str, Any]]:
    written = str(params.get("sort") or params.get("order_by") or "title asc").split()
    key = {"packages": "package_count"}.get(written[0], written[0])
    if key not in ("name", "title", "package_count") or written[1:] not in ([], ["asc"], ["desc"]):
        raise invalid("sort", f"Cannot sort by field `{' '.join(written)}`")
    falls = written[1:] == ["desc"] or (written[1:] == [] and key == "package_count")
    return sorted(sorted(rows, key=lambda row: str(row["name"])), key=lambda row: row[key], reverse=falls)


def _group_show(kind: str) -> Callable[[Ask], dict[str, Any]]:
    field = "organization" if kind == "organization" else "groups"

    def answer(ask: Ask) -> dict[str, Any]:
        written, counted = ask.needed("id"), _of_kind(ask, kind)
        found = counted.get(written) or next(
            (pair for pair in counted.values() if pair[0]["id"] == written), None
        )
        if found is None:
            raise not_found()
        row = whole_group(*found, kind=kind)
        if given_bool(ask.params.get("include_datasets")):
            mine = [entry for entry in ask.index.entries if row["name"] in entry.values(field)]
            row["packages"] = [entry.package for entry in mine[: 10 if kind == "organization" else 1000]]
        return row

    return answer


# ---- tags -------------------------------------------------------------------------------------------------


def _tag(name: str, registry: str) -> dict[str, Any]:
    key = own_id(registry, "tag", name)
    return {"id": key, "name": name, "display_name": name, "vocabulary_id": None}


def _tag_list(ask: Ask) -> list[Any]:
    if ask.params.get("vocabulary_id"):
        raise not_found(f'could not find vocabulary "{ask.params["vocabulary_id"]}"')
    written = folded(str(ask.params.get("query") or ask.params.get("q") or "")).strip()
    index = ask.index
    found = [name for name in index.tags if written in folded(name)]
    if not given_bool(ask.params.get("all_fields")):
        return found
    return [_tag(name, index.registry) for name in found]


def _tag_show(ask: Ask) -> dict[str, Any]:
    written, index = ask.needed("id"), ask.index
    for name in index.tags:
        row = _tag(name, index.registry)
        if written in (name, row["id"]):
            if given_bool(ask.params.get("include_datasets")):
                mine = [entry for entry in index.entries if name in entry.values("tags")]
                row["packages"] = [entry.package for entry in mine[:1000]]
            return row
    raise not_found()


ACTIONS: dict[str, Callable[[Ask], Any]] = {
    "site_read": _site_read,
    "status_show": _status,
    "help_show": _help,
    "license_list": _licences,
    "package_list": _package_list,
    "package_show": _package_show,
    "resource_show": _resource_show,
    "package_search": _package_search,
    "current_package_list_with_resources": _current,
    "package_autocomplete": _autocomplete,
    "organization_list": _group_list("organization"),
    "organization_show": _group_show("organization"),
    "group_list": _group_list("group"),
    "group_show": _group_show("group"),
    "tag_list": _tag_list,
    "tag_show": _tag_show,
}
