"""Masked examples of what was found: they show the form of a value, never the value."""

import re

from catalog_specs import Specs
from catalog_specs.law_masking import MaskTier

_STAR = "*"
# a third of a value stays hidden at least, whatever the form allows to be seen
_HIDDEN_SHARE = 3


def mask_example(text: str, detector: str, specs: Specs) -> str:
    """``text`` masked as the display form of its detector says; all stars where no form fits or it is short.

    Of an e-mail address the domain stays, of an IP address the first part; of everything else the head and the
    tail that the form names, but a third of the characters is hidden at least.
    """
    form = next((f for f in specs.desensitization.masked_forms if detector in f.detectors), None)
    if form is None:
        return _STAR * len(text)
    return _domain_kept(text) or _head_and_tail(text, form.display)


def _domain_kept(text: str) -> str:
    name, at, domain = text.partition("@")
    return f"{name[:1]}{_STAR * 4}@{domain}" if at and len(name) > 1 else ""


def _head_and_tail(text: str, tier: MaskTier) -> str:
    head, tail = tier.head or 0, tier.tail or 0
    if tier.head is None and tier.keeps_zh and re.fullmatch(r"[0-9.]+", text):
        head = text.find(".") + 1
    if (len(text) - head - tail) * _HIDDEN_SHARE < len(text):
        return _STAR * len(text)
    return text[:head] + _STAR * (len(text) - head - tail) + text[len(text) - tail :]
