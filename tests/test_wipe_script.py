"""The script that checks certificates alone: on a machine that has nothing else, it finds what the register finds."""

import copy
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry.db import Database
from registry.marks import make_mark
from registry.signing import Head, key_id_of, own_key
from registry.wipe_pages import pdf_of
from registry.wipe_verify import Trusted, verify_document, verify_file
from tests.certifying import edited, issued, redigested, saved

SCRIPT = Path(__file__).parents[1] / "docs" / "verify_certificate.py"


@pytest.fixture
def certificate(sqlite_database: Database) -> dict[str, Any]:
    return issued(sqlite_database)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from leaves(part, (*path, key))
    if path:
        yield path


def otherwise(value: Any) -> Any:
    """Another value of the same kind, as like as can be."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value.upper() if value.upper() != value else f"{value} "
        case list():
            return [*value, *value[-1:]] if value else ["x"]
        case dict():
            return value | {"zz": ""}
    return ""


def test_whatever_is_changed_anywhere_is_found_here_and_by_the_script(
    certificate: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    script, heads = runpy.run_path(str(SCRIPT)), (Head.read(certificate["proof"]["head"]),)
    published = [dict(certificate["proof"]["head"])]
    missed = []
    for path in leaves(certificate):
        forged = copy.deepcopy(certificate)
        at: Any = forged
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = otherwise(at[path[-1]])
        try:
            code = script["check"](forged, published, [])
        except (script["Wrong"], LookupError, TypeError, ValueError, AttributeError):
            code = 2
        if verify_document(forged, Trusted(heads=heads)).genuine or code in (0, 3):
            missed.append(path)
    assert missed == []
    assert script["check"](certificate, published, []) == 0
    assert "WRONG" in capsys.readouterr().out


# ---- the script that stands alone -------------------------------------------------------------------------


def alone(folder: Path, *arguments: str, packages: bool = True) -> tuple[int, str]:
    """The script run in an empty folder by an interpreter that finds nothing of ours: at most ``cryptography``."""
    folder.mkdir(exist_ok=True)
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    found = (
        f"import sys; sys.path.append({str(_packages(folder.parent))!r})\n" if packages else "import sys\n"
    )
    check = (
        "import importlib.util as u; assert not u.find_spec('registry') and not u.find_spec('sqlalchemy')\n"
    )
    start = f"sys.argv = sys.argv[1:]; import runpy; runpy.run_path({SCRIPT.name!r}, run_name='__main__')"
    # neither the environment nor any installed package
    command = [sys.executable, "-I", "-S", "-c", found + check + start, "x", *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONUTF8": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout + done.stderr


def _packages(folder: Path) -> Path:
    """A folder with ``cryptography`` and what it needs, and nothing else."""
    import cryptography

    packages, own = folder / "packages", Path(cryptography.__file__).parents[1]
    packages.mkdir(exist_ok=True)
    for name in ("cryptography", "cffi", "pycparser", *(path.name for path in own.glob("_cffi_backend*"))):
        if (own / name).exists() and not (packages / name).exists():
            (packages / name).symlink_to(own / name)
    return packages


def test_the_script_checks_a_certificate_on_a_machine_that_has_only_it(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    good = str(saved(tmp_path / "good.json", certificate))
    head = str(saved(tmp_path / "head.json", certificate["proof"]["head"]))
    code, said = alone(tmp_path / "empty", good, "--head", head)
    assert (code, "The certificate fits." in said) == (0, True), said
    assert "序列号 / serial number: ZC20ABCD" in said
    assert alone(tmp_path / "empty", good, "--key", key_id_of(own_key()))[0] == 0
    assert alone(tmp_path / "empty", good)[0] == 3


def test_the_script_needs_no_package_but_says_what_it_could_not_check(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    good = str(saved(tmp_path / "good.json", certificate))
    head = str(saved(tmp_path / "head.json", certificate["proof"]["head"]))
    code, said = alone(tmp_path / "empty", good, "--head", head, packages=False)
    assert (code, "install the package cryptography" in said) == (3, True), said


def test_the_script_finds_what_was_altered(certificate: dict[str, Any], tmp_path: Path) -> None:
    head = str(saved(tmp_path / "head.json", certificate["proof"]["head"]))
    forged = [
        edited(certificate, "record.content.serial_no", "ZC20ABCE"),
        redigested(edited(certificate, "record.content.serial_no", "ZC20ABCE")),
        edited(certificate, "case.id", "wc2"),
        certificate | {"proof": None},
        certificate | {"mark": make_mark(certificate["digest"], at=certificate["mark"]["at"])},
        certificate | {"remark": "x"},
        edited(certificate, "proof.events", []),
    ]
    for one in forged:
        code, said = alone(tmp_path / "empty", str(saved(tmp_path / "f.json", one)), "--head", head)
        assert (code, "The certificate does not hold." in said) == (1, True), said


def test_the_script_reads_the_certificate_in_a_pdf_and_says_what_it_cannot_judge(
    certificate: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "c.pdf").write_bytes(pdf_of(certificate))
    code, said = alone(tmp_path / "empty", str(tmp_path / "c.pdf"), "--key", key_id_of(own_key()))
    assert (code, "The drawn page was NOT judged" in said) == (0, True), said
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7\nnothing")
    assert alone(tmp_path / "empty", str(tmp_path / "x.pdf"))[0] == 2


def test_a_sealed_list_is_no_certificate(tmp_path: Path) -> None:
    path = saved(tmp_path / "c.json", {"format": "mulu-list-edition/1", "title": "x"})
    assert not verify_file(path).genuine
    assert alone(tmp_path / "empty", str(path))[0] == 2
