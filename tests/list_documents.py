"""Lists as documents, for the tests of exported files: sealed ones of both profiles, and live ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog_specs import load
from catalog_specs.law_release import ListKind, Responsibility
from registry.audit import body_of, content_digest
from registry.heads import PROOF
from registry.keys import canonical_json, digest_of
from registry.list_document import (
    ListColumn,
    ListDocument,
    ListRow,
    ListTable,
    document_digest,
    erased_row,
    erasure_digest,
)
from registry.marks import make_mark
from registry.signing import Head, key_id_of, own_key, sign
from validators.merkle import digest, inclusion_proofs, leaf_hash

AT = "2026-11-22T02:00:00.000000+00:00"
PROFILES = {"zunyi_2020": ("share", "open"), "liupanshui_2025": ("combined",)}
AGENCY, CODE = "遵义市人力资源和社会保障局", "11520300009450000X"
HEAD = {
    "agency_name": AGENCY,
    "agency_code": CODE,
    "edition": "2026年第1期",
    "basis": "《遵义市政务数据资源管理办法》第二十三条、第二十四条",
    "sealed_on": "2026-11-22",
    "sealed_by": "李强",
}
# what a column of a line shows; others show a text made of their key and the line's number
CELLS = {
    "items": "姓名、身份证号码、参保状态",
    "update_cycle": "每日",
    "share_pattern": "查询、核验",
    "open_pattern": "接口调用",
    "provide_form": "服务接口",
    "provider": AGENCY,
    "phone": "0851-28250000",
    "share_type": "有条件共享",
    "open_type": "有条件开放",
    "promised_on": "2026-12-01",
    "shelved_on": "",
    "days_owed": "007",
    "status": "已通告",
}


def sealed_document(
    profile: str = "zunyi_2020",
    *,
    rows: int = 3,
    texts: Sequence[str] = (),
    head: Mapping[str, str] = HEAD,
    proven: bool = True,
) -> ListDocument:
    """An edition as it is sealed: with digest, mark and proof. ``texts`` go into the items of its lines, in order."""
    tables = tuple(_filled(table, rows, texts) for table in tables_of(profile))
    title = f"{head['agency_name']}{'、'.join(table.zh for table in tables)}"
    return seal(ListDocument(title=title, head=dict(head), lists=tables), proven=proven)


def seal(document: ListDocument, *, proven: bool = True) -> ListDocument:
    """A document under its own digest, marked with this machine's key."""
    bound = document_digest(document)
    proof = proof_of(bound) if proven else None
    return replace(document, digest=bound, mark=make_mark(bound, at=AT), proof=proof)


def live_document(profile: str = "zunyi_2020", *, rows: int = 3) -> ListDocument:
    """A list as it stands: nothing sealed, and lines that can be read once."""
    tables = tuple(replace(table, rows=_rows(table, rows)) for table in tables_of(profile))
    head = {key: HEAD[key] for key in ("agency_name", "agency_code", "basis")}
    return ListDocument(title=f"{AGENCY}责任清单", head=head, lists=tables, as_of="2026-11-22")


def tables_of(profile: str) -> tuple[ListTable, ...]:
    """The lists of a city's measure as responsibility.yaml has them, without lines."""
    kinds = load(profile).document("responsibility", Responsibility)
    by_key = {kind.key: kind for kind in kinds.lists}
    zh = {column.key: column.zh for column in kinds.columns}
    return tuple(_table(by_key[key], zh) for key in PROFILES[profile])


def _table(kind: ListKind, zh: Mapping[str, str]) -> ListTable:
    article = tuple(ListColumn(column.column, column.zh, "article") for column in kind.article)
    annex = tuple(ListColumn(key, zh[key], "annex") for key in kind.annex)
    return ListTable(kind.key, kind.zh, kind.platform, article + annex, ())


def _filled(table: ListTable, count: int, texts: Sequence[str]) -> ListTable:
    rows = [row_of(table, n) for n in range(1, count + 1)]
    at = [column.key for column in table.columns].index("items")
    for n, text in enumerate(texts):
        cells = (*rows[n].cells[:at], text, *rows[n].cells[at + 1 :])
        rows[n] = rows[n]._replace(cells=cells)
    return replace(table, rows=tuple(rows))


def _rows(table: ListTable, count: int) -> Iterator[ListRow]:
    return (row_of(table, n) for n in range(1, count + 1))


def row_of(table: ListTable, number: int) -> ListRow:
    """A line as an announced entry gives it; two of different numbers differ."""
    own = {
        "list_no": f"2026-{CODE}-{number:04}",
        "info_name": f"参保人员信息{number}",
        "resource_code": f"3060030000{number:04}/000001",
        "version": str(number),
        "portal": table.platform,
    }
    cells = tuple(own.get(c.key, CELLS.get(c.key, f"{c.zh}{number}")) for c in table.columns)
    return ListRow(f"e01jd2k9x3m7w5p0{number:05}", number, digest_of({"entry": number}), cells)


def erased(document: ListDocument, lines: int, *, vouched: bool = True) -> ListDocument:
    """The same with its first lines erased, as a spill leaves it; ``vouched``: our key says that they were."""
    table = document.lists[0]
    rows = tuple(erased_row(table.key, row) if n < lines else row for n, row in enumerate(table.rows))
    gone = [row.cells[0] for row in rows[:lines]]
    mark = make_mark(erasure_digest(document.digest, gone), at=AT)
    lists = (replace(table, rows=rows), *document.lists[1:])
    return replace(document, lists=lists, erasure={"lines": sorted(gone), "mark": mark} if vouched else None)


def proof_of(bound: str, *, others: int = 4, named: str = "") -> dict[str, Any]:
    """The proof that the sealing of an edition stands on a record of some more events (made without a database)."""
    hashed, seq = digest("sha256"), others
    content, salt = canonical_json({"digest": named or bound}), b"\x07" * 16
    bodies = [_body(n, "") for n in range(1, others + 2)]
    bodies[seq - 1] = _body(seq, content_digest(content, salt))
    leaves = [leaf_hash(body.encode(), hashed) for body in bodies]
    proofs = inclusion_proofs(leaves, len(leaves), [seq - 1], hashed)
    root, key = proofs.root.hex(), own_key()
    head = sign(Head(1, "origin", "sha256", len(leaves), root, AT, key_id_of(key)), key)
    path = [node.hex() for node in proofs.paths[seq - 1]]
    event = {
        "index": seq - 1,
        "body": bodies[seq - 1],
        "path": path,
        "content": content,
        "salt": salt.hex(),
    }
    signed = {name: getattr(head, name) for name in head.__slots__}
    return {"format": PROOF, "subject": "x01jd2k9", "head": signed, "events": [event], "later": 0}


def _body(seq: int, bound: str) -> str:
    return body_of(seq, AT, "seal_edition", "x01jd2k9", bound, actor="李强", operator="")
