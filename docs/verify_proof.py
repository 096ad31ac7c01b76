"""Check a proof made by ``mulu audit prove``. Needs nothing of Mulu: Python 3.9 or later, and for the signature the
package ``cryptography``.

    python verify_proof.py PROOF.json [--key PUBLIC_KEY]

PUBLIC_KEY is what ``mulu audit key`` shows on the registry's server; take it from there and not from the proof.

Exit code: 0 everything was checked and fits; 1 something does not fit; 2 the file cannot be read; 3 the tree fits, but
the signature could not be checked (no ``cryptography``), or no --key was given to compare the signing key with.
"""

import hashlib
import json
import sys


def hasher(algorithm):
    """The hash function of the tree: SHA-256 or SM3."""
    if algorithm == "sha256":
        return lambda data: hashlib.sha256(data).digest()
    if algorithm == "sm3" and "sm3" in hashlib.algorithms_available:
        return lambda data: hashlib.new("sm3", data).digest()
    if algorithm == "sm3":
        from cryptography.hazmat.primitives import hashes

        def sm3(data):
            running = hashes.Hash(hashes.SM3())
            running.update(data)
            return running.finalize()

        return sm3
    raise ValueError("unknown hash algorithm " + repr(algorithm))


def root_of(leaf, index, size, path, hashed):
    """The root that an audit path leads to (RFC 9162 2.1.3.2); None when it does not fit."""
    if not 0 <= index < size:
        return None
    at, last, root = index, size - 1, leaf
    for node in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = hashed(b"\x01" + node + root)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            root = hashed(b"\x01" + root + node)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def check_event(event, head, hashed):
    """What is wrong with one event; an empty text when nothing is."""
    body = event["body"].encode()
    told = json.loads(event["body"])
    path = [bytes.fromhex(node) for node in event["path"]]
    if told["seq"] != event["index"] + 1:
        return "its number is not its place in the tree"
    root = root_of(hashed(b"\x00" + body), event["index"], head["size"], path, hashed)
    if root is None or root.hex() != head["root"]:
        return "it is not in the tree of the signed head"
    if "content" in event:
        salted = bytes.fromhex(event["salt"]) + event["content"].encode()
        if hashlib.sha256(salted).hexdigest() != told["digest"]:
            return "its content is not what was recorded"
    return ""


def check_signature(head):
    """True, False, or None when it cannot be checked here."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    fields = {key: value for key, value in head.items() if key != "signature"}
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head["key_id"]))
    try:
        public.verify(bytes.fromhex(head["signature"]), ("mulu audit head 1\n" + text).encode())
    except InvalidSignature:
        return False
    return True


def check(proof, key):
    """Print what was found; the exit code."""
    head, wrong = proof["head"], 0
    hashed = hasher(head["algorithm"])
    for event in proof["events"]:
        trouble = check_event(event, head, hashed)
        wrong += bool(trouble)
        told = json.loads(event["body"])
        shown = event.get("content", "(content not given or erased)")
        print(
            "WRONG" if trouble else "ok   ",
            *(told[n] for n in ("seq", "at", "actor", "act", "subject")),
            shown,
            trouble,
        )
    signed = check_signature(head)
    print("signature:", {True: "good", False: "WRONG", None: "NOT CHECKED: install cryptography"}[signed])
    print("signing key:", head["key_id"], "" if key else "(NOT COMPARED: give --key)")
    if wrong or signed is False or (key and key.lower() != head["key_id"]) or not proof["events"]:
        print("The proof does not hold.")
        return 1
    print(len(proof["events"]), "events stand on the record of", head["size"], "events, signed", head["at"])
    return 0 if signed and key else 3


def main(arguments):
    """Read the file and check it."""
    if not arguments:
        print(__doc__)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            proof = json.load(file)
        key = arguments[arguments.index("--key") + 1] if "--key" in arguments else ""
        return check(proof, key)
    except (OSError, IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        print("cannot be read as a proof:", repr(error), "\n", __doc__)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
