"""Two contents compared field by field and item by item, with the change class that each difference has."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from catalog_specs import Specs
from catalog_specs.model import FieldSpec, SmallChange
from registry.export import items_of
from registry.keys import digest_of
from validators.rendering import renderer


class Change(NamedTuple):
    """One difference. ``kind`` is added, removed or changed; ``item`` the item's name or empty.

    ``change_class`` is note, ordinary or major (S1 27; domain §12 R4); texts are as a cell shows them.
    """

    kind: str
    field: str
    item: str
    label: str
    before: str
    after: str
    change_class: str


def compare(before: Mapping[str, Any], after: Mapping[str, Any], specs: Specs) -> list[Change]:
    """Every difference between two contents, in the order of the fields, items after the entry's own."""
    changes = _compare_row(before, after, specs.fields, specs, "", "")
    old = {_item_key(item, n): item for n, item in enumerate(items_of(before))}
    new = {_item_key(item, n): item for n, item in enumerate(items_of(after))}
    for key in [*old, *(k for k in new if k not in old)]:
        if key not in new:
            changes.append(Change("removed", "items", key, "信息项", key, "", "major"))
        elif key not in old:
            changes.append(Change("added", "items", key, "信息项", "", key, _added_item_class(new[key])))
        else:
            changes += _compare_row(old[key], new[key], specs.items, specs, "items.", key)
    return changes


def _item_key(item: Mapping[str, Any], number: int) -> str:
    return str(item.get("item_name") or item.get("item_code") or f"第{number + 1}项")


def _added_item_class(item: Mapping[str, Any]) -> str:
    """A new item that is harmless is an ordinary change; any other one is major (§12 R4)."""
    harmless = item.get("sensitive_flag") == "0" and item.get("pii_class") in (None, "none")
    return "ordinary" if harmless else "major"


def _compare_row(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    fields: Mapping[str, FieldSpec],
    specs: Specs,
    prefix: str,
    item: str,
) -> list[Change]:
    changes = []
    for key, spec in fields.items():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        render = renderer(spec, specs)
        shown = render(old), render(new)
        kind = "added" if old is None else "removed" if new is None else "changed"
        found = change_class(spec, *shown)
        changes.append(Change(kind, f"{prefix}{key}", item, spec.zh, *shown, found))
    return changes


def change_class(spec: FieldSpec, before: str, after: str) -> str:
    """The class of a change of one field; a few characters in a text that allows it count as the lighter one."""
    small: SmallChange | None = spec.small_change
    if (
        small is not None
        and before
        and after
        and edit_distance(before, after, small.characters) <= small.characters
    ):
        return small.change_class
    return spec.change_class


def edit_distance(before: str, after: str, limit: int) -> int:
    """How many single-character edits apart two texts are; ``limit`` + 1 as soon as it is more than that."""
    if abs(len(before) - len(after)) > limit:
        return limit + 1
    row = list(range(len(after) + 1))
    for i, old in enumerate(before, 1):
        diagonal, row[0] = row[0], i
        for j, new in enumerate(after, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (old != new))
        if min(row) > limit:
            return limit + 1
    return row[-1]


# ---- classes of change ------------------------------------------------------------------------------------

CLASSES = ("note", "ordinary", "major")


def overall_class(before: Mapping[str, Any] | None, after: Mapping[str, Any], specs: Specs) -> str:
    """The heaviest class among the changes; a first version is major, an unchanged one a note (§12 R4)."""
    if before is None:
        return CLASSES[-1]
    found = {change.change_class for change in compare(before, after, specs)}
    return max(found, key=CLASSES.index, default=CLASSES[0])


def class_digest(content: Mapping[str, Any], change_class: str, specs: Specs) -> str:
    """The digest of a content's fields of ``change_class`` and heavier: what a review of that class is bound to."""
    heavy = CLASSES[CLASSES.index(change_class) :]
    fields = {k: content[k] for k, f in specs.fields.items() if f.change_class in heavy and k in content}
    listed = [
        {k: item[k] for k, f in specs.items.items() if f.change_class in heavy and k in item}
        | {"item_name": item.get("item_name")}
        for item in items_of(content)
    ]
    return digest_of({"class": change_class, "fields": fields, "items": listed})


def narrowing(before: Mapping[str, Any], after: Mapping[str, Any], specs: Specs) -> tuple[str, ...]:
    """What a new version takes away from those who use the old one: items, looser types, a quicker cycle (S1 27)."""
    names = {_item_key(item, n) for n, item in enumerate(items_of(after))}
    found = [
        f"不再提供信息项“{key}”"
        for n, i in enumerate(items_of(before))
        if (key := _item_key(i, n)) not in names
    ]
    for key in ("share_type", "open_type"):
        old, new = str(before.get(key) or ""), str(after.get(key) or "")
        if old and new > old:  # the codes rise from unconditional to none
            found.append(f"{specs.label(key, old)}改为{specs.label(key, new)}")
    was, now = _rank(before, specs), _rank(after, specs)
    if was is not None and now is not None and now > was:
        found.append(f"更新周期由{before.get('update_cycle')}改为{after.get('update_cycle')}")
    return tuple(found)


def _rank(content: Mapping[str, Any], specs: Specs) -> int | None:
    row = specs.code_value("update_cycle", str(content.get("update_cycle") or ""))
    rank = row.attrs.get("rank") if row else None
    return rank if isinstance(rank, int) else None
