"""What is refused beside a portal before anything is asked of it, and what is kept when it does not answer."""

from pathlib import Path

import pytest

from registry.db import Database
from registry.errors import Conflict, MuluError, NotAllowed, Rejected, Unavailable
from registry.marks import own_public_key
from sync.apply import Applied, apply_parcel, head_of
from sync.ckan import CkanPortal
from sync.mapping import Shape
from tests.parcelling import Office
from tests.postgres import free_port


@pytest.fixture
def office(sqlite_database: Database, tmp_path: Path) -> Office:
    made = Office(sqlite_database, tmp_path, "ckan", "over-the-gap")
    made.shelve(2)
    made.run()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


def parcel_of(office: Office, number: int = 1) -> Path:
    return office.place / f"mulu-{office.name}-{number:06d}.zip"


def applied(office: Office, folder: Path, path: Path | None = None, *keys: str) -> Applied:
    """A parcel carried to a portal that is not there."""
    portal = CkanPortal(f"http://127.0.0.1:{free_port()}", "token", shape=Shape("", "open"))
    try:
        return apply_parcel(
            path or parcel_of(office), portal=portal, keys=keys, folder=folder, now=office.now
        )
    finally:
        portal.close()


def test_what_a_parcel_is_for_is_known_before_a_portal_is_opened(office: Office, folder: Path) -> None:
    head = head_of(parcel_of(office), folder=folder)
    assert (head.target, head.number, head.kind, head.mode) == ("over-the-gap", 1, "ckan", "ferry")
    assert Shape(**head.shape).scope == "open"  # type: ignore[arg-type]


def test_a_portal_that_does_not_answer_leaves_the_parcel_to_be_done(office: Office, folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"0/2.*再执行一次"):
        applied(office, folder)
    assert not list(folder.glob("*receipt.json"))


def test_a_key_must_be_named_the_first_time_and_is_kept(
    office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_public_key()[1]
    monkeypatch.setenv("MULU_KEY_DIR", str(folder / "keys"))
    with pytest.raises(NotAllowed, match=f"--key {own}"):
        applied(office, folder)
    with pytest.raises(Unavailable):
        applied(office, folder, None, own)
    with pytest.raises(Unavailable):
        applied(office, folder)
    with pytest.raises(NotAllowed):
        applied(office, folder, None, "0" * 64)


def test_an_altered_parcel_is_refused(office: Office, folder: Path) -> None:
    data = bytearray(parcel_of(office).read_bytes())
    data[len(data) // 2] ^= 1
    parcel_of(office).write_bytes(bytes(data))
    with pytest.raises(Rejected):
        applied(office, folder)


def test_a_parcel_for_the_province_is_not_for_a_portal(tmp_path: Path, office: Office, folder: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    province = Office(office.database, other)
    province.shelve(1, first=10)
    province.run()
    with pytest.raises(Rejected, match="不是摆渡到门户的"):
        applied(office, folder, province.place / "mulu-province-000001.zip")


@pytest.mark.parametrize("text", ["", "{", '{"keys":[]}', '{"more":1}'])
def test_a_damaged_state_is_not_overlooked(text: str, office: Office, folder: Path) -> None:
    (folder / "mulu-apply.json").write_text(text)
    with pytest.raises(Unavailable, match="备份"):
        applied(office, folder)


def test_two_at_once_are_refused(office: Office, folder: Path) -> None:
    import fcntl

    with (folder / ".mulu-apply.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="正有一件"):
            applied(office, folder)


def test_a_folder_that_is_not_there_is_said(office: Office, tmp_path: Path) -> None:
    with pytest.raises(MuluError, match="不是文件夹"):
        applied(office, tmp_path / "none")
