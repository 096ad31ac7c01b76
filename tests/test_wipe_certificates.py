"""Certificates of wipes: composed, handed out as JSON and PDF, shown to strangers without what is personal."""

import json
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from typer import Typer
from typer.testing import CliRunner

from catalog_specs import load
from registry import audit
from registry.cli.certificates import enter_wipes
from registry.db import Database
from registry.errors import Conflict, Gone, NotFound
from registry.heads import sign_head
from registry.keys import canonical_json, digest_of
from registry.marks import CONTEXT as LIST_CONTEXT
from registry.marks import is_genuine, make_mark
from registry.models import WipeRecord
from registry.wipe_document import CONTEXT, code_of, document_digest
from registry.wipe_issue import exported, published
from registry.wipe_pages import json_of, page_of, pdf_of, qr_text
from registry.wipe_verify import verify_document, verify_file
from registry.wipe_words import fact_rows
from tests.certifying import NUMBER, OPERATOR, certify, content, enter, issued, stage
from tests.conftest import NOW
from tests.wipe_content import cloud, make_wiping, physical, service


def shown(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    rows = [row for section in document["shown"] for row in section["rows"]]
    return {row["key"]: (row["text"], row["text_en"]) for row in rows}


# ---- the document -----------------------------------------------------------------------------------------


def test_every_field_of_a_record_has_one_place_on_the_certificate() -> None:
    spec, fields = load().wiping.certificate, [field.key for field in load().retirement.fields]
    placed = [*(key for section in spec.sections for key in section.fields), *spec.persons, *spec.elsewhere]
    assert sorted(placed) == sorted(fields)


def test_coded_values_stand_in_both_languages(sqlite_database: Database) -> None:
    told = shown(issued(sqlite_database))
    assert told["technique"] == ("净化命令（覆写）", "Sanitize overwrite")
    assert told["copies_covered"][0] == "主库（DB-02）：已清除、备份一体机第 3 卷：已清除、云盘：不存在"
    assert told["started_at"] == ("2026-11-20 09:00:00 UTC+0800", "")
    assert told["sample_ratio"] == ("12 %", "")
    assert told["kind"] == ("物理介质", "physical media")


def test_nothing_that_was_recorded_is_lost() -> None:
    told = fact_rows(content(remark="盘体贴有封条") | {"keys_destroyed": False}, "physical", load())
    rows = {row["key"]: row["text"] for section in told for row in section["rows"]}
    assert rows["remark"] == "盘体贴有封条"
    assert rows["keys_destroyed"] == "否"
    assert set(content()) - {"operator"} <= set(rows)


def test_persons_stand_with_all_their_particulars(sqlite_database: Database) -> None:
    persons = {person["role"]: person for person in issued(sqlite_database)["persons"]}
    assert list(persons) == ["operator", "verifier", "witness", "approver"]
    assert {fact["key"]: fact["text"] for fact in persons["operator"]["facts"]} == OPERATOR


def test_digest_code_and_mark_fit_the_document(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    assert document["digest"] == document_digest(document)
    assert document["code"] == code_of(document["digest"])
    assert document["mark"]["signature"]
    assert is_genuine(document["mark"], document["digest"], context=CONTEXT)
    assert not is_genuine(document["mark"], document["digest"])


def test_marks_of_list_editions_are_made_as_before() -> None:
    digest = digest_of({"a": 1})
    mark = make_mark(digest, at="2026-11-21T02:00:00+00:00")
    assert LIST_CONTEXT == "mulu list edition 1\n"
    assert is_genuine(mark, digest)
    assert not is_genuine(mark, digest, context=CONTEXT)


def test_the_address_to_verify_at_is_part_of_it(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_PUBLIC_URL", "https://data.example.cn/")
    document = issued(sqlite_database)
    assert document["verify_url"] == "https://data.example.cn/certificates/WIPE-520300-2026-00001"
    assert qr_text(document) == f"{document['verify_url']}?code={document['code']}#{document['digest']}"


def test_without_an_address_the_code_to_scan_says_number_code_and_digest(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    assert qr_text(document) == f"mulu:wipe:{NUMBER.format(1)}:{document['code']}:{document['digest']}"


# ---- files ------------------------------------------------------------------------------------------------


def test_the_same_certificate_gives_the_same_bytes(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    again = json.loads(canonical_json(document))
    assert pdf_of(document) == pdf_of(again)


def test_the_pdf_carries_the_certificate_and_shows_it(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    reader = PdfReader(BytesIO(pdf_of(document)))
    assert json.loads(reader.attachments["certificate.json"][0]) == document
    text = "".join("".join(page.extract_text().split()) for page in reader.pages)
    for wanted in (
        "数据清除证明",
        "CertificateofDataSanitization",
        NUMBER.format(1),
        document["code"],
        "ZC20ABCD",
    ):
        assert wanted in text


def test_the_pages_borrow_no_font(sqlite_database: Database) -> None:
    document = issued(sqlite_database, model="ST2000𪚥")
    reader = PdfReader(BytesIO(pdf_of(document)))
    text = "".join("".join(page.extract_text().split()) for page in reader.pages)
    assert "ST2000〔U+2A6A5〕" in text
    assert page_of(document)["rare"] == "下列字符不在随附字体之内，写作〔U+码位〕：𪚥"


def test_the_json_file_is_for_people_to_read(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    text = json_of(document).decode()
    assert json.loads(text) == document
    assert '\n  "certificate_no": "WIPE-520300-2026-00001",\n' in text


# ---- handed out -------------------------------------------------------------------------------------------


def test_it_is_found_by_number_and_by_the_record(database: Database) -> None:
    document = issued(database)
    with database.read() as session:
        assert exported(session, NUMBER.format(1), actor=None) == document
        assert exported(session, "wr1", actor=None) == document


def test_a_record_without_certificate_or_head_is_told_so(sqlite_database: Database) -> None:
    with sqlite_database.write() as session:
        enter(session, stage(session))
    with sqlite_database.read() as session, pytest.raises(NotFound, match="还没有证明"):
        exported(session, "wr1", actor=None)
    with sqlite_database.write() as session:
        certify(session, session.get_one(WipeRecord, "wr1"))
    with sqlite_database.read() as session, pytest.raises(NotFound, match="mulu audit head"):
        exported(session, "wr1", actor=None)


def test_an_erased_record_is_told_as_such(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    with sqlite_database.write() as session:
        session.get_one(WipeRecord, "wr1").erased_at = NOW + timedelta(days=1)
    with (
        sqlite_database.read() as session,
        pytest.raises(Gone, match=r"已于 2026-11-22 依法删除，只存摘要") as told,
    ):
        exported(session, "wr1", actor=None)
    assert document["record"]["digest"] in told.value.message


def test_the_proof_is_against_the_head_that_an_auditor_holds(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    with sqlite_database.write() as session:
        audit.record(session, [audit.Act("x", "y", {})], actor="head", now=NOW)
        sign_head(session, now=NOW)
    with sqlite_database.read() as session:
        later = exported(session, "wr1", actor=None)
        assert (later["proof"]["head"]["size"], later["digest"]) == (2, document["digest"])
        assert exported(session, "wr1", actor=None, head=1) == document
        with pytest.raises(NotFound, match="没有第 9 号树头"):
            exported(session, "wr1", actor=None, head=9)


def test_strangers_need_number_and_code(database: Database) -> None:
    document = issued(database)
    with database.read() as session:
        assert published(session, NUMBER.format(1), document["code"].lower()) is not None
        assert published(session, NUMBER.format(1), "0000-0000-0000-0000-0000") is None
        assert published(session, NUMBER.format(1), "") is None
        assert published(session, NUMBER.format(2), document["code"]) is None
        assert published(session, "\0", document["code"]) is None


def test_what_erasing_left_of_a_certificate_breaks_no_page(sqlite_database: Database) -> None:
    document = issued(sqlite_database)
    with sqlite_database.write() as session:
        session.get_one(WipeRecord, "wr1").certificate = "［已擦除］"
    with sqlite_database.read() as session:
        assert published(session, NUMBER.format(1), document["code"]) is None
        with pytest.raises(Conflict, match="已损坏"):
            exported(session, "wr1", actor=None)


# ---- the command ------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    app = Typer()
    app.callback()(lambda: None)
    enter_wipes(app)
    found = CliRunner().invoke(app, list(arguments))
    return found.exit_code, found.output


def test_the_command_signs_a_head_and_writes_what_verifies(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite_database.write() as session:
        certify(session, enter(session, stage(session)))
    for name in ("c.json", "c.pdf"):
        code, said = run("certificate", NUMBER.format(1), str(tmp_path / name))
        assert (code, "已写出" in said) == (0, True)
        assert run("verify", str(tmp_path / name))[0] == 0


def test_the_command_refuses_other_endings_and_unknown_numbers(
    sqlite_database: Database, tmp_path: Path
) -> None:
    with sqlite_database.write() as session:
        certify(session, enter(session, stage(session)))
        sign_head(session, now=NOW)
    assert run("certificate", NUMBER.format(1), str(tmp_path / "c.docx"))[0] == 2
    code, said = run("certificate", NUMBER.format(7), str(tmp_path / "c.json"))
    assert (code, "没有清除记录或证明" in said) == (1, True)


# ---- of records that four people made ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "content", "copy"),
    [
        ("physical", physical(), ("primary", "主库一")),
        ("cloud", cloud(), ("cloud_disk", "云盘一")),
        ("service", service(), ("contractor_copy", "承建单位副本")),
    ],
)
def test_every_kind_of_record_gets_a_certificate_that_verifies(
    sqlite_database: Database, tmp_path: Path, kind: str, content: dict[str, Any], copy: tuple[str, str]
) -> None:
    wiping = make_wiping(sqlite_database, tmp_path)
    wiping.copy(*copy)
    wiping.open(contract_no="HT-2024-09")
    wiping.enlist(copy[1])
    number = wiping.certify(wiping.record(content, kind=kind)[0])
    with sqlite_database.write() as session:
        sign_head(session, now=wiping.now)
    with sqlite_database.read() as session:
        document = exported(session, number, actor=None)
    (tmp_path / "c.pdf").write_bytes(pdf_of(document))
    assert verify_document(document).problems == ()
    assert verify_file(tmp_path / "c.pdf").genuine
    told = shown(document)
    assert told["copies_covered"] == (f"{copy[1]}：已清除", f"{copy[1]}: wiped")
    assert told["verification_result"] == ("通过", "pass")
    assert "other" not in {section["key"] for section in document["shown"]}
    assert [person["role"] for person in document["persons"]] == [
        "operator",
        "verifier",
        "witness",
        "approver",
    ]
