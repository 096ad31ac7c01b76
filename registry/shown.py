"""Entries and versions as the API and the commands show them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from catalog_specs import load
from registry.kept import restored_finding, restored_need
from registry.lookup import Row
from registry.models import Version
from registry.plain_json import plain_json
from registry.whereabouts import standing_at
from validators.findings import word, word_need


def entry_json(row: Row) -> dict[str, Any]:
    """One entry of a list as JSON."""
    entry, version, agency, _full = row
    return {
        "key": entry.id,
        "code": entry.code,
        "code_status": entry.code_status,
        "state": entry.state,
        "provider_code": agency.code,
        "provider_name": agency.name,
        "resource_name": version.name,
        "share_type": version.share_type,
        "open_type": version.open_type,
        "data_grade": version.data_grade,
        "version": version.number,
        "in_force": entry.in_force,
        "archived_at": entry.frozen_at.isoformat() if entry.frozen_at else None,
        "errors": version.errors,
        "warnings": version.warnings,
    }


def brief_json(row: Row) -> dict[str, Any]:
    """``entry_json`` with what is next for the entry, and the lock that guards against lost updates."""
    version = row.version
    waits = (version.awaits, version.awaits_role) if row.full else (None, None)
    return entry_json(row) | {"lock": row.entry.lock, "awaits": waits[0], "awaits_role": waits[1]}


def version_json(version: Version) -> dict[str, Any]:
    """One version of a list as JSON."""
    names = ("number", "state", "digest", "created_by", "submitted_by", "change_class", "awaits")
    shown = {name: getattr(version, name) for name in (*names, "awaits_role", "risk", "errors", "warnings")}
    moments = ("created_at", "submitted_at", "announced_at", "ended_at", "erased_at")
    return shown | {
        name: moment.isoformat() if (moment := getattr(version, name)) else None for name in moments
    }


def stored_findings(version: Version, lang: str) -> list[dict[str, Any]]:
    """The findings kept beside a version, worded."""
    specs = load(version.profile)
    found = [word(restored_finding(row), specs, lang) for row in version.findings]
    return [{**w._asdict(), "level": str(w.level)} for w in found]


def shown_json(row: Row, version: Version, versions: Sequence[Version], lang: str) -> dict[str, Any]:
    """One entry with one of its versions as JSON."""
    specs = load(version.profile)
    needs = [restored_need(need) for need in version.needs]
    return brief_json(row) | {
        "version": version.number,
        "version_state": version.state,
        "digest": version.digest,
        "profile": version.profile,
        "spec": version.spec,
        "created_at": version.created_at.isoformat(),
        "created_by": version.created_by,
        "content": version.content,
        "erased_at": version.erased_at.isoformat() if version.erased_at else None,
        "findings": stored_findings(version, lang),
        "needs": [{"need": n.need, "reason": word_need(n, specs, lang)[1]} for n in needs],
        "versions": [{"number": v.number, "state": v.state, "digest": v.digest} for v in versions],
    }


def portals_json(session: Session, row: Row) -> list[dict[str, Any]]:
    """What is known of an entry at each portal, as JSON, for those who see it whole; others see nothing of it.

    It stands beside the entry and is no part of it: it changes while the entry and its ETag stay as they are.
    """
    if not row.full:
        return []
    return [plain_json(one) for one in standing_at(session, [row.entry.id]).get(row.entry.id, [])]
