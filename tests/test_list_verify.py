"""Exported lists verified offline: a genuine one, and everything that a person may have done to a file."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from registry.list_document import to_json
from registry.list_files import write
from registry.list_verify import verify_file
from registry.marks import fingerprint, make_mark
from tests.list_cases import FORMATS, changed, forged, made, said
from tests.list_documents import AT, erased, live_document, proof_of, seal, sealed_document

# ---- genuine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_sealed_here_is_genuine(kind: str, tmp_path: Path) -> None:
    verdict = verify_file(made(tmp_path, kind))
    assert (verdict.genuine, verdict.problems) == (True, ())
    assert any("封存登记在" in note for note in verdict.notes)


@pytest.mark.parametrize("kind", FORMATS)
def test_another_machine_knows_the_key_only_when_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = sealed_document()
    path = made(tmp_path, kind, document)
    assert document.mark
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    verdict = verify_file(path)
    assert verdict.genuine
    assert any(fingerprint(document.mark["key"]) in n and "没有可信公钥的名单" in n for n in verdict.notes)
    assert not any("名单" in note for note in verify_file(path, keys=frozenset({document.mark["key"]})).notes)
    assert "不在可信之列" in said(verify_file(path, keys=frozenset({"ab" * 32})))


def test_an_own_list_of_keys_without_the_signer_makes_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, "json")
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "elsewhere"))
    make_mark("0" * 64, at=AT)
    assert "校验标记的密钥" in said(verify_file(path))


def test_an_sm2_mark_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MULU_MARK", "sm2")
    verdict = verify_file(made(tmp_path, "xlsx"))
    assert verdict.genuine
    assert "sm2" in verdict.notes[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_edition_with_erased_lines_verifies_and_tells_how_many(kind: str, tmp_path: Path) -> None:
    verdict = verify_file(made(tmp_path, kind, erased(sealed_document(), 2)))
    assert (verdict.genuine, verdict.problems) == (True, ())
    assert "有 2 行的内容已依法删除，看不到，只以保留的行摘要核对" in verdict.notes


@pytest.mark.parametrize("kind", FORMATS)
def test_a_line_that_a_forger_left_out_is_no_erased_one(kind: str, tmp_path: Path) -> None:
    verdict = verify_file(made(tmp_path, kind, erased(sealed_document(), 1, vouched=False)))
    assert "有 1 行没有内容，也没有依法删除的凭据；向发布单位重新索取文件" in verdict.problems


def test_one_more_line_than_was_erased_is_found(tmp_path: Path) -> None:
    document = sealed_document()
    one, two = erased(document, 1), erased(document, 2)
    verdict = verify_file(made(tmp_path, "json", replace(two, erasure=one.erasure)))
    assert verdict.problems == ("没有内容的行与依法删除的凭据不符；向发布单位重新索取文件",)


def test_an_erasure_of_another_edition_vouches_for_nothing(tmp_path: Path) -> None:
    other = erased(sealed_document("liupanshui_2025"), 1)
    verdict = verify_file(
        made(tmp_path, "json", replace(erased(sealed_document(), 1), erasure=other.erasure))
    )
    assert not verdict.genuine


@pytest.mark.parametrize("part", ["mark", "proof"])
def test_what_nobody_signed_is_told(part: str, tmp_path: Path) -> None:
    document = sealed_document()
    more = {**(getattr(document, part) or {}), "说明": "本清单已经作废"}
    assert not verify_file(made(tmp_path, "json", replace(document, **{part: more}))).genuine


def test_no_proof_is_said_and_no_fault(tmp_path: Path) -> None:
    verdict = verify_file(made(tmp_path, "csv", sealed_document(proven=False)))
    assert verdict.genuine
    assert "文件没有审计证明：封存是否登记在审计记录里，没有核对" in verdict.notes


# ---- a cell was changed -----------------------------------------------------------------------------------


def test_a_changed_cell_of_csv_is_named(tmp_path: Path) -> None:
    path = made(tmp_path, "csv")
    lines = path.read_text("utf-8-sig").split("\n")
    lines[2] = lines[2].replace("每日", "每月")
    path.write_text("\n".join(lines), "utf-8-sig")
    problems = said(verify_file(path))
    assert "第 3 行第 4 列“数据更新周期”：现为“每月”，与封存时的摘要不符" in problems
    assert "清单的内容与封存时的摘要不符" in problems


def test_a_changed_cell_of_markdown_is_named(tmp_path: Path) -> None:
    path = made(tmp_path, "md")
    text = path.read_text("utf-8")
    path.write_text(text.replace("| 每日 |", "| 每月 |", 1), "utf-8")
    line = text[: text.index("| 每日 |")].count("\n") + 1
    assert said(verify_file(path)) == f"第 {line} 行第 3 列：显示“每月”，封存的是“每日”"


def test_a_changed_cell_of_json_does_not_fit_the_digest(tmp_path: Path) -> None:
    path = made(tmp_path, "json")
    path.write_text(path.read_text("utf-8").replace("每日", "每月", 1), "utf-8")
    assert "清单的内容与封存时的摘要不符" in said(verify_file(path))


# ---- CSV and Markdown -------------------------------------------------------------------------------------


def lines_of(path: Path) -> list[list[str]]:
    return list(csv.reader(StringIO(path.read_text("utf-8-sig"), newline="")))


def rewrite(path: Path, lines: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def move(lines: list[list[str]]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def unguard(lines: list[list[str]]) -> None:
    lines[3][2] = lines[3][2].removeprefix("'")


LINES: dict[str, tuple[Callable[[list[list[str]]], object], str]] = {
    "removed": (lambda lines: lines.pop(2), "“数据共享责任清单”：现有 2 行，封存的是 3 行"),
    "added": (lambda lines: lines.insert(2, lines[2]), "“数据共享责任清单”：现有 4 行，封存的是 3 行"),
    "exchanged": (move, "各行的次序与封存时不同"),
    "heading": (
        lambda lines: lines[0].__setitem__(2, "别的"),
        "第 1 行第 3 列：显示“别的”，封存的是“信息项”",
    ),
    "list": (lambda lines: lines[1].__setitem__(0, "别的"), "第 2 行第 1 列：显示“别的”"),
    "link": (lambda lines: lines[1].__setitem__(23, "e0"), "第 2 行第 24 列“条目编号”：现为“e0”"),
    "digest": (lambda lines: lines[1].__setitem__(26, "0" * 64), "第 2 行：内容与行摘要不符"),
    "blank line": (lambda lines: lines.insert(1, []), "多出的内容"),
    "remark": (lambda lines: lines.append(["已作废"]), "行有 1 格，应有 25 格"),
    "wider": (lambda lines: lines[1].append("x"), "第 2 行有 28 格，应有 27 格"),
    "no head": (lambda lines: lines.pop(0), "有 1 行清单表头，应有 2 行"),
    "mark": (lambda lines: lines[-5].__setitem__(2, '"X"'), "code：与按内容应有的不符"),
    "unguarded": (unguard, "第 4 行第 3 列：会被当作公式执行"),
    "version": (lambda lines: lines[1].__setitem__(24, "1.0"), "版本号“1.0”不是整数"),
}


@pytest.mark.parametrize("name", LINES)
def test_what_was_done_to_a_csv_file_is_found_and_named(name: str, tmp_path: Path) -> None:
    change, meant = LINES[name]
    path = made(tmp_path, "csv", sealed_document(texts=["一", "二", "=三"]))
    lines = lines_of(path)
    change(lines)
    assert meant in said(verify_file(rewrite(path, lines)))


@pytest.mark.parametrize(
    ("part", "other", "meant"),
    [
        ("单位（盖章）", "单位（已盖章）", "单位（已盖章）"),
        ("- 期次：", "- 期数：", "期数"),
        ("# ", "# 作废\n\n# ", "显示“# 作废”"),
        ("}\n```\n", "}\n```\n另有说明\n", "另有说明"),
        ("| 每日 | 查询、核验 |", "| 查询、核验 | 每日 |", "第 3 列：显示“查询、核验”，封存的是“每日”"),
    ],
)
def test_what_was_done_to_a_markdown_file_is_found(part: str, other: str, meant: str, tmp_path: Path) -> None:
    path = made(tmp_path, "md")
    path.write_text(path.read_text("utf-8").replace(part, other, 1), "utf-8")
    assert meant in said(verify_file(path))


def test_a_markdown_file_with_line_ends_of_another_system_is_genuine(tmp_path: Path) -> None:
    path = made(tmp_path, "md")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert verify_file(path).genuine


# ---- forged documents -------------------------------------------------------------------------------------


def test_exchanged_lists_do_not_fit_the_digest(tmp_path: Path) -> None:
    document = sealed_document()
    first, second = document.lists
    assert "摘要不符" in said(verify_file(forged(tmp_path, replace(document, lists=(second, first)))))
    assert "摘要不符" in said(verify_file(forged(tmp_path, replace(document, lists=(first,)))))


def test_exchanged_removed_and_doubled_lines_do_not_fit_the_digest(tmp_path: Path) -> None:
    document = sealed_document()
    one, two, three = document.lists[0].rows
    for rows in ((two, one, three), (one, two), (one, two, three, three)):
        assert "摘要不符" in said(verify_file(forged(tmp_path, changed(document, rows=rows))))


def test_a_digest_of_its_own_needs_a_mark_over_it(tmp_path: Path) -> None:
    document = sealed_document()
    other = seal(changed(document, zh="别的清单", rows=()))
    mixed = replace(other, mark=document.mark)
    assert "校验标记不是所称的密钥" in said(verify_file(forged(tmp_path, mixed)))
    assert "没有完整性校验标记" in said(verify_file(forged(tmp_path, replace(other, mark=None))))
    assert "没有哪个事件写着" in said(verify_file(forged(tmp_path, replace(other, proof=document.proof))))


def test_a_strangers_seal_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_mark("0" * 64, at=AT)
    with monkeypatch.context() as stranger:
        stranger.setenv("MULU_KEY_DIR", str(tmp_path / "stranger"))
        path = made(tmp_path, "xlsx")
    problems = said(verify_file(path))
    assert "校验标记的密钥" in problems
    assert "审计树头的密钥" in problems


def test_a_day_that_the_digest_does_not_bind_is_refused(tmp_path: Path) -> None:
    document = sealed_document()
    assert verify_file(forged(tmp_path, replace(document, as_of="2026-11-22"))).genuine
    assert "截至日期" in said(verify_file(forged(tmp_path, replace(document, as_of="2027-01-01"))))


def broken(proof: dict[str, Any], name: str) -> dict[str, Any]:
    """A proof of which something was changed."""
    head, event = proof["head"], proof["events"][0]
    parts = {
        "format": proof | {"format": "x/1"},
        "signature": proof | {"head": head | {"signature": "00" * 64}},
        "size": proof | {"head": head | {"size": head["size"] + 1}},
        "path": proof | {"events": [event | {"path": event["path"][:-1]}]},
        "index": proof | {"events": [event | {"index": 0}]},
        "body": proof | {"events": [event | {"body": event["body"].replace("李强", "王五")}]},
        "content": proof | {"events": [event | {"content": event["content"] + " "}]},
        "erased": proof | {"events": [{k: v for k, v in event.items() if k != "content"}]},
        "none": proof | {"events": []},
        "shape": proof | {"events": [7]},
        "no head": {key: value for key, value in proof.items() if key != "head"},
    }
    return parts[name]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("format", "格式不对"),
        ("signature", "审计树头的签名"),
        ("size", "审计树头的签名"),
        ("path", "审计事件 4 不在所签的审计树里"),
        ("index", "审计事件 4 的序号与它在树里的位置不符"),
        ("body", "审计事件 4 不在所签的审计树里"),
        ("content", "审计事件 4 的内容与登记时的摘要不符"),
        ("erased", "没有哪个事件写着这一期的摘要"),
        ("none", "没有哪个事件写着这一期的摘要"),
        ("shape", "格式不对"),
        ("no head", "格式不对"),
    ],
)
def test_a_proof_of_which_a_part_was_changed_is_found(name: str, meant: str, tmp_path: Path) -> None:
    document = sealed_document()
    proof = broken(dict(document.proof or {}), name)
    assert meant in said(verify_file(made(tmp_path, "json", replace(document, proof=proof))))


def test_a_proof_of_another_edition_is_found(tmp_path: Path) -> None:
    document = sealed_document()
    other = replace(document, proof=proof_of(document.digest, named="ab" * 32))
    assert "没有哪个事件写着这一期的摘要" in said(verify_file(made(tmp_path, "md", other)))


# ---- files that carry nothing -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_a_live_export_is_not_genuine_and_says_why(kind: str, tmp_path: Path) -> None:
    write(live_document(), tmp_path / f"a.{kind}")
    assert "这是实时导出的清单，没有封存" in said(verify_file(tmp_path / f"a.{kind}"))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "data", [b"", b"x", b"\xff\xfe\x00", b"PK\x03\x04", "清单,校验信息\n".encode(), b"{}", b"[" * 9999]
)
def test_a_file_of_another_kind_is_not_genuine(data: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(data)
    verdict = verify_file(path)
    assert "；" in said(verdict)
    assert verdict.document is None


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_short_is_not_genuine(kind: str, tmp_path: Path) -> None:
    path = made(tmp_path, kind)
    data = path.read_bytes()
    for part in (0.2, 0.5, 0.9, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        said(verify_file(path))


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    assert "没有这个文件" in said(verify_file(tmp_path / "没有.csv"))
    assert ".xlsx、.pdf、.csv、.json 或 .md" in said(verify_file(tmp_path / "a.doc"))
    (tmp_path / "a.md").mkdir()
    assert "这是文件夹" in said(verify_file(tmp_path / "a.md"))
    (tmp_path / "a.xlsx").write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    )
    assert "文件有密码" in said(verify_file(tmp_path / "a.xlsx"))


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value | {"lists": 7},
        lambda value: value | {"head": {"edition": 7}},
        lambda value: value | {"说明": "已作废"},
        lambda value: value | {"lists": [value["lists"][0] | {"lines": [{"entry": "e"}]}]},
        lambda value: value | {"lists": [value["lists"][0] | {"说明": "已作废"}, value["lists"][1]]},
        lambda value: value | {"title": "\ud800"},
        lambda value: value | {"digest": ""},
        lambda value: value | {"mark": "x"},
        lambda value: value | {"code": "AAAA"},
    ],
)
def test_a_json_object_of_another_shape_is_not_genuine(
    change: Callable[[dict[str, Any]], dict[str, Any]], tmp_path: Path
) -> None:
    value = change(to_json(sealed_document()))
    (tmp_path / "a.json").write_text(json.dumps(value), "utf-8")
    said(verify_file(tmp_path / "a.json"))


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "json")
    path.write_text(path.read_text("utf-8").replace('"title"', '"title": "别的",\n  "title"', 1), "utf-8")
    assert "不是合法的 JSON" in said(verify_file(path))
