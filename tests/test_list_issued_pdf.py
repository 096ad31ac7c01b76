"""Issued files verify for years: one of every layout is kept here as it was exported.

A failure means that files in people's hands no longer verify: another typst, other fonts or another template draw
otherwise. Pin what drew them, or keep the old layout beside the new one; never write these files anew.
"""

from pathlib import Path

import pytest
from pypdf import PdfReader

from registry.list_verify import verify_file

ISSUED = Path(__file__).parent / "fixtures" / "lists"
# the public half of the key that marked them; the other was thrown away
KEY = "1acaff3b0c48637361ba6f3eddf80d87e541cd0506921bd13b5edb3d184d02f2"


@pytest.mark.parametrize("name", ["layout1.pdf"])
def test_an_issued_file_is_genuine(name: str) -> None:
    verdict = verify_file(ISSUED / name, keys=frozenset([KEY]))
    assert (verdict.genuine, verdict.problems) == (True, ())
    assert verdict.document is not None
    assert tuple(verdict.document.lists[0].rows)[1].cells[0] == "参保人员信息2"


def test_an_issued_file_is_not_even_saved_anew() -> None:
    notes = verify_file(ISSUED / "layout1.pdf", keys=frozenset([KEY])).notes
    assert len(notes) == 2
    assert not any("另存过" in note for note in notes)


def test_an_issued_file_says_what_made_it() -> None:
    metadata = PdfReader(ISSUED / "layout1.pdf").metadata
    assert metadata is not None
    assert metadata.subject == "Mulu list layout 1; typst 0.15.2"


def test_an_issued_file_of_another_key_is_not_trusted() -> None:
    verdict = verify_file(ISSUED / "layout1.pdf", keys=frozenset(["00" * 32]))
    assert not verdict.genuine
    assert all("不在可信之列" in problem for problem in verdict.problems)
