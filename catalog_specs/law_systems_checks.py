"""Cross-checks of systems.yaml: every stage, gate, permission, kind and medium that it takes is known."""

from catalog_specs.law_release import WipeField
from catalog_specs.law_release_checks import Law, Problems, keys_of, unknown
from catalog_specs.law_systems import CopyField

PLACE = "systems.yaml"
# what the program asks for by name
FIELDS = (
    *("contractor", "contract_no", "contract_from", "contract_until"),
    *("protection_level", "protection_no", "crypto_no", "crypto_on"),
)
COLUMNS = ("kind", "name", "holder", "medium", "serial_no", "data_grade", "target", "grant", "note")
SAYINGS = ("lower", "ungraded", "unidentified", "referred", "untargeted", "misplaced")
TYPES = {"text": "text", "list": "texts", "date": "day"}


def check_systems(law: Law) -> Problems:
    """Every problem of systems.yaml."""
    yield from _lives(law)
    yield from _fields(law)
    yield from _copies(law)
    yield from _columns(law)


def _lives(law: Law) -> Problems:
    doc, lives = law.systems, keys_of(law.systems.lives)
    yield from unknown(f"{PLACE}: first", [*doc.first.allowed, doc.first.default], lives, "lives")
    if doc.first.default not in doc.first.allowed:
        yield f"{PLACE}: first: the default “{doc.first.default}” is not allowed; add it to `allowed`"
    for move in doc.moves:
        place = f"{PLACE}: moves {move.key}"
        yield from unknown(place, [*move.starts, move.to], lives, "lives")
        yield from unknown(place, move.gates, keys_of(law.duties.gates), "gates of duties.yaml")
        yield from unknown(place, [move.permission], law.permissions, "permissions of roles.yaml")


def _fields(law: Law) -> Problems:
    doc = law.systems
    yield from unknown(f"{PLACE}: fields", FIELDS, keys_of(doc.fields), "the rows; the program asks for it")
    yield from unknown(f"{PLACE}: fields", keys_of(doc.fields), FIELDS, "what a system has")
    days = {field.key for field in doc.fields if field.type == "day"}
    yield from unknown(f"{PLACE}: term", [doc.term.first, doc.term.last], days, "fields that are days")
    yield from unknown(f"{PLACE}: term", [doc.term.clock], law.clocks, "clocks of deadlines.yaml")
    for field in doc.fields:
        if (field.type == "code") != bool(field.codes) or (field.type == "text") != bool(field.length):
            yield f"{PLACE}: fields {field.key}: a text has a length, a code its list; give the right one"


def _copies(law: Law) -> Problems:
    doc, kinds, media = law.systems, keys_of(law.retirement.kinds), keys_of(law.retirement.media)
    records = {row.key for row in doc.identifying}
    for name in sorted(keys_of(law.retirement.copies) ^ set(doc.copy_index)):
        yield f"{PLACE}: copies: “{name}” stands here or in retirement.yaml, not in both; add or remove it"
    for row in doc.copies:
        yield from unknown(f"{PLACE}: copies {row.key}", row.records, records, "identifying")
        if row.ledger == bool(row.records):
            yield f"{PLACE}: copies {row.key}: records or the ledger answer for it; give one of them"
    for name in sorted(kinds ^ records):
        yield f"{PLACE}: identifying: “{name}” is no kind of retirement.yaml, or a kind is missing; correct it"
    for found in doc.identifying:
        place = f"{PLACE}: identifying {found.key}"
        yield from unknown(place, found.media, media, "media of retirement.yaml")
        asked = next((kind.mandatory for kind in law.retirement.kinds if kind.key == found.key), ())
        yield from unknown(place, [found.identified_by], asked, "what such a record must have")
        yield from unknown(place, [found.identified_by], _ids(law), "copy_fields with ids: true")
    firsts = [state for state in doc.copy_states if state.first]
    if len(firsts) != 1 or firsts[0].terminal:
        yield f"{PLACE}: copy_states: exactly one that is not terminal is `first`; mark one"


def _columns(law: Law) -> Problems:
    doc, fields = law.systems, {field.key: field for field in law.retirement.fields}
    known = keys_of(doc.copy_fields)
    yield from unknown(f"{PLACE}: copy_fields", COLUMNS, known, "the rows; the program asks for it")
    yield from unknown(f"{PLACE}: copy_fields", known - _ids(law), COLUMNS, "what a copy has")
    yield from unknown(
        f"{PLACE}: copy_says", SAYINGS, keys_of(doc.copy_says), "the rows; the program says it"
    )
    for row in doc.copy_fields:
        if row.ids:
            yield from _id_field(row, fields.get(row.key))


def _id_field(row: CopyField, field: WipeField | None) -> Problems:
    place = f"{PLACE}: copy_fields {row.key}"
    if field is None:
        yield f"{place}: retirement.yaml has no such field; correct the key"
    elif (field.zh, TYPES.get(field.type)) != (row.zh, row.type):
        yield f"{place}: name or type differs from retirement.yaml ({field.zh}, {field.type}); make them equal"


def _ids(law: Law) -> set[str]:
    return {row.key for row in law.systems.copy_fields if row.ids}
