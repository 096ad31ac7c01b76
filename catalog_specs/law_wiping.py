"""The shape of wiping.yaml: how wipe cases and records are kept, which tool logs are read, what certificates say."""

from catalog_specs.law_release import Named
from catalog_specs.model import Frozen


class Wiping(Frozen):
    case_states: tuple[Named, ...]
    results: tuple[Named, ...]
