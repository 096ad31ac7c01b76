"""Lists as they were once issued: whatever the program becomes, the files of layout 1 must verify for years."""

import json
from pathlib import Path

import pytest

from registry.list_document import to_json
from registry.list_files import read
from registry.list_verify import verify_file
from tests.list_cases import said

ISSUED = Path(__file__).parent / "fixtures" / "lists"
# the key that signed them was made for this and thrown away
KEY = "64ab608e468be3d93e1359d7cba24bad5a60d17f784e79ce2a1202dcaada2814"
CODE = "5DD1-ADAC-D94C-059A-90E3"
# two were saved anew by another program without a change
FILES = (
    "layout1.xlsx",
    "layout1_openpyxl.xlsx",
    "layout1_libreoffice.xlsx",
    "layout1.csv",
    "layout1.json",
    "layout1.md",
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_issued_is_genuine(name: str) -> None:
    verdict = verify_file(ISSUED / name, keys=frozenset({KEY}))
    assert (verdict.genuine, verdict.problems) == (True, ())
    assert verdict.document
    assert verdict.document.code == CODE


@pytest.mark.parametrize("name", FILES)
def test_an_issued_file_is_not_genuine_by_another_key(name: str) -> None:
    assert "不在可信之列" in said(verify_file(ISSUED / name, keys=frozenset({"ab" * 32})))


@pytest.mark.parametrize("name", FILES)
def test_all_issued_files_carry_the_same_document(name: str) -> None:
    document = read(ISSUED / name).document
    assert document
    assert to_json(document) == json.loads((ISSUED / "layout1.json").read_text("utf-8"))
