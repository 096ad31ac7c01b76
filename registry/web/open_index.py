"""What is shown openly, ready to be searched: kept by each process, and brought up to date before it answers.

Nothing here outlives a deed: each request compares the mark of the register with that of what is kept, and what a deed
may have touched is judged anew before the answer. What cannot be judged is not shown.
"""

import json
import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from catalog_specs import load
from registry.audit import TREE_ROW
from registry.errors import NotFound
from registry.open_catalogue import NOTHING, SCOPE, Mark, Shown, candidates, mark, shown, touched
from registry.web.ckan_form import ckan_package
from registry.web.ckan_query import folded
from sync.mapping import Shape, dataset_id, dataset_name, desired
from sync.portal import Desired

log = logging.getLogger(__name__)
# stands for the address by which the answer is asked for; no scheme of anybody's
BASE = "mulu-base://here"
_PIECE, _FEW = 500, 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset in the index: ``body`` is it as JSON (addresses begin with ``BASE``), ``text`` what is searched."""

    key: str
    id: str
    name: str
    body: bytes
    text: str
    fields: Mapping[str, tuple[str, ...]]
    until: date | None
    withheld: bool

    def values(self, field: str) -> tuple[str, ...]:
        """The values of a field."""
        return self.fields.get(field, ())

    @property
    def package(self) -> dict[str, Any]:
        """The dataset as a value of its own."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Place(NamedTuple):
    """An entry that could be shown: the id and the name that its dataset has, whether or not it may be."""

    id: str
    name: str
    key: str


@dataclass(frozen=True)
class Index:
    """What is shown, by id. ``order`` are all entries that could be; ``judged`` those of which it is known (None: not).

    Whoever needs all of them asks for them; pages in the order of ids need no more than what stands before their end.
    """

    mark: Mark
    registry: str
    order: Sequence[Place]
    judged: Mapping[str, Entry | None]

    @property
    def complete(self) -> bool:
        """Whether all were judged."""
        return len(self.judged) == len(self.order)

    @cached_property
    def most(self) -> int:
        """How many datasets there are; as many as there may be at most while not all were judged."""
        return len(self.order) - sum(entry is None for entry in self.judged.values())

    @cached_property
    def entries(self) -> list[Entry]:
        """The datasets that are known to be shown, by id."""
        found = (self.judged.get(place.key) for place in self.order)
        return [entry for entry in found if entry is not None]

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {place.name: place for place in self.order} | {place.id: place for place in self.order}

    def find(self, written: str) -> str | None:
        """The key of the entry of a dataset, by its id or its name; whether it is shown, is to be judged."""
        place = self._places.get(written)
        return place.key if place else None

    @cached_property
    def of_resource(self) -> dict[str, Entry]:
        return {key: entry for entry in self.entries for key in entry.values("res_id")}

    @cached_property
    def organizations(self) -> dict[str, tuple[dict[str, Any], int]]:
        """By name the organizations that show something, with how many datasets they show."""
        return _counted((one, entry) for entry in self.entries for one in entry.values("_organization"))

    @cached_property
    def groups(self) -> dict[str, tuple[dict[str, Any], int]]:
        """By name the groups that hold something, with how many datasets they hold."""
        return _counted((one, entry) for entry in self.entries for one in entry.values("_group"))

    @cached_property
    def tags(self) -> dict[str, int]:
        """How many datasets bear each tag, by name."""
        found: dict[str, int] = {}
        for entry in self.entries:
            for tag in entry.values("tags"):
                found[tag] = found.get(tag, 0) + 1
        return dict(sorted(found.items()))


def _counted(pairs: Iterable[tuple[str, Entry]]) -> dict[str, tuple[dict[str, Any], int]]:
    counts: dict[str, int] = {}
    for text, _entry in pairs:
        counts[text] = counts.get(text, 0) + 1
    named = [(json.loads(text), count) for text, count in counts.items()]
    return {row["name"]: (row, count) for row, count in sorted(named, key=lambda pair: str(pair[0]["name"]))}


def shape_of(registry: str) -> Shape:
    """How the open catalogue shows entries: files stay here and are linked."""
    files, page = f"{BASE}/open/files/{{distribution}}/{{name}}", f"{BASE}/open/entries/{{code}}"
    return Shape(registry, SCOPE, upload=False, file_url=files, page_url=page)


def origin_of(session: Session) -> str:
    """The origin of this register, by which others know it."""
    row = session.execute(TREE_ROW).first()
    return str(row.origin) if row else ""


def form_of(found: Shown, registry: str) -> tuple[Desired, dict[str, Any]]:
    """What a portal is sent of an entry, and the dataset as CKAN answers it."""
    made = desired(found.offer, shape_of(registry))
    if made is None:
        raise NotFound(NOTHING)
    return made, ckan_package(made, found, load(found.offer.profile), registry)


