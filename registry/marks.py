"""Integrity marks (完整性校验) of sealed editions and of certificates: Ed25519, or SM2 where the setting asks for it.

The key lies in the key folder beside that of the audit record; the same list says which public keys are trusted.
A mark of ours is no legal seal: that is the city's CA or the stamped scan. Source: domain §12 R17.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from registry.errors import Unavailable
from registry.keys import canonical_json
from registry.settings import audit_settings
from registry.signing import TRUSTED_FILE, key_id_of, own_key, place_key, trusted_keys, verified

# what is signed begins with its context, so that no other text that a key signs can pass for an edition
CONTEXT = "mulu list edition 1\n"
SM2_FILE = "mark.sm2"
_NO_SM2 = "SM2 校验标记需要 gmssl-pyx；安装：pip install 'mulu[gm]'，或者把 MULU_MARK 设为 ed25519"
Trust = Literal["trusted", "unknown", "no_list"]


class _Kind(ABC):
    """One algorithm of marks."""

    @abstractmethod
    def public_key(self) -> str:
        """The own public key in hexadecimal; the key is made when there is none yet."""

    @abstractmethod
    def sign(self, message: bytes) -> str:
        """The signature over some bytes by the own key, in hexadecimal."""

    @abstractmethod
    def verify(self, key: str, signature: str, message: bytes) -> bool:
        """Whether a signature is that of a key."""


class _Ed25519(_Kind):
    def public_key(self) -> str:
        return key_id_of(own_key())

    def sign(self, message: bytes) -> str:
        return own_key().sign(message).hex()

    def verify(self, key: str, signature: str, message: bytes) -> bool:
        return verified(key, signature, message)


class _Sm2(_Kind):
    """SM2 with SM3 and the usual signer id (GB/T 32918), by GmSSL."""

    def public_key(self) -> str:
        return self._key()[0]

    def sign(self, message: bytes) -> str:
        public, private = self._key()
        signed: bytes = _gmssl().sm2_sign(bytes.fromhex(private), bytes.fromhex(public), message)
        return signed.hex()

    def verify(self, key: str, signature: str, message: bytes) -> bool:
        library = _gmssl()
        try:
            return bool(library.sm2_verify(bytes.fromhex(key), message, bytes.fromhex(signature)))
        except (ValueError, TypeError, library.GmsslInnerError):
            return False

    def _key(self) -> tuple[str, str]:
        path = audit_settings().key_folder / SM2_FILE
        try:
            if not path.exists():
                public, private = (part.hex() for part in _gmssl().sm2_key_generate())
                place_key(
                    path.parent, SM2_FILE, json.dumps({"public": public, "private": private}).encode(), public
                )
            kept = json.loads(path.read_text("ascii"))
            return str(kept["public"]), str(kept["private"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unusable(path, error) from error


def _gmssl() -> Any:
    try:
        # an extra: only installations that ask for SM2 need it
        import gmssl_pyx
    except ImportError as error:
        raise Unavailable(_NO_SM2) from error
    return gmssl_pyx


def _unusable(path: Path, error: Exception) -> Unavailable:
    return Unavailable(f"校验密钥 {path} 不能使用（{error}）；确认密钥文件夹可写，或用 MULU_KEY_DIR 另指一个")


_KINDS: dict[str, _Kind] = {"ed25519": _Ed25519(), "sm2": _Sm2()}


def own_public_key() -> tuple[str, str]:
    """The algorithm of this installation's marks and its public key in hexadecimal, made when there is none yet.

    Raises:
        Unavailable: the key cannot be used, or the setting names no known algorithm.
    """
    algorithm = audit_settings().mark
    return algorithm, _kind_named(algorithm).public_key()


def _kind_named(algorithm: str) -> _Kind:
    kind = _KINDS.get(algorithm)
    if kind is None:
        raise Unavailable(f"MULU_MARK 写的“{algorithm}”不是校验标记的算法；可用：{'、'.join(_KINDS)}")
    return kind


def make_mark(digest: str, *, at: str, context: str = CONTEXT) -> dict[str, str]:
    """The mark over the digest of an edition, sealed at the moment ``at`` (ISO, UTC).

    ``context`` says what else is marked (a certificate): a mark of one context never passes in another.

    Raises:
        Unavailable: the key cannot be used, or the setting names no known algorithm.
    """
    algorithm, public = own_public_key()
    mark = {"algorithm": algorithm, "key": public, "at": at}
    return mark | {"signature": _kind_named(algorithm).sign(_message(mark, digest, context))}


def is_genuine(mark: Mapping[str, Any], digest: str, *, context: str = CONTEXT) -> bool:
    """Whether a mark is that of the key that it names, over this digest, made in this context.

    Raises:
        Unavailable: it is an SM2 mark and the library is not installed.
    """
    kind = _KINDS.get(str(mark.get("algorithm")))
    texts = [mark.get(name) for name in ("key", "signature", "at")]
    if kind is None or not all(isinstance(text, str) for text in texts):
        return False
    return kind.verify(str(mark["key"]), str(mark["signature"]), _message(mark, digest, context))


def _message(mark: Mapping[str, Any], digest: str, context: str) -> bytes:
    fields = {name: str(mark[name]) for name in ("algorithm", "key", "at")}
    return (context + canonical_json(fields | {"digest": digest})).encode()


def trust_of(mark: Mapping[str, Any], keys: frozenset[str] = frozenset()) -> Trust:
    """Whether the key of a mark is trusted: among ``keys`` where some are given, else on this machine's list.

    ``no_list``: there is neither, so that a person has to compare the key with the publisher's.
    """
    known = keys or listed_keys()
    if not known:
        return "no_list"
    return "trusted" if str(mark.get("key")) in known else "unknown"


def listed_keys() -> frozenset[str]:
    """The trusted keys of this machine; one that has no list makes none by looking."""
    return trusted_keys() if (audit_settings().key_folder / TRUSTED_FILE).exists() else frozenset()


def fingerprint(key: str) -> str:
    """A public key as people compare it: its first 16 digits."""
    return " ".join(key[n : n + 4] for n in range(0, 16, 4)).upper()
