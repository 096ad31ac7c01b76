"""Files of invented, harmless rows for demonstration entries that are opened: things, places and bodies, never people.

What an item may hold stands in ``open_files`` of ``catalog_specs/demo.yaml``, by (the end of) its name; the rest follows
its data type. The bytes are the same for the same seed on any day.
"""

import csv
import io
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from faker import Generator

from catalog_specs import load
from registry.synthetic_words import CreditCodeProvider, words

_PART = re.compile(r"\{(\w+)\}")
_WHOLE, _ENTERPRISE = "I", "91"  # the data type of whole numbers; the head of an enterprise's credit code
_DECIMALS = frozenset("NFYB")
_V = TypeVar("_V")
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """CSV in UTF-8 with a mark, named after its entry; ``rows`` without the header."""

    name: str
    content: bytes
    rows: int


def invented_file(
    name: str, items: Sequence[Item], *, region: str, seed: int, edition: int = 1
) -> OpenedFile:
    """A file of an entry called ``name``: a column an item, by its Chinese name; another one for each ``edition``."""
    mill = _Mill(name, region, f"{seed}/{region}/{name}/{edition}")
    rows = [mill.row(items) for _ in range(mill.rng.randint(*words().open_files.rows))]
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow([str(item["item_name"]) for item in items])
    writer.writerows(rows)
    return OpenedFile(f"{name}.csv", written.getvalue().encode("utf-8-sig"), len(rows))


class _Mill:
    """Makes values from one seed; a place or a year in the entry's name stands in all rows."""

    def __init__(self, name: str, region: str, seed: str) -> None:
        self.rng, self.region = random.Random(seed), region  # noqa: S311  (made-up data, no secret)
        years = words().years
        self.counties = [zh for zh in _counties(region) if zh in name] or _counties(region)
        self.years = [year for year in years if f"{year}年" in name] or list(years)
        self.hour = datetime(self.years[-1], 1, 1)  # noqa: DTZ001  (a value in a file)
        self.county = self.counties[0]
        made_up = Generator()
        made_up.seed_instance(seed)
        self.codes = CreditCodeProvider(made_up)

    def row(self, items: Sequence[Item]) -> list[str]:
        """A row of one county; time stamps go on by an hour from row to row."""
        self.hour += timedelta(hours=1)
        self.county = self.rng.choice(self.counties)
        return [self._value(str(item["item_name"]), str(item.get("data_type"))) for item in items]

    def _value(self, name: str, kind: str) -> str:
        plan = words().open_files
        if kind == "D":
            return f"{self._day():%Y-%m-%d}"
        if kind == "T":
            return f"{self.hour:%Y-%m-%d %H:%M:%S}"
        if kind == _WHOLE or kind in _DECIMALS:
            number = self.rng.uniform(*(_by_ending(plan.ranges, name) or plan.other))
            return f"{number:.0f}" if kind == _WHOLE else f"{number:.2f}"
        patterns = _by_ending(plan.values, name) or (f"{name}#",)
        filled = _PART.sub(lambda found: self._part(found[1]), self.rng.choice(patterns))
        return re.sub("#", lambda _: str(self.rng.randint(1, 9)), filled)

    def _part(self, key: str) -> str:
        match key:
            case "credit":
                return self.codes.unified_social_credit_code(_ENTERPRISE, self.region)
            case "county":
                return self.county
            case "year":
                return str(self.rng.choice(self.years))
        return self.rng.choice(words().open_files.parts[key])

    def _day(self) -> date:
        first, last = date(self.years[0], 1, 1), date(self.years[-1], 12, 31)
        return first + timedelta(days=self.rng.randrange((last - first).days + 1))


def _by_ending(rows: Mapping[str, _V], name: str) -> _V | None:
    """What the longest key says that the name ends with."""
    fit = [key for key in rows if name.endswith(key)]
    return rows[max(fit, key=len)] if fit else None


@lru_cache(maxsize=8)
def _counties(region: str) -> list[str]:
    rows = load().codes["regions"].values
    return [r.zh for r in rows if r.attrs.get("parent") == region and not r.attrs.get("successor")]
