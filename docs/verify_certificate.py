"""Check a wipe certificate exported by ``mulu wipe certificate``. Needs nothing of Mulu: Python 3.9 or later, and for
signatures the package ``cryptography``.

    python verify_certificate.py CERTIFICATE.json|CERTIFICATE.pdf [--head HEAD.json] [--key PUBLIC_KEY]

HEAD.json is a signed tree head that the registry published: one head as JSON, or its whole file of heads. PUBLIC_KEY
is what ``mulu audit key`` shows on the registry's server. Take either from where it is published, never from whoever
handed you the certificate.

Of a PDF the attached certificate is checked. What is drawn on its pages cannot be judged here: the fields are printed,
to be compared by eye; ``mulu wipe verify`` compares the pages themselves.

Exit code: 0 everything was checked and fits; 1 something does not fit; 2 the file cannot be read; 3 it fits, but
signatures could not be checked (no ``cryptography``), or neither --head nor --key says whose certificate it is.
"""

import hashlib
import json
import re
import sys
import zlib

FORMAT, RECORD, PROOF = "mulu-wipe-certificate/1", "mulu-wipe-record/1", "mulu-audit-proof/1"
MARK_CONTEXT, HEAD_CONTEXT = "mulu wipe certificate 1\n", "mulu audit head 1\n"
PARTS = {
    *(
        "format",
        "layout",
        "certificate_no",
        "issued_at",
        "specs",
        "verify_url",
        "title",
        "says",
        "agency",
        "system",
    ),
    *("case", "record", "copies", "findings", "shown", "persons", "digest", "code", "mark", "proof"),
}
PARTS_OF = {
    "record": "id seq kind copies content digest previous recorded_by recorded_at verification witness approval",
    "case": "id number kind decision_no contract_no",
    "mark": "algorithm key at signature",
    "proof": "format subject head events",
}
BESIDE = {"digest", "code", "mark", "proof"}
MOST = 64 << 20


class Wrong(Exception):
    """The file is no certificate that can be read."""


# ---- reading ----------------------------------------------------------------------------------------------


def parse(text):
    """A JSON text, held strictly: no key twice, no NaN."""

    def pairs(found):
        made = dict(found)
        if len(made) < len(found):
            raise Wrong("a key stands twice in one object")
        return made

    def constant(name):
        raise Wrong(name + " is no JSON")

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


def read_certificate(path):
    """The certificate in a file, and whether it came in a PDF."""
    with open(path, "rb") as file:
        content = file.read(MOST + 1)
    if len(content) > MOST:
        raise Wrong("the file is too large")
    if content.lstrip()[:5] != b"%PDF-":
        return parse(content.decode("utf-8-sig")), False
    found = [value for value in map(attached, streams(content)) if value is not None]
    if not found:
        raise Wrong("the PDF carries no certificate.json")
    if len(found) > 1:
        raise Wrong(f"the PDF carries {len(found)} certificates: there is no telling which one counts")
    return found[0], True


def streams(content):
    """The content of every stream of a PDF, inflated where it is deflated."""
    for start in re.finditer(rb"stream\r?\n", content):
        if content[: start.start()].endswith(b"end"):
            continue
        end = content.find(b"endstream", start.end())
        raw = content[start.end() : end if end > 0 else len(content)]
        try:
            yield zlib.decompressobj().decompress(raw, MOST)
        except zlib.error:
            yield raw


def attached(data):
    """The certificate in a stream; None where there is none."""
    if FORMAT.encode() not in data or not data.lstrip().startswith(b"{"):
        return None
    value = parse(data.decode("utf-8"))
    return value if isinstance(value, dict) and value.get("format") == FORMAT else None


def read_heads(path):
    """The heads in a file: one as JSON, a list of them, a proof with its head, or a head on every line."""
    with open(path, encoding="utf-8-sig") as file:
        text = file.read()
    try:
        value = parse(text)
    except ValueError:
        value = [parse(line) for line in text.splitlines() if line.strip()]
    # a page of the API
    value = value.get("results", value) if isinstance(value, dict) else value
    found = value if isinstance(value, list) else [value]
    return [one["head"] if isinstance(one.get("head"), dict) else one for one in found]


