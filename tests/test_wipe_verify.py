"""Certificates of wipes verified offline, and every way to forge one that we thought of."""

import json
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from typer import Typer
from typer.testing import CliRunner

from registry.cli.certificates import enter_wipes
from registry.db import Database
from registry.heads import last_head, prove, sign_head
from registry.keys import canonical_json
from registry.marks import make_mark
from registry.models import WipeCase
from registry.signing import Head, key_id_of, own_key
from registry.wipe_document import CONTEXT, code_of
from registry.wipe_issue import certifying
from registry.wipe_pages import pdf_of
from registry.wipe_verify import Trusted, read_heads, verify_document, verify_file
from tests import list_pdfs
from tests.certifying import certify, edited, enter, issued, redigested, saved
from tests.conftest import NOW


@pytest.fixture
def certificate(sqlite_database: Database) -> dict[str, Any]:
    return issued(sqlite_database)


def problems(document: Any, trusted: Trusted | None = None) -> str:
    found = verify_document(document, trusted or Trusted())
    assert found.genuine is not bool(found.problems)
    return "\n".join(found.problems)


# ---- genuine ----------------------------------------------------------------------------------------------


def test_an_issued_certificate_is_genuine_on_both_databases(database: Database) -> None:
    found = verify_document(issued(database))
    assert (found.genuine, found.problems, found.vouched) == (True, (), True)


def test_the_file_as_json_and_as_pdf_is_genuine(certificate: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "c.pdf").write_bytes(pdf_of(certificate))
    assert verify_file(tmp_path / "c.pdf").genuine
    assert verify_file(saved(tmp_path / "c.json", certificate)).genuine


def test_a_machine_without_keys_tells_to_compare_the_fingerprint(
    certificate: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    found = verify_document(certificate)
    assert (found.genuine, found.vouched) == (True, False)
    assert any("请与出具单位公布的公钥核对" in note for note in found.notes)


def test_the_published_head_alone_vouches_elsewhere(
    certificate: dict[str, Any],
    sqlite_database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads = (_head(sqlite_database),)
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    found = verify_document(certificate, Trusted(heads=heads))
    assert (found.genuine, found.vouched) == (True, True)


def _head(database: Database) -> Head:
    with database.read() as session:
        head = last_head(session)
    assert head is not None
    return head


def test_a_head_of_another_size_decides_nothing(
    certificate: dict[str, Any], sqlite_database: Database
) -> None:
    with sqlite_database.write() as session:
        certify(session, enter(session, session.get_one(WipeCase, "wc1"), 2, previous="0" * 64))
        sign_head(session, now=NOW)
    assert "没有核对" in problems(certificate, Trusted(heads=(_head(sqlite_database),)))


def test_a_head_of_another_tree_of_the_same_size_is_told(certificate: dict[str, Any]) -> None:
    other = Head.read(certificate["proof"]["head"] | {"root": "0" * 64})
    signed = Head(**asdict(other) | {"signature": own_key().sign(other.signed).hex()})
    assert "不是同一棵树" in problems(certificate, Trusted(heads=(signed,)))


def test_a_published_head_that_nobody_signed_is_told(certificate: dict[str, Any]) -> None:
    other = Head.read(certificate["proof"]["head"] | {"number": 9})
    assert "签名不符" in problems(certificate, Trusted(heads=(other,)))


def test_heads_are_read_as_object_list_page_lines_or_out_of_a_proof(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    head = certificate["proof"]["head"]
    for value in (head, [head], certificate["proof"], {"results": [head], "next_cursor": None}):
        assert read_heads(saved(tmp_path / "h.json", value)) == (Head.read(head),)
    lines = tmp_path / "h.jsonl"
    lines.write_text(f"{canonical_json(head)}\n{canonical_json(head)}\n", "utf-8")
    assert len(read_heads(lines)) == 2


def test_another_key_is_not_this_one(certificate: dict[str, Any]) -> None:
    assert "不在可信之列" in problems(certificate, Trusted(keys=frozenset({"0" * 64})))
    assert problems(certificate, Trusted(keys=frozenset({key_id_of(own_key()).upper()}))) == ""


# ---- forged data ------------------------------------------------------------------------------------------

EDITS = [
    ("record.content.serial_no", "ZC20ABCE"),
    ("record.content.method", "destroy"),
    ("record.content.operator", {"name": "周五"}),
    ("record.previous", "1" * 64),
    ("record.copies", ["d1"]),
    ("record.seq", 2),
    ("case.id", "wc2"),
]


@pytest.mark.parametrize(("path", "value"), EDITS)
def test_an_edited_record_is_told_as_the_record(certificate: dict[str, Any], path: str, value: Any) -> None:
    found = problems(edited(certificate, path, value))
    assert "记录的字段、副本、任务或者上一记录被改过" in found
    assert "向出具单位重新索取证明" in found


@pytest.mark.parametrize(("path", "value"), EDITS)
def test_digests_made_anew_fit_neither_mark_nor_proof(
    certificate: dict[str, Any], path: str, value: Any
) -> None:
    found = problems(redigested(edited(certificate, path, value)))
    assert "校验标记不是所称的密钥" in found
    assert "不是出具这份证明（编号、摘要不符）" in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("certificate_no", "WIPE-520300-2026-00009"),
        ("case.number", "QC-520300-2026-0009"),
        ("issued_at", "2025-01-01T00:00:00+08:00"),
        ("agency.name", "遵义市卫生健康局"),
        ("system.name", "另一系统"),
        ("record.verification.said.verification_result", "fail"),
        ("record.approval.by", "somebody"),
        ("persons", []),
        ("findings", []),
        ("copies", []),
        ("shown", []),
        ("title.zh", "证明"),
    ],
)
def test_whatever_else_is_edited_breaks_the_digest(
    certificate: dict[str, Any], path: str, value: Any
) -> None:
    assert "证明的内容与证明摘要不符" in problems(edited(certificate, path, value))


def test_a_certificate_remade_with_another_key_is_of_an_unknown_key(
    certificate: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = frozenset({key_id_of(own_key())})
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "forger"))
    forged = redigested(edited(certificate, "record.content.serial_no", "ZC20ABCE"))
    forged["code"] = code_of(forged["digest"])
    forged["mark"] = make_mark(forged["digest"], at="2026-11-21T02:00:00+00:00", context=CONTEXT)
    assert "校验标记的密钥" in problems(forged, Trusted(keys=own))


