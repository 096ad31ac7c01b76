"""A small graph written as JSON-LD and as Turtle from the same nodes, so that both say the same.

A node is a mapping: ``@id`` (none for a blank one), ``@type`` (names), and properties with lists of values. A value is a
node, ``{"@id": address}`` or ``{"@value": text}`` with ``@type`` or ``@language``. Names are ``prefix:name``.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

Node = dict[str, Any]
PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# what stands for itself in no literal: quotes, controls, and halves of characters
_UNFIT = re.compile('[\\\\"\x00-\x1f\x7f\ud800-\udfff]')


def address(text: str) -> str:
    """An address as it may stand in a graph; what may not is percent-encoded."""
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~-._")


def link(text: str, *types: str) -> Node:
    """A reference to an address, said to be of some classes."""
    return {"@id": address(text), **({"@type": list(types)} if types else {})}


def literal(text: str, kind: str = "") -> Node:
    """A text; of a data type when ``kind`` names one, else plain."""
    return {"@value": text, "@type": kind} if kind else {"@value": text}


def worded(text: str, language: str = "zh") -> Node:
    """A text in a language."""
    return {"@value": text, "@language": language}


def as_jsonld(nodes: Sequence[Node], own: str) -> bytes:
    """The graph as JSON-LD; ``own`` is the namespace of our own names (prefix ``mulu``)."""
    whole = {"@context": PREFIXES | {"mulu": own}, "@graph": nodes}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def as_turtle(nodes: Sequence[Node], own: str) -> bytes:
    """The graph as Turtle; ``own`` is the namespace of our own names (prefix ``mulu``)."""
    lines = [f"@prefix {name}: <{place}> ." for name, place in (PREFIXES | {"mulu": own}).items()]
    for node in nodes:
        subject = f"<{node['@id']}>" if "@id" in node else "[]"
        lines += ["", f"{subject} {_inside(node, 1)} ."]
        lines += [
            line for nested in _named_within(node) for line in (f"<{nested['@id']}> {_inside(nested, 1)} .",)
        ]
    return "\n".join([*lines, ""]).encode()


def _named_within(node: Mapping[str, Any]) -> Iterator[Node]:
    """Nodes with an address and properties of their own that stand within another one."""
    for name, values in node.items():
        for value in values if name not in ("@id", "@type") else ():
            if "@value" in value:
                continue
            if "@id" in value and len(value) > 1:
                yield value
            yield from _named_within(value)


def _inside(node: Mapping[str, Any], depth: int) -> str:
    said = []
    if types := node.get("@type"):
        said.append(f"a {', '.join(types)}")
    for name, values in node.items():
        if name not in ("@id", "@type") and values:
            said.append(f"{name} {', '.join(_value(value, depth) for value in values)}")
    return f" ;\n{'  ' * depth}".join(said)


def _value(value: Mapping[str, Any], depth: int) -> str:
    if "@value" in value:
        text = f'"{_UNFIT.sub(_escaped, value["@value"])}"'
        if "@language" in value:
            return f"{text}@{value['@language']}"
        return f"{text}^^{value['@type']}" if "@type" in value else text
    if "@id" in value:
        return f"<{value['@id']}>"
    return f"[ {_inside(value, depth + 1)} ]"


def _escaped(found: re.Match[str]) -> str:
    one = found.group()
    # half a character is none: no serialization can say it
    return _ESCAPES.get(one) or ("\ufffd" if one >= "\ud800" else f"\\u{ord(one):04X}")