# ---- arithmetic -------------------------------------------------------------------------------------------


def canonical(value):
    """One text for one value: keys sorted, no blanks."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


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
    raise Wrong("unknown hash algorithm " + repr(algorithm))


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


def signed(key, signature, text):
    """True, False, or None when it cannot be checked here."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    if not spelt(key) or not spelt(signature):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def head_signed(head):
    fields = {key: value for key, value in head.items() if key != "signature"}
    return signed(head["key_id"], head["signature"], HEAD_CONTEXT + canonical(fields))


# ---- what is checked --------------------------------------------------------------------------------------


def spelt(value):
    """Whether a text is in hexadecimal as it is written: another spelling would be another file."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]+", value) is not None


def form(document):
    """What is missing from the form of a certificate, or does not belong to it."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Wrong("it is no " + FORMAT)
    for place, parts in [("", PARTS), *((place, set(names.split())) for place, names in PARTS_OF.items())]:
        part = document.get(place) if place else document
        if not isinstance(part, dict):
            yield f"{place or 'the certificate'} is missing"
            continue
        for name in sorted(set(part) ^ parts):
            said = "does not belong here" if name in part else "is missing"
            yield f"{place and place + '.'}{name}: {said}"


def digests(document):
    """What is wrong with the digests."""
    record = document["record"]
    bound = {key: record[key] for key in ("seq", "kind", "copies", "content", "previous")}
    if sha256(canonical(dict(bound, format=RECORD, case=document["case"]["id"]))) != record["digest"]:
        yield "the record (its content, copies, seq, previous, or case) is not what its digest says: it was changed"
    now = sha256(canonical({key: value for key, value in document.items() if key not in BESIDE}))
    if now != document["digest"]:
        yield "the certificate is not what its digest says: it was changed"
    short = document["digest"][:20].upper()
    if document["code"] != "-".join(short[n : n + 4] for n in range(0, 20, 4)):
        yield "the verification code is not that of the digest"


def proof_faults(document, head, hashed):
    """What is wrong with the proof that the certificate was entered on the audit record."""
    proof, subject = document["proof"], document["record"]["id"]
    if proof["format"] != PROOF or proof["subject"] != subject or len(proof["events"]) != 1:
        yield "the proof is not that of this record"
        return
    event = proof["events"][0]
    trouble = event_fault(event, head, hashed, subject)
    told = json.loads(event["body"])
    if trouble:
        yield f"audit event {told['seq']}: {trouble}"
        return
    details = json.loads(event["content"])
    named = all(details.get(key) == document[key] for key in ("digest", "certificate_no"))
    if told["act"] != "certify_wipe" or not named:
        yield "the event of the proof is not that of issuing this certificate"


def event_fault(event, head, hashed, subject):
    """What is wrong with one event; an empty text when nothing is."""
    if set(event) != {"index", "body", "path", "content", "salt"} or not all(
        map(spelt, [event["salt"], *event["path"]])
    ):
        return "it is not as the registry writes it"
    told = json.loads(event["body"])
    path = [bytes.fromhex(node) for node in event["path"]]
    if told["seq"] != event["index"] + 1:
        return "its number is not its place in the tree"
    root = root_of(hashed(b"\x00" + event["body"].encode()), event["index"], head["size"], path, hashed)
    if root is None or root.hex() != head["root"]:
        return "it is not in the tree of the signed head"
    if told["subject"] != subject:
        return "it is not about this record"
    salted = bytes.fromhex(event["salt"]) + event["content"].encode()
    if hashlib.sha256(salted).hexdigest() != told["digest"]:
        return "its content is not what was recorded"
    return ""


