"""How a target takes datasets, and how things of ours are called there."""

import hashlib
import re
from dataclasses import dataclass
from uuid import UUID, uuid5

from catalog_specs import load
from catalog_specs.law_portals import Naming

NAMESPACE = UUID("6f1d3c52-8f0b-5b5e-9a6e-3d1c7b0a4e21")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a target takes datasets. ``registry`` is the origin of this registry (audit tree), ``scheming``: fields of
    ours go as fields; ``upload``: bytes go into its file store, else ``file_url`` (with ``{distribution}`` and
    ``{name}``) links to them; ``page_url`` (with ``{code}``) is where an entry is shown here, empty where nowhere."""

    registry: str
    scope: str
    scheming: bool = False
    upload: bool = True
    file_url: str = ""
    page_url: str = ""


def dataset_id(registry: str, scope: str, entry_id: str) -> str:
    """The id that an entry has at every portal of a scope."""
    return str(uuid5(NAMESPACE, f"{registry}/{scope}/{entry_id}"))


def resource_id(registry: str, scope: str, distribution_id: str) -> str:
    """The id that a distribution has at every portal of a scope."""
    return str(uuid5(NAMESPACE, f"{registry}/{scope}/{distribution_id}"))


def dataset_name(code: str, entry_id: str) -> str:
    """The name of an entry's dataset, from its resource code by the rules of ckan.yaml.

    Different entries have different names: a code that cannot be told from its name gives way to the entry's id.
    """
    naming = load().ckan.naming
    return _plain(code, naming) or _own(naming.fallback_prefix, entry_id, naming)


def organization_name(code: str) -> str:
    """The name of an agency's organization, from its credit code; different codes have different names."""
    naming = load().ckan.naming
    return _plain(code, naming) or naming.organization_prefix + _short_digest(code)


def _plain(code: str, naming: Naming) -> str:
    """A code in the portal's alphabet; empty when it would not fit, or not lead back to this very code."""
    name, back = code, ""
    for ours, theirs in naming.replace.items():
        name = name.replace(ours, theirs)
    name = name.lower() if naming.lower else name
    back = name.upper() if naming.lower else name
    for ours, theirs in naming.replace.items():
        back = back.replace(theirs, ours)
    taken = (naming.fallback_prefix, naming.organization_prefix)
    fits = _is_name(name, naming) and not name.startswith(taken)
    return name if fits and back == code else ""


def _own(prefix: str, key: str, naming: Naming) -> str:
    name = prefix + key
    return name if _is_name(name, naming) else prefix + _short_digest(key)


def _is_name(name: str, naming: Naming) -> bool:
    return re.fullmatch(naming.pattern, name) is not None and name not in naming.reserved


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
