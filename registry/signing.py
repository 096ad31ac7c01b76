"""Signed heads of the audit tree: the Ed25519 key outside the database, the rows, and the lines of the heads file.

The key lies in the key folder (``MULU_KEY_DIR``), readable by its owner alone, and is made when it is first
needed. Beside it ``audit.keys`` lists the public keys that are trusted here: the own ones, and any that an
administrator adds (a second server's, a retired one's). A key of ours is an integrity check (完整性校验), no
legal seal. Source: domain §12 R17.
"""

import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import event, insert
from sqlalchemy.orm import Session, SessionTransaction

from registry.errors import Unavailable
from registry.keys import canonical_json
from registry.models import AuditHead
from registry.settings import audit_settings

KEY_FILE, TRUSTED_FILE = "audit.key", "audit.keys"
# what is signed begins with this, so that no other text that this key signs can pass for a head
CONTEXT = "mulu audit head 1\n"
_PENDING = "mulu_heads"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head. ``key_id`` is the public key in hexadecimal, ``at`` an ISO moment in UTC."""

    number: int
    origin: str
    algorithm: str
    size: int
    root: str
    at: str
    key_id: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        fields = {key: value for key, value in asdict(self).items() if key != "signature"}
        return (CONTEXT + canonical_json(fields)).encode()

    def is_genuine(self) -> bool:
        """Whether the signature is that of the key that the head names."""
        return verified(self.key_id, self.signature, self.signed)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Head":
        """A head from a JSON object. Raises ValueError when it is none."""
        numbers, texts = ("number", "size"), ("origin", "algorithm", "root", "at", "key_id", "signature")
        if not all(type(row.get(name)) is int for name in numbers):
            raise ValueError("no head")
        if not all(isinstance(row.get(name), str) for name in texts):
            raise ValueError("no head")
        return cls(**{name: row[name] for name in (*numbers, *texts)})


def verified(key_id: str, signature: str, signed: bytes) -> bool:
    """Whether a signature (hexadecimal) is that of an Ed25519 key over some bytes."""
    try:
        _public(key_id).verify(bytes.fromhex(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _public(key_id: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_id))


# ---- the key ----------------------------------------------------------------------------------------------


def own_key() -> Ed25519PrivateKey:
    """The private key of this installation, made when there is none yet.

    Raises:
        Unavailable: the key folder cannot be used, or its key is broken.
    """
    folder = audit_settings().key_folder
    path = folder / KEY_FILE
    try:
        if not path.exists():
            _make_key(folder)
        return _read_key(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError) as error:
        raise Unavailable(
            f"审计签名密钥 {path} 不能使用（{error}）；确认密钥文件夹可写，或用 MULU_KEY_DIR 另指一个"
        ) from error


@lru_cache(maxsize=4)
def _read_key(path: Path, _changed: int) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("no Ed25519 key")
    return key


def _make_key(folder: Path) -> None:
    key = Ed25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    text = key.private_bytes(encoding, form, serialization.NoEncryption())
    place_key(folder, KEY_FILE, text, key_id_of(key))


def place_key(folder: Path, name: str, secret: bytes, public: str) -> None:
    """Put a new key in place whole, and its public half on the list of trusted ones; of two processes at once the
    first one's stays.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = folder / f".{name}.{secrets.token_hex(4)}"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secret)
        os.link(beside, folder / name)
    except FileExistsError:
        return
    finally:
        beside.unlink(missing_ok=True)
    with (folder / TRUSTED_FILE).open("a", encoding="ascii") as trusted:
        trusted.write(f"{public}\n")


def key_id_of(key: Ed25519PrivateKey) -> str:
    """The public key in hexadecimal: what heads name as ``key_id``."""
    return key.public_key().public_bytes_raw().hex()


def trusted_keys() -> frozenset[str]:
    """The public keys that heads may be signed with, as the key folder lists them; none when there is no folder."""
    folder = audit_settings().key_folder
    found = set()
    try:
        found |= set((folder / TRUSTED_FILE).read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        log.debug("no list of trusted keys in %s", folder)
    if (folder / KEY_FILE).exists():
        found.add(key_id_of(own_key()))
    return frozenset(found)


# ---- heads ------------------------------------------------------------------------------------------------


def sign(unsigned: Head, key: Ed25519PrivateKey) -> Head:
    """The same head with its signature."""
    return Head(**asdict(unsigned) | {"signature": key.sign(unsigned.signed).hex()})


def keep_heads(session: Session, heads: list[Head]) -> None:
    """Store heads in the caller's transaction; once it is committed they go to the heads file, too."""
    if heads:
        session.execute(insert(AuditHead), [asdict(head) for head in heads])
        session.info.setdefault(_PENDING, []).extend(heads)


def moment_text(moment: datetime) -> str:
    """A moment as it stands in signed bytes: ISO 8601 in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@event.listens_for(Session, "after_commit")
def _write_lines(session: Session) -> None:
    """Append the heads of a committed transaction to the heads file; that failing undoes nothing."""
    pending: list[Head] = session.info.pop(_PENDING, [])
    path = audit_settings().heads_file if pending else None
    if path is None:
        return
    lines = "".join(canonical_json(asdict(head)) + "\n" for head in pending)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        log.warning("树头没有写入树头文件 %s：%s", path, error)


@event.listens_for(Session, "after_soft_rollback")
def _forget_lines(session: Session, _previous: SessionTransaction) -> None:
    """A head that never came to be must not stand in the heads file: it would tell of a tail that was cut."""
    session.info.pop(_PENDING, None)