def published(head, heads):
    """What is wrong with the head of the proof beside the published ones: it must be one of them."""
    same = [one for one in heads if one["size"] == head["size"] and one["algorithm"] == head["algorithm"]]
    if not same:
        yield f"no published head is over {head['size']} events, as the proof's is: give that head"
    elif all((one["root"], one["origin"]) != (head["root"], head["origin"]) for one in same):
        yield f"the published head over {head['size']} events has another root"


def signatures(document, heads):
    """Pairs of what was signed, and True, False or None (not checked)."""
    mark, head = document["mark"], document["proof"]["head"]
    fields = {name: mark[name] for name in ("algorithm", "key", "at")}
    text = MARK_CONTEXT + canonical(dict(fields, digest=document["digest"]))
    # another algorithm than these is none of ours; SM2 is not checked here
    checked = {"ed25519": lambda: signed(mark["key"], mark["signature"], text), "sm2": lambda: None}
    yield "the mark", checked.get(mark["algorithm"], lambda: False)()
    yield "the head of the proof", head_signed(head)
    for one in heads:
        yield f"the published head {one['number']}", head_signed(one)


def keys_of(document):
    return {"the mark": document["mark"]["key"], "the head": document["proof"]["head"]["key_id"]}


# ---- the answer -------------------------------------------------------------------------------------------


def show(document):
    """Print what the certificate says, to be compared with the page."""
    print(
        document["certificate_no"],
        document["agency"]["name"],
        document["issued_at"],
        "code",
        document["code"],
    )
    for section in document["shown"]:
        for row in section["rows"]:
            print(f"  {row['zh']} / {row['en']}: {row['text']}")
    for person in document["persons"]:
        print(f"  {person['zh']} / {person['en']}:", "; ".join(f["text"] for f in person["facts"]))


def check(document, heads, keys):
    """Print what was found; the exit code."""
    problems = list(form(document))
    if not problems:
        head = document["proof"]["head"]
        problems += digests(document)
        problems += proof_faults(document, head, hasher(head["algorithm"]))
        problems += published(head, heads) if heads else []
    unchecked = False
    for what, result in [] if problems else signatures(document, heads):
        unchecked = unchecked or result is None
        print(f"signature of {what}:", {True: "good", False: "WRONG", None: "NOT CHECKED"}[result])
        problems += [f"the signature of {what} is wrong"] if result is False else []
    known = {key.lower() for key in keys} | {one["key_id"] for one in heads}
    for what, key in [] if problems else keys_of(document).items():
        print(f"key of {what}:", key, "" if known else "(NOT COMPARED: give --head or --key)")
        problems += [f"the key of {what} is not among those given"] if known and key not in known else []
    for problem in problems:
        print("WRONG:", problem)
    if problems:
        print("The certificate does not hold. Ask the unit that issued it for it anew.")
        return 1
    if unchecked:
        print(
            "Signatures were not checked: install the package cryptography (SM2 marks need mulu wipe verify)."
        )
    print("The certificate fits" + (", as far as it was checked." if unchecked or not known else "."))
    return 3 if unchecked or not known else 0


def options(arguments):
    """The file, the paths after --head, and the keys after --key."""
    files, found = [], {"--head": [], "--key": []}
    waiting = iter(arguments)
    for argument in waiting:
        if argument in found:
            found[argument].append(next(waiting, ""))
        else:
            files.append(argument)
    if len(files) != 1 or "" in found["--head"] + found["--key"] or files[0].startswith("-"):
        raise Wrong("give one file")
    return files[0], found["--head"], found["--key"]


def main(arguments):
    """Read the file and check it."""
    try:
        path, head_paths, keys = options(arguments)
        document, is_pdf = read_certificate(path)
        heads = [head for head_path in head_paths for head in read_heads(head_path)]
        code = check(document, heads, keys)
    except (OSError, Wrong, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        print("cannot be read as a certificate:", repr(error), "\n", __doc__)
        return 2
    if code != 1:
        show(document)
    if is_pdf:
        print("The drawn page was NOT judged: compare it with the lines above, or use mulu wipe verify.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
