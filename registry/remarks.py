"""Reasons of a return: by field, from the phrase book, all at once; afterwards only what changed draws new ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from catalog_specs import Specs
from registry.differences import compare
from registry.effects import Act
from registry.errors import Rejected
from registry.keys import new_key
from registry.models import Opinion, Remark, Version
from registry.subjects import Loaded, lifecycle_of
from validators.findings import field_label
from validators.offers import listed_items

TEXT_LENGTH = 500  # as the column is wide
_PARTS = ("field", "item", "phrase", "text", "why_late")
Reason = Mapping[str, Any]


def reasons_of(act: Act) -> list[Reason]:
    """The reasons that an act was given."""
    given = act.data.get("reasons")
    return list(given) if isinstance(given, list | tuple) else []


def check_reasons(one: Loaded, act: Act) -> None:
    """Refuse reasons that are malformed.

    Raises:
        Rejected: not a list of objects, an unknown part, field or phrase, or no words; all are named.
    """
    given = act.data.get("reasons")
    if given is None:
        return
    if not isinstance(given, list | tuple) or not all(isinstance(row, Mapping) for row in given):
        raise Rejected("reasons 须为清单，每条写 field、phrase 或 text", errors=[_error("", "须为清单")])
    errors = [
        _error(f"/{n}/{part}", message)
        for n, row in enumerate(given)
        for part, message in _faults(row, one.version.content, one.specs)
    ]
    if errors:
        raise Rejected("；".join(f"{e['pointer']}：{e['message']}" for e in errors), errors=errors)


def _error(pointer: str, message: str) -> dict[str, str]:
    return {"pointer": f"/data/reasons{pointer}", "code": "reason", "message": message}


def _faults(row: Reason, content: Mapping[str, Any], specs: Specs) -> list[tuple[str, str]]:
    found = [(str(key), "没有这一项") for key in row if key not in _PARTS]
    found += [
        (key, "须为文本") for key in _PARTS if row.get(key) is not None and not isinstance(row[key], str)
    ]
    if found:
        return found
    field, phrase, item = (_text(row, key) for key in ("field", "phrase", "item"))
    known = {"items"} | set(specs.fields) | {f"items.{key}" for key in specs.items}
    if field and field not in known:
        found.append(("field", f"没有“{field}”这个字段"))
    if item and item not in listed_items(content):
        found.append(("item", f"目录中没有信息项“{item}”"))
    return [*found, *_wording_faults(field, phrase, row, specs)]


def _wording_faults(field: str, phrase: str, row: Reason, specs: Specs) -> list[tuple[str, str]]:
    phrases = lifecycle_of(specs).phrase_index
    of, found = phrases.get(phrase), list[tuple[str, str]]()
    if phrase and of is None:
        found.append(("phrase", f"常用语中没有“{phrase}”；可用：{'、'.join(phrases)}"))
    if of is not None and "{field}" in of.zh and not field:
        found.append(("field", f"“{phrase}”说的是字段，须写明哪个字段"))
    if of is not None and of.fields and field and field not in of.fields:
        found.append(("phrase", f"“{phrase}”不用于这个字段；用于 {'、'.join(of.fields)}"))
    if not _text(row, "text") and (not phrase or (of is not None and of.own_words)):
        found.append(("text", "没有写明理由"))
    if len(worded(row, specs)) > TEXT_LENGTH or len(_text(row, "why_late")) > TEXT_LENGTH:
        found.append(("text", f"至多 {TEXT_LENGTH} 个字；分成几条写"))
    return found


def _text(row: Reason, key: str) -> str:
    return str(row.get(key) or "").strip()


def worded(row: Reason, specs: Specs) -> str:
    """A reason as the steward reads it: the phrase said of the field, then the reviewer's own words."""
    phrase = lifecycle_of(specs).phrase_index.get(_text(row, "phrase"))
    label = field_label(_text(row, "field"), specs)
    said = phrase.zh.format(field=label) if phrase and not phrase.own_words else ""
    own = _text(row, "text")
    return f"{said}：{own}" if said and own else said or own


def late_remarks(session: Session, one: Loaded, act: Act) -> tuple[str, ...]:
    """New remarks on what has not changed since the last return, without a word why they come only now."""
    reasons = reasons_of(act)
    last = _last_return(session, one, act.held.role) if reasons else None
    if last is None:
        return ()
    old = session.get(Version, (one.entry.id, last.number))
    if old is None or old.erased_at is not None:
        return ()
    changed = {(c.field, c.item) for c in compare(old.content, one.version.content, one.specs)}
    known = {(r.field, r.item) for r in _remarks(session, last)}
    late = [row for row in reasons if not _text(row, "why_late") and _is_late(row, changed, known)]
    said = "上次退回后没有改动，当时也没有提出；须写明为什么现在才提（why_late）"
    return tuple(f"{field_label(str(row.get('field')), one.specs)}{said}" for row in late)


def _is_late(row: Reason, changed: set[tuple[str, str]], known: set[tuple[str, str]]) -> bool:
    field, item = _text(row, "field"), _text(row, "item")
    if not field or any(f == field and (not item or not i or i == item) for f, i in known):
        return False
    touched = {f for f, i in changed if not item or i == item}
    # an item that is new is new in all its fields; the items as a whole are touched by any of them
    new_item = field.startswith("items.") and "items" in touched
    any_item = field == "items" and any(f.startswith("items") for f in touched)
    return not (field in touched or new_item or any_item)


def _last_return(session: Session, one: Loaded, role: str) -> Opinion | None:
    """The last return by the same role: who has not looked yet cannot come late."""
    editable = [s.key for s in lifecycle_of(one.specs).versions if s.editable]
    query = select(Opinion).where(
        col(Opinion.entry_id) == one.entry.id,
        col(Opinion.distribution_id).is_(None),
        col(Opinion.state_after).in_(editable),
        col(Opinion.role) == role,
        col(Opinion.number) > (one.entry.in_force or 0),
    )
    return session.execute(query.order_by(col(Opinion.at).desc(), col(Opinion.id).desc()).limit(1)).scalar()


def _remarks(session: Session, opinion: Opinion) -> Sequence[Remark]:
    return session.execute(select(Remark).where(col(Remark.opinion_id) == opinion.id)).scalars().all()


def save_remarks(session: Session, one: Loaded, act: Act, opinion: Opinion) -> None:
    """Keep the reasons of a return, field by field; its opinion is written already."""
    for row in reasons_of(act):
        session.add(
            Remark(
                id=new_key("k"),
                opinion_id=opinion.id,
                entry_id=one.entry.id,
                number=one.version.number,
                field=_text(row, "field"),
                item=_text(row, "item"),
                phrase=_text(row, "phrase"),
                text=worded(row, one.specs),
                why_late=_text(row, "why_late"),
                at=act.now,
            )
        )


def remarks_of(session: Session, entry_id: str) -> list[Remark]:
    """All remarks on an entry, the newest first."""
    query = select(Remark).where(col(Remark.entry_id) == entry_id)
    return list(session.execute(query.order_by(col(Remark.at).desc(), col(Remark.id))).scalars())
