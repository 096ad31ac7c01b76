"""The specification as lists: rules and fields with their articles, for commands, API and documents."""

from typing import Any

from catalog_specs import Specs
from catalog_specs.model import FieldSpec


def rules_json(specs: Specs, lang: str = "zh") -> list[dict[str, Any]]:
    """Every rule: id, level, title, message, fix, sources (keys) and source (worded), and who decides it."""
    rows = []
    for rule in specs.book.rules:
        moves = "、".join(rule.decided_by)
        decided = [specs.say("decided_by_checker", lang)] if rule.checks else []
        decided += [specs.say("decided_later", lang, moves=moves)] if moves else []
        rows.append(
            {
                "id": rule.id,
                "level": str(rule.level),
                "title": rule.title.get(lang),
                "message": rule.message.get(lang),
                "fix": rule.fix.get(lang),
                "sources": list(rule.sources),
                "source": specs.cited(rule.sources, lang),
                "checkers": [check.checker for check in rule.checks],
                "decided_by": list(rule.decided_by),
                "decided": "；".join(decided),
                "unverified": rule.unverified,
                "design": rule.design,
            }
        )
    return rows


def fields_json(specs: Specs, lang: str = "zh") -> list[dict[str, Any]]:
    """Every field of the entry and of its items (``items.KEY``), with type, code list, obligation and sources."""
    rows = [_field(spec, "", specs, lang) for spec in specs.entry.fields]
    return rows + [_field(spec, "items.", specs, lang) for spec in specs.entry.items]


def _field(spec: FieldSpec, prefix: str, specs: Specs, lang: str) -> dict[str, Any]:
    return {
        "key": f"{prefix}{spec.key}",
        "name": spec.en if lang == "en" else spec.zh,
        "group": spec.group,
        "type": str(spec.type),
        "codes": spec.codes or None,
        "values": [{"code": v.code, "name": v.zh} for v in specs.codes[spec.codes].values] if spec.codes else None,
        "max_length": spec.max_len or None,
        "obligation": spec.obligation,
        "change_class": spec.change_class,
        "aliases": list(spec.aliases),
        "help": spec.help,
        "example": spec.example,
        "internal": spec.internal,
        "sources": list(spec.sources),
        "source": specs.cited(spec.sources, lang),
        "unverified": spec.unverified,
        "design": spec.design,
    }
