"""The file of a parcel: read strictly, so that whatever was altered on its way makes all of it void."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import NotAllowed, NotFound, Rejected
from registry.keys import canonical_json, digest_of
from registry.marks import fingerprint, make_mark, own_public_key
from registry.stores import digest_of as bytes_digest
from sync.parcel_files import Head, Manifest, ParcelEntry, parcel_name, read_parcel, write_parcel
from tests.conftest import NOW

HEAD = Head(
    registry="52030000000000000000000000000001",
    target="province",
    target_id="g1",
    scope="open",
    kind="province",
    mode="direct",
    number=7,
    shape={},
)
ENTRIES = (ParcelEntry(entry_id="e1", code="307024000000/000001", act="put", digest="d1"),)
BYTES = b"a,b\n1,2\n" * 100


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Path]:
    stored, text = tmp_path / "stored", tmp_path / "text"
    stored.write_bytes(BYTES)
    text.write_bytes(b'{"a":1}\n')
    with stored.open("rb") as file:
        return {f"files/{bytes_digest(file)}": stored, "catalogue.jsonl": text}


@pytest.fixture
def path(tmp_path: Path, members: dict[str, Path]) -> Path:
    made = tmp_path / parcel_name("province", 7)
    write_parcel(made, HEAD, ENTRIES, members, made_at=NOW)
    return made


def key() -> str:
    return own_public_key()[1]


def test_what_is_written_is_read(path: Path) -> None:
    with read_parcel(path, [key()]) as parcel:
        assert (parcel.head, parcel.manifest.entries, parcel.key) == (HEAD, ENTRIES, key())
        assert parcel.text("catalogue.jsonl") == b'{"a":1}\n'
        name = next(name for name in parcel.manifest.members if name.startswith("files/"))
        with parcel.open_file(name.removeprefix("files/"), len(BYTES)) as file:
            assert file.read() == BYTES


def test_a_fingerprint_will_do_and_the_own_list_of_keys(path: Path) -> None:
    for keys in ([fingerprint(key())], [fingerprint(key()).lower()], []):
        with read_parcel(path, keys) as parcel:
            assert parcel.head.number == 7


def test_another_key_is_refused_with_its_fingerprint(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = key()
    with pytest.raises(NotAllowed, match=fingerprint(own)), read_parcel(path, ["0" * 64]):
        pass
    monkeypatch.setenv("MULU_KEY_DIR", str(tmp_path / "beside the portal"))
    with pytest.raises(NotAllowed, match=f"--key {own}"), read_parcel(path, []):
        pass


def test_the_same_content_gives_the_same_bytes(path: Path, members: dict[str, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    written = write_parcel(again, HEAD, ENTRIES, dict(reversed(members.items())), made_at=NOW)
    assert (again.read_bytes(), written.size) == (path.read_bytes(), path.stat().st_size)


def test_a_file_that_it_does_not_hold_is_not_given(path: Path) -> None:
    with read_parcel(path, [key()]) as parcel, pytest.raises(NotFound):
        parcel.open_file("0" * 64, 1)


# ---- altered ----------------------------------------------------------------------------------------------


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def repacked(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _other_bytes(members: dict[str, bytes]) -> None:
    members["catalogue.jsonl"] = b'{"a":2}\n'


def _one_more(members: dict[str, bytes]) -> None:
    members["more.json"] = b"{}"


def _one_less(members: dict[str, bytes]) -> None:
    del members["catalogue.jsonl"]


def _path_trick(members: dict[str, bytes]) -> None:
    members["../evil.json"] = b"{}"


def _no_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def _no_mark(members: dict[str, bytes]) -> None:
    del members["manifest.mark.json"]


def _other_target(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"number":7', b'"number":8')


def _blanks(members: dict[str, bytes]) -> None:
    members["manifest.json"] += b" "


def _unknown_field(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"][:-1] + b',"more":1}'


def _bomb(members: dict[str, bytes]) -> None:
    members["catalogue.jsonl"] = bytes(64 << 20)


def _large_mark(members: dict[str, bytes]) -> None:
    members["manifest.mark.json"] += b" " * 5000


def _mark_of_nothing(members: dict[str, bytes]) -> None:
    members["manifest.mark.json"] = b"[]"


ALTERED = (
    _other_bytes, _one_more, _one_less, _path_trick, _no_manifest, _no_mark, _other_target, _blanks,
    _unknown_field, _bomb, _large_mark, _mark_of_nothing,
)  # fmt: skip


@pytest.mark.parametrize("alter", ALTERED, ids=lambda one: one.__name__)
def test_an_altered_parcel_is_void(alter: Callable[[dict[str, bytes]], None], path: Path) -> None:
    members = parts(path)
    alter(members)
    with pytest.raises(Rejected, match=f"{path.name}：.+；"), read_parcel(repacked(path, members), [key()]):
        pass


@pytest.mark.parametrize("flip", [0, 80, 200, -30, -1])
def test_a_flipped_byte_is_found(flip: int, path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[flip] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(Rejected), read_parcel(path, [key()]):
        pass


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_parcel_is_refused(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    with pytest.raises(Rejected, match=path.name), read_parcel(path, [key()]):
        pass


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="读不出"), read_parcel(tmp_path / "none.zip", [key()]):
        pass


def test_a_member_given_twice_is_refused(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("catalogue.jsonl", b"{}")
    with pytest.raises(Rejected, match="不应有的成员"), read_parcel(path, [key()]):
        pass


def _signed(path: Path, change: Callable[[dict[str, object]], object]) -> Path:
    """A parcel with another manifest, marked by the right key: made by another edition of ours, or by an insider."""
    members = parts(path)
    manifest = json.loads(members["manifest.json"])
    change(manifest)
    members["manifest.json"] = canonical_json(manifest).encode()
    members["manifest.mark.json"] = canonical_json(
        make_mark(digest_of(manifest), at=str(manifest["made_at"]))
    ).encode()
    return repacked(path, members)


def test_another_layout_is_named(path: Path) -> None:
    changed = _signed(path, lambda manifest: manifest.update(layout="mulu-parcel/2"))
    with pytest.raises(Rejected, match=r"mulu-parcel/2.*升级"), read_parcel(changed, [key()]):
        pass


def test_an_entry_twice_is_refused(path: Path) -> None:
    changed = _signed(path, lambda manifest: manifest["entries"].append(manifest["entries"][0]))  # type: ignore[attr-defined,index]
    with pytest.raises(Rejected, match="列了两次"), read_parcel(changed, [key()]):
        pass


def test_more_than_a_parcel_may_hold_is_neither_written_nor_read(
    path: Path, members: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "specs"
    overlay.mkdir()
    (overlay / "sync.yaml").write_text(f"parcels: {{limits: {{bytes: {len(BYTES) - 1}}}}}\n")
    monkeypatch.setenv("MULU_SPECS", str(overlay))
    with pytest.raises(Rejected, match="上限"):
        write_parcel(tmp_path / "x.zip", HEAD, ENTRIES, members, made_at=NOW)
    with pytest.raises(Rejected, match="上限"), read_parcel(path, [key()]):
        pass


@pytest.mark.parametrize("name", ["", "a/b", "..", "省平台", "a b", "x" * 81])
def test_a_targets_name_must_stand_in_a_file_name(name: str) -> None:
    with pytest.raises(Rejected, match="文件名"):
        parcel_name(name, 1)


def test_the_digest_of_a_manifest_passes_for_nothing_else() -> None:
    manifest = Manifest(layout="mulu-parcel/1", head=HEAD, made_at="", entries=(), members={})
    assert json.loads(manifest.model_dump_json())["layout"] == "mulu-parcel/1"
    assert manifest.digest == digest_of(manifest.model_dump(mode="json"))


def test_sm2_marks_are_read_where_the_library_is_there(
    tmp_path: Path, members: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gmssl_pyx")
    monkeypatch.setenv("MULU_MARK", "sm2")
    path = tmp_path / "sm2.zip"
    write_parcel(path, HEAD, ENTRIES, members, made_at=NOW)
    with read_parcel(path, [key()]) as parcel:
        assert len(parcel.key) == 128
