"""``python -m validators``: compile the rule table of every profile. Exit 0 when every checker fits."""

import sys

from catalog_specs import SpecError, load, profiles
from validators.assess import engine_of
from validators.checkers import known_checkers
from validators.transitions import check_guards


def main() -> int:
    """Compile the rules and say how many checks there are, or what does not fit."""
    try:
        for key in profiles():
            engine = engine_of(load(key))
            check_guards(load(key))
            checks = sum(len(built.cases) + len(built.values) for built in engine.built)
            sys.stdout.write(f"{key}: {checks} 项检查, {len(known_checkers())} 个检查器\n")
    except SpecError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
