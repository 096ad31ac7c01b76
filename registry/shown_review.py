"""Review as the API and the commands show it: opinions and their standing, remarks, records, distributions, options."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import Specs, load
from catalog_specs.law_lifecycle import Move
from registry.differences import compare
from registry.errors import Gone
from registry.evidence import gather
from registry.lifecycle import options
from registry.lookup import Row, get_version
from registry.models import Distribution, Opinion, Record, Remark
from registry.permits import Actor
from registry.recording import records_of
from registry.remarks import remarks_of
from registry.stores import Store
from registry.subjects import Subject, distributions_of, lifecycle_of, load_subjects
from validators.transitions import Unmet


def opinions_json(session: Session, row: Row) -> list[dict[str, Any]]:
    """Every move made of an entry, the newest first; ``valid`` tells of a signature whether it still holds.

    Empty for one who sees the announced catalogue only.
    """
    if not row.full:
        return []
    life = lifecycle_of(load(row.version.profile))
    loaded = load_subjects(session, [Subject(row.entry.id)], life.index["approve"])
    proven = gather(session, loaded)[0]
    last = {(o.move, o.role): o.id for o in proven.opinions if o.distribution_id is None}
    standing = {last[key] for key in proven.signed if key in last}
    return [
        _opinion(opinion, life.index[opinion.move], opinion.id in standing)
        for opinion in reversed(proven.opinions)
    ]


def _opinion(opinion: Opinion, move: Move, stands: bool) -> dict[str, Any]:
    signature = move.never_by_author and opinion.distribution_id is None and move.to != "returned"
    names = ("id", "number", "distribution_id", "move", "role", "login", "delegation_id", "operator", "note")
    more = ("state_before", "state_after", "bound_class", "bound_digest", "data", "sheet_id")
    shown = {name: getattr(opinion, name) for name in (*names, *more)}
    return shown | {"zh": move.zh, "at": opinion.at.isoformat(), "valid": stands if signature else None}


def remarks_json(session: Session, row: Row) -> list[dict[str, Any]]:
    """Every reason of a return, the newest first; empty for one who sees the announced catalogue only."""
    return [_remark(remark) for remark in remarks_of(session, row.entry.id)] if row.full else []


def _remark(remark: Remark) -> dict[str, Any]:
    names = ("id", "opinion_id", "number", "field", "item", "phrase", "text", "why_late")
    return {name: getattr(remark, name) for name in names} | {"at": remark.at.isoformat()}


def records_json(session: Session, row: Row) -> list[dict[str, Any]]:
    """The evidence kept of an entry, its system and its distributions, the newest first; empty as above."""
    return [record_json(record) for record in records_of(session, row.entry)] if row.full else []


def record_json(record: Record) -> dict[str, Any]:
    """One record; ``zh`` is the name of its kind."""
    names = ("id", "kind", "entry_id", "system_id", "distribution_id", "number", "sha256", "file_name")
    shown = {name: getattr(record, name) for name in (*names, "bound_class", "bound_digest", "recorded_by")}
    kind = lifecycle_of(load()).record_index.get(record.kind)
    moments = {"day": record.day.isoformat() if record.day else None, "at": record.at.isoformat()}
    return shown | {"zh": kind.zh if kind else record.kind} | moments


def distributions_json(session: Session, row: Row) -> list[dict[str, Any]]:
    """The distributions of an entry; who sees the catalogue only is told of what is on the shelf."""
    made = distributions_of(session, [row.entry.id])
    return [distribution_json(one, row) for one in made if row.full or one.state == "shelved"]


def distribution_json(made: Distribution, row: Row) -> dict[str, Any]:
    """One distribution. Where it lies and what its bytes are is told to those only who see the entry whole."""
    names = ("id", "entry_id", "name", "form", "patterns", "items", "opened", "state")
    shown = {name: getattr(made, name) for name in names} | {"code": row.entry.code}
    if not row.full:
        return shown
    more = ("location", "file_name", "sha256", "awaits", "created_by", "lock")
    shown |= {name: getattr(made, name) for name in more}
    moments = ("awaits_since", "created_at", "shelved_at", "ended_at")
    return shown | {name: _moment(getattr(made, name)) for name in moments}


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def options_json(
    session: Session, row: Row, *, actor: Actor, now: datetime, files: Store
) -> list[dict[str, Any]]:
    """The moves that ``actor`` may make now, what each takes, and what is still missing."""
    specs = load(row.version.profile)
    index = lifecycle_of(specs).index
    found = options(session, row.entry.id, actor=actor, specs=specs, now=now, files=files)
    return [
        {
            "move": option.move,
            "zh": option.zh,
            "role": option.role,
            "distribution_id": option.distribution_id,
            "takes": list(index[option.move].takes),
            "missing": [unmet_json(unmet) for unmet in option.missing],
        }
        for option in found
    ]


def unmet_json(unmet: Unmet) -> dict[str, Any]:
    """A guard that is not met, by the names that problems use."""
    said = f"{unmet.text}：{'；'.join(unmet.details)}" if unmet.details else unmet.text
    return {
        "code": unmet.guard,
        "gate": unmet.gate,
        "message": said,
        "fix": unmet.fix,
        "source": unmet.source,
        "details": list(unmet.details),
    }


def diff_json(session: Session, row: Row, first: int, second: int) -> dict[str, Any]:
    """What changed between two versions of an entry that are seen."""
    before, after = get_version(session, row, first), get_version(session, row, second)
    erased = [version.number for version in (before, after) if version.erased_at is not None]
    if erased:
        raise Gone(f"第 {erased[0]} 版的内容已按规定擦除，不能比较")
    changes = compare(before.content, after.content, load(after.profile))
    return {"from": first, "to": second, "changes": [change._asdict() for change in changes]}


# ---- the law of review ------------------------------------------------------------------------------------


def phrases_json(specs: Specs) -> list[dict[str, Any]]:
    """The phrase book of returns."""
    return [
        {
            "key": phrase.key,
            "zh": phrase.zh,
            "en": phrase.en,
            "fields": list(phrase.fields),
            "own_words": phrase.own_words,
            "source": specs.cited(phrase.sources),
        }
        for phrase in lifecycle_of(specs).phrases
    ]


def record_kinds_json(specs: Specs) -> list[dict[str, Any]]:
    """The kinds of evidence: of what, what each must have, which guards it proves."""
    return [
        {
            "key": kind.key,
            "zh": kind.zh,
            "en": kind.en,
            "permission": kind.permission,
            "of": list(kind.of),
            "asks": kind.asks,
            "proves": list(kind.proves),
            "source": specs.cited(kind.sources),
        }
        for kind in lifecycle_of(specs).records
    ]


def moves_json(specs: Specs) -> list[dict[str, Any]]:
    """The moves of the two lives: who, from where to where, what each takes and asks for."""
    return [
        {
            "key": move.key,
            "zh": move.zh,
            "en": move.en,
            "subject": move.subject,
            "from": list(move.starts),
            "to": move.to,
            "by": list(move.by),
            "takes": list(move.takes),
            "guards": list(move.guards),
            "source": specs.cited(move.sources),
        }
        for move in lifecycle_of(specs).moves
    ]
