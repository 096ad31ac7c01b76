"""The shape of retiring.yaml: who does which step of a retirement, with what, and what it proves."""

from catalog_specs.law_release import Named
from catalog_specs.model import Frozen


class Retiring(Frozen):
    states: tuple[Named, ...]