@dataclass
class Keeper:
    """Keeps the index of one process up to date."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: Index | None = None

    def current(self, session: Session, *, now: datetime, upto: int | None = None) -> Index:
        """The index as it is right now: all of it, or as far as its first ``upto`` datasets are known."""
        kept = self.kept
        if kept is not None and kept.complete and kept.mark == mark(session, now=now):
            return kept
        with self.lock:
            # another request may have done it while this one waited; what it read is no longer the newest
            session.rollback()
            index = _grown(session, _brought_up(session, self.kept, now), upto, now)
            self.kept = index
            return index


def _brought_up(session: Session, kept: Index | None, now: datetime) -> Index:
    """The index without what may stand otherwise by now."""
    asked, registry = mark(session, now=now), origin_of(session)
    if kept is not None and (kept.mark, kept.registry) == (asked, registry):
        return kept
    order, known = _order(session, registry, kept), {}
    again = _to_judge(session, kept, asked) if kept and kept.registry == registry else None
    if kept is not None and again is not None:
        there = {place.key for place in order}
        known = {key: e for key, e in kept.judged.items() if key in there and key not in again}
    return Index(asked, registry, order, known)


def _to_judge(session: Session, kept: Index, asked: Mark) -> frozenset[str] | None:
    """The entries that may stand otherwise than they are kept; None for all."""
    again = touched(session, kept.mark.acts, asked.acts)
    if again is None or kept.mark.day == asked.day:
        return again
    # what is not shown may be by now, what is shown may have run out
    other = {
        key for key, e in kept.judged.items() if e is None or e.withheld or (e.until or asked.day) < asked.day
    }
    return again | other


def _order(session: Session, registry: str, kept: Index | None) -> list[Place]:
    known = {place.key: place for place in kept.order} if kept and kept.registry == registry else {}
    made = []
    for key, code in candidates(session):
        name = dataset_name(code, key)
        place = known.get(key)
        same = place is not None and place.name == name
        made.append(
            place if place is not None and same else Place(dataset_id(registry, SCOPE, key), name, key)
        )
    return sorted(made)


def _grown(session: Session, index: Index, upto: int | None, now: datetime) -> Index:
    """The index in which its first ``upto`` datasets are known, or all."""
    if index.complete or upto == 0:
        return index
    judged, count = dict(index.judged), 0
    size = _PIECE if upto is None else _FEW
    for start in range(0, len(index.order), size):
        keys = [place.key for place in index.order[start : start + size]]
        missing = [key for key in keys if key not in judged]
        judged |= dict.fromkeys(missing) | _judged(session, missing, index.registry, now)
        count += sum(judged[key] is not None for key in keys)
        if upto is not None and count >= upto:
            break
    return replace(index, judged=judged)


def _judged(session: Session, keys: Sequence[str], registry: str, now: datetime) -> dict[str, Entry]:
    made: dict[str, Entry] = {}
    for start in range(0, len(keys), _PIECE):
        for key, found in shown(session, keys[start : start + _PIECE], now=now).items():
            try:
                made[key] = _entry(found, registry)
            except NotFound:
                continue
            except Exception:
                # one that cannot be put into form is not shown; the others are
                log.exception("不能公开 %s", key)
        session.expunge_all()
    return made


# ---- what is searched -------------------------------------------------------------------------------------


def _entry(found: Shown, registry: str) -> Entry:
    _sent, package = form_of(found, registry)
    offer = found.offer
    body = json.dumps(package, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    fields = _fields(package)
    until, withheld = offer.until, bool(offer.withheld)
    return Entry(
        offer.entry_id, package["id"], package["name"], body, _text(package), fields, until, withheld
    )


# fields of a package that hold one text
_PLAIN = (
    *("id", "name", "title", "notes", "owner_org", "license_id", "maintainer", "author", "url", "version"),
    *("state", "type", "metadata_created", "metadata_modified"),
)
WHOLE = frozenset(
    {"id", "name", "owner_org", "license_id", "state", "type", "url", "version", "organization"}
)
WHOLE |= {"groups", "tags", "res_format", "res_id", "res_url", "dataset_type", "entity_type", "capacity"}
WHOLE |= {"private", "permission_labels"}
TEXTS = frozenset({"title", "notes", "maintainer", "author", "text", "res_name", "res_description"})
MOMENTS = frozenset({"metadata_created", "metadata_modified"})


def extra_fields() -> frozenset[str]:
    """The names under which extras can be searched: their keys, with and without the prefix that CKAN gives them."""
    keys = {row.to for row in load().ckan.extras}
    return frozenset(keys | {f"extras_{key}" for key in keys})


def _fields(package: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    resources = package["resources"]
    organization = package["organization"]
    found: dict[str, tuple[str, ...]] = {name: (str(package[name]),) for name in _PLAIN if package.get(name)}
    found |= {
        "organization": (organization["name"],),
        "groups": tuple(group["name"] for group in package["groups"]),
        "tags": tuple(tag["name"] for tag in package["tags"]),
        "dataset_type": ("dataset",),
        "entity_type": ("package",),
        "capacity": ("public",),
        "permission_labels": ("public",),
        "private": ("false",),
        "_organization": (_json(organization),),
        "_group": tuple(_json(group) for group in package["groups"]),
    }
    for field_name, key in (("format", "res_format"), ("id", "res_id"), ("url", "res_url")):
        found[key] = tuple(str(one.get(field_name) or "") for one in resources)
    found["res_name"] = tuple(str(one.get("name") or "") for one in resources)
    found["res_description"] = tuple(str(one.get("description") or "") for one in resources)
    for extra in package.get("extras", ()):
        found[extra["key"]] = found[f"extras_{extra['key']}"] = (str(extra["value"]),)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _text(package: Mapping[str, Any]) -> str:
    parts = [package.get("title"), package.get("notes"), package["name"], package["organization"]["title"]]
    parts += [tag["name"] for tag in package["tags"]] + [group["title"] for group in package["groups"]]
    parts += [extra["value"] for extra in package.get("extras", ())]
    for one in package["resources"]:
        parts += [one.get("name"), one.get("description"), one.get("format")]
    return "\n".join(folded(str(part)) for part in parts if part)
