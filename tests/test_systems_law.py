"""systems.yaml: what it takes from other files is known, and what is wrong with it is named."""

import json
from typing import Any

import pytest
import yaml

from catalog_specs import FOLDER, load
from catalog_specs.law_checks import check_law
from catalog_specs.law_systems import Systems

RAW = yaml.safe_load((FOLDER / "systems.yaml").read_text("utf-8"))


def problems(**changes: Any) -> list[str]:
    """What is wrong when rows of systems.yaml are changed: list -> key -> new values."""
    doc = {**RAW}
    for name, rows in changes.items():
        if isinstance(doc[name], dict):
            doc[name] = doc[name] | rows
        else:
            doc[name] = [row | rows.get(row["key"], {}) for row in doc[name]]
    systems = Systems.model_validate_json(json.dumps(doc, ensure_ascii=False))
    return check_law({**load().documents, "systems": systems})


def test_it_is_sound() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first": {"default": "asleep"}}, "first: “asleep”"),
        ({"first": {"default": "stopped"}}, "is not allowed"),
        ({"moves": {"build": {"gates": ["nowhere"]}}}, "moves build: “nowhere”"),
        ({"moves": {"build": {"permission": "sell_system"}}}, "moves build: “sell_system”"),
        ({"moves": {"stop": {"to": "asleep"}}}, "moves stop: “asleep”"),
        ({"term": {"clock": "contract_years"}}, "term: “contract_years”"),
        ({"term": {"first": "contractor"}}, "term: “contractor”"),
        ({"fields": {"contractor": {"length": 0}}}, "fields contractor: a text has a length"),
        ({"copies": {"portal": {"ledger": False}}}, "copies portal: records or the ledger"),
        ({"copies": {"backup": {"records": ["paper"]}}}, "copies backup: “paper”"),
        ({"identifying": {"physical": {"media": ["floppy"]}}}, "identifying physical: “floppy”"),
        ({"identifying": {"cloud": {"identified_by": "serial_no"}}}, "identifying cloud: “serial_no”"),
        ({"copy_states": {"in_use": {"first": False}}}, "copy_states: exactly one"),
        ({"copy_fields": {"serial_no": {"zh": "编号"}}}, "copy_fields serial_no: name or type differs"),
        ({"copy_fields": {"holder": {"ids": True}}}, "copy_fields holder: retirement.yaml has no such field"),
    ],
)
def test_a_wrong_row_is_named(changes: dict[str, Any], words: str) -> None:
    found = problems(**changes)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    ("kind", "medium", "keys"),
    [
        ("primary", "", ("serial_no", "storage_ids")),
        ("primary", "ssd", ("serial_no",)),
        ("primary", "cloud", ("storage_ids",)),
        ("contractor_copy", "", ("contract_no", "serial_no", "storage_ids")),
        ("contractor_copy", "hdd", ("contract_no", "serial_no")),
        ("cloud_disk", "hdd", ("storage_ids",)),
        ("portal", "", ()),
    ],
)
def test_what_identifies_a_copy_follows_from_kind_and_medium(
    kind: str, medium: str, keys: tuple[str, ...]
) -> None:
    assert load().systems.identified_by(kind, medium) == keys
