"""Values of ours as a portal takes them: clean text, tags, moments, names of files, public addresses."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from catalog_specs import Specs
from catalog_specs.law_portals import Addresses, FileSending, TagLimits
from validators.rendering import renderer

# what no portal keeps: control characters (NUL makes CKAN fail), halves of pairs, what XML has no form for
UNFIT = re.compile(r"[^\t\n -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ENDING = re.compile(r"\.([A-Za-z0-9]{1,10})\Z")
LABEL = re.compile(r"[^\W_]([\w-]*[^\W_])?")
CUT = "…"
# a table of a data source is at source:NAME#TABLE
TABLE = "#"
# letters of names of tables and hosts: Chinese may stand right beside them
_OF_NAME = "[a-z0-9_]"
_PLACE = re.compile(
    r"[a-z][a-z0-9+.-]*://"  # a URL
    r"|\\\\[a-z0-9]"  # a share of Windows
    r"|(?<![0-9])([0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])"  # an IPv4 address
    r"|::|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}"  # an IPv6 address
    r"|(?=[0-9.-]*[a-z])[a-z0-9][a-z0-9._-]*:[0-9]{2,5}(?![0-9年月日])"  # a host with its port, no year
)


def clean(value: Any) -> str:
    """A value as text without what a portal does not keep; empty for nothing, a list joined by 、."""
    if value is None:
        return ""
    text = "、".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return UNFIT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def bounded(text: str, most: int) -> str:
    """A text of at most ``most`` bytes in UTF-8, cut between characters."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    return raw[: most - len(CUT.encode())].decode(errors="ignore") + CUT


def label(key: str, value: Any, specs: Specs) -> str:
    """A stored value of an entry's field (of an item's: ``items.KEY``) in Chinese words."""
    return clean(renderer(specs.field_spec(key), specs)(value))


def tags(texts: Iterable[str], limits: TagLimits) -> list[str]:
    """The tags in some texts: cut where the portal takes no such character, each once, in order."""
    pieces = (piece for text in texts for piece in re.split(f"(?!{limits.allowed}).", text, flags=re.DOTALL))
    found = (" ".join(piece.split())[: limits.longest].strip() for piece in pieces)
    return sorted({tag for tag in found if len(tag) >= limits.shortest})


def moment(value: Any) -> str:
    """A moment in UTC as portals write it, without a zone; empty for none."""
    if not isinstance(value, datetime):
        return ""
    return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat()


def format_of(file_name: str | None, form: str, files: FileSending) -> str:
    """The format by the ending of a file's name, else by the form of provision."""
    known = files.formats.get(ending_of(file_name)) if form == files.form else None
    return known or files.other_formats.get(form, files.other_formats[files.form])


def portal_file_name(name: str, resource_id: str, file_name: str | None) -> str:
    """A name that a portal keeps as it is: of the dataset's name, the resource's id and the ending of its own."""
    ending = ending_of(file_name)
    whole = f"{name[:60]}-{resource_id[:8]}" + (f".{ending}" if ending else "")
    return re.sub("-+", "-", whole)


def ending_of(file_name: str | None) -> str:
    """The ending of a file's name in lower case, without its dot; empty for none."""
    found = ENDING.search(file_name or "")
    return found[1].lower() if found else ""


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template of an address with its ``{places}`` filled in; empty for an empty one."""
    for key, value in values.items():
        template = template.replace(f"{{{key}}}", quote(value, safe="/"))
    return template


def public_address(location: str, addresses: Addresses) -> str:
    """The address where it can be reached from outside and tells no secret; else empty (in doubt, too)."""
    text = location.strip()
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in text):
        return ""
    try:
        parts = urlsplit(text)
        open_to_all = _is_plain(parts, addresses) and _is_public(parts.hostname or "", addresses)
    except ValueError:
        return ""
    return text if open_to_all else ""


def tells_place(text: str, locations: Iterable[str], addresses: Addresses) -> bool:
    """Whether a text tells where data lie: one of the ``locations`` or what it is made of (its source, its table with
    or without a schema), an IP address, a URL, a host with a port or of an internal name; in any case and width."""
    plain = _comparable(text)
    words = {word for location in locations for word in _words(_comparable(location))}
    if any(re.search(f"(?<!{_OF_NAME}){re.escape(word)}(?!{_OF_NAME})", plain) for word in words):
        return True
    endings = "|".join(map(re.escape, addresses.internal_endings))
    internal = rf"[a-z0-9-]\.({endings})(?!{_OF_NAME})"
    return bool(_PLACE.search(plain) or re.search(internal, plain))


def _comparable(text: str) -> str:
    return UNFIT.sub("", unicodedata.normalize("NFKC", text)).casefold().strip()


def _words(location: str) -> set[str]:
    """What a location is told by; ``source:NAME#TABLE`` by the names in it, too."""
    source, mark, table = location.partition(TABLE)
    if not mark:
        return {location} - {""}
    names = (source.rpartition(":")[2], table, table.rpartition(".")[2])
    return {location, source, *(name.strip('"`[]') for name in names)} - {""}


def _is_plain(parts: SplitResult, addresses: Addresses) -> bool:
    """Only scheme, host, port and path: keys stand in what comes before the host or behind the path."""
    bare = not (parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme in addresses.schemes and bare and parts.port != 0


def _is_public(host: str, addresses: Addresses) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        pass
    labels = host.lower().removesuffix(".").split(".")
    named = len(labels) > 1 and all(LABEL.fullmatch(one) for one in labels) and not labels[-1][0].isdigit()
    return named and labels[-1] not in addresses.internal_endings
