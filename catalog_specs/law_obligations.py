"""The shape of obligations.yaml: how the rows of duties.yaml become duties of a year, an agency, a system."""

from catalog_specs.law_release import Cited
from catalog_specs.model import Frozen


class DerivedEvidence(Cited):
    """A kind of evidence that the register tells by itself."""


class Obligations(Frozen):
    derived: tuple[DerivedEvidence, ...]