def test_the_mark_of_a_list_edition_over_the_same_digest_is_none(certificate: dict[str, Any]) -> None:
    mark = make_mark(certificate["digest"], at=certificate["mark"]["at"])
    assert "校验标记不是所称的密钥" in problems(certificate | {"mark": mark})


def test_the_code_is_that_of_the_digest(certificate: dict[str, Any]) -> None:
    assert "不是证明摘要的校验码" in problems(certificate | {"code": "0000-0000-0000-0000-0000"})


def test_the_proof_of_another_certificate_proves_nothing(
    certificate: dict[str, Any], sqlite_database: Database
) -> None:
    with sqlite_database.write() as session:
        other = certify(session, enter(session, session.get_one(WipeCase, "wc1"), 2, previous="0" * 64))
        sign_head(session, now=NOW)
    with sqlite_database.read() as session:
        proof = certifying(prove(session, "wr2"), other)
    assert "不是这条清除记录的" in problems(certificate | {"proof": proof})
    assert "不是这条清除记录的事件" in problems(certificate | {"proof": proof | {"subject": "wr1"}})
    assert problems(other | {"proof": proof}) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda proof: None, "没有附审计证明"),
        (lambda proof: proof | {"events": []}, "proof.events：格式不是"),
        (lambda proof: proof | {"events": proof["events"] * 2}, "proof.events：格式不是"),
        (lambda proof: proof | {"head": proof["head"] | {"size": 7}}, "树头的签名不是"),
        (lambda proof: proof | {"head": proof["head"] | {"signature": "00"}}, "树头的签名不是"),
        (lambda proof: proof | {"note": "x"}, "proof.note：多出的内容"),
    ],
)
def test_a_proof_that_was_tampered_with_is_told(
    certificate: dict[str, Any], change: Callable[[dict[str, Any]], Any], told: str
) -> None:
    assert told in problems(certificate | {"proof": change(certificate["proof"])})


def test_an_event_of_the_proof_that_was_edited_is_told(certificate: dict[str, Any]) -> None:
    [event] = certificate["proof"]["events"]
    body = event["body"].replace('"actor":"head"', '"actor":"other"')
    assert "不在所签的审计树里" in problems(edited(certificate, "proof.events", [event | {"body": body}]))
    content = event["content"].replace("00001", "00002")
    assert "与登记时的摘要不符" in problems(
        edited(certificate, "proof.events", [event | {"content": content}])
    )


def test_parts_that_are_not_ours_and_parts_that_lack_are_named(certificate: dict[str, Any]) -> None:
    assert "remark：多出的内容" in problems(certificate | {"remark": "x"})
    assert "record.note：多出的内容" in problems(edited(certificate, "record.note", "x"))
    assert "record.previous：缺少" in problems(
        certificate | {"record": {k: v for k, v in certificate["record"].items() if k != "previous"}}
    )
    assert "record.seq：格式不是" in problems(edited(certificate, "record.seq", "1"))
    assert "layout：格式不是" in problems(certificate | {"layout": 2})


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"format": "mulu-list-edition/1"}])
def test_what_is_no_certificate_is_not_genuine(value: Any) -> None:
    assert not verify_document(value).genuine


def test_half_a_surrogate_pair_is_told_and_breaks_nothing(certificate: dict[str, Any]) -> None:
    assert "不成字的字符" in problems(edited(certificate, "record.content.tool", "\ud800"))


def test_a_key_that_stands_twice_is_refused(certificate: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    text = json.dumps(certificate, ensure_ascii=False)
    path.write_text(text.replace('"seq": 1', '"seq": 9, "seq": 1', 1), "utf-8")
    assert "不是合法的 JSON" in verify_file(path).problems[0]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"%PDF-1.7\nbroken", b"[" * 100_000, b'{"a": NaN}'])
def test_a_broken_file_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    found = verify_file(path)
    assert (found.genuine, len(found.problems)) == (False, 1)


# ---- forged pages -----------------------------------------------------------------------------------------


def changed_pdf(certificate: dict[str, Any], change: Callable[[PdfWriter], None]) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_of(certificate))))
    change(writer)
    saved_pdf = BytesIO()
    writer.write(saved_pdf)
    return saved_pdf.getvalue()


def told_of(content: bytes, tmp_path: Path) -> str:
    path = tmp_path / "forged.pdf"
    path.write_bytes(content)
    found = verify_file(path)
    assert not found.genuine
    return "\n".join(found.problems)


@pytest.mark.parametrize(
    "change",
    [
        *(list_pdfs.white_box, list_pdfs.other_font, list_pdfs.moved, list_pdfs.image, list_pdfs.form),
        *(list_pdfs.layer, list_pdfs.turned, list_pdfs.more_contents, list_pdfs.no_contents, list_pdfs.note),
        *(list_pdfs.stamp, list_pdfs.script, list_pdfs.other_glyphs, list_pdfs.portfolio, list_pdfs.clipped),
    ],
)
def test_a_page_that_was_tampered_with_is_found(
    certificate: dict[str, Any], tmp_path: Path, change: Callable[[PdfWriter], None]
) -> None:
    assert told_of(changed_pdf(certificate, change), tmp_path)


def test_another_result_on_the_page_alone_is_told_with_its_words(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    forged = edited(certificate, "record.content.serial_no", "ZC20ABCE")
    row = next(r for s in forged["shown"] for r in s["rows"] if r["key"] == "serial_no")
    row["text"] = "ZC20ABCE"
    pages = PdfReader(BytesIO(pdf_of(forged))).pages

    def swap(writer: PdfWriter) -> None:
        writer.insert_page(pages[0], 0)
        writer.remove_page(writer.pages[1])

    found = told_of(changed_pdf(certificate, swap), tmp_path)
    assert "显示“…C20ABCE" in found
    assert "封存的是“…C20ABCD" in found


def test_a_removed_attachment_leaves_nothing_to_judge(certificate: dict[str, Any], tmp_path: Path) -> None:
    def drop(writer: PdfWriter) -> None:
        del writer.root_object["/Names"]
        del writer.root_object["/AF"]

    assert "没有随附证明数据" in told_of(changed_pdf(certificate, drop), tmp_path)


def test_a_second_certificate_or_another_file_attached_is_told(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    again = canonical_json(certificate).encode()
    twice = changed_pdf(certificate, lambda writer: writer.add_attachment("certificate.json", again) and None)
    assert "随附了 2 份" in told_of(twice, tmp_path)
    other = changed_pdf(certificate, lambda writer: writer.add_attachment("x.txt", b"x") and None)
    assert "不属于证明的文件：x.txt" in told_of(other, tmp_path)


def test_a_certificate_of_another_case_in_the_frame_of_this_one_is_told(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    other = pdf_of(edited(certificate, "case.number", "QC-520300-2026-0009"))
    assert "证明的内容与证明摘要不符" in told_of(other, tmp_path)


def test_a_signature_field_of_signing_programs_is_no_forgery(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(list_pdfs.signed(pdf_of(certificate)))
    found = verify_file(path)
    assert found.genuine
    assert any("电子签章" in note for note in found.notes)


# ---- the command ------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    app = Typer()
    app.callback()(lambda: None)
    enter_wipes(app)
    found = CliRunner().invoke(app, ["verify", *arguments])
    return found.exit_code, found.output


def test_the_command_exits_0_1_and_2(certificate: dict[str, Any], tmp_path: Path) -> None:
    good = saved(tmp_path / "good.json", certificate)
    bad = saved(tmp_path / "bad.json", edited(certificate, "record.kind", "cloud"))
    head = saved(tmp_path / "head.json", certificate["proof"]["head"])
    assert run(str(good), "--head", str(head)) == (
        0,
        f"{good}：真实完整，遵义市民政局出具的清除证明 WIPE-520300-2026-00001。\n"
        + "".join(f"说明：{note}\n" for note in verify_file(good).notes),
    )
    assert run(str(bad))[0] == 1
    assert run(str(good), "--head", str(good))[0] == 2
    assert run(str(tmp_path / "none.json"))[0] == 2


def test_the_command_answers_in_json(certificate: dict[str, Any], tmp_path: Path) -> None:
    code, text = run(str(saved(tmp_path / "c.json", certificate)), "--json")
    told = json.loads(text)
    assert (code, told["genuine"], told["vouched"]) == (0, True, True)
    assert told["certificate_no"] == "WIPE-520300-2026-00001"
