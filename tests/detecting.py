"""What the tests of detectors share: one engine, a column scanned, and numbers that pass."""

from collections.abc import Sequence

import pyarrow as pa

from catalog_specs import load
from validators.detectors import ColumnScanner, engine_of, judge_columns
from validators.scanned import ColumnAsked, ColumnFound, Found

SPECS = load("zunyi_2020")
ENGINE = engine_of(SPECS)
ID, MOBILE, CARD, CODE = "11010519491231002X", "13800138000", "6222021000000000009", "91350100M000100Y43"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity(body: str) -> str:
    """An identity number from its first 17 digits."""
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, _WEIGHTS, strict=True)) % 11]


def identities(count: int) -> list[str]:
    """Different identity numbers of Zunyi."""
    return [
        identity(f"520303{1950 + n % 50}{1 + n % 12:02}{1 + n % 28:02}{n % 1000:03}") for n in range(count)
    ]


def serials(count: int) -> list[str]:
    """Case numbers of region, day and running number: one in eleven passes as an identity number."""
    return [f"520303202401{1 + n // 100 % 28:02}{n % 10_000:04}" for n in range(count)]


def scanned(
    values: Sequence[str | None], name: str = "甲", code: str = "", *, people: bool | None = None
) -> ColumnFound:
    """A column of ``values`` judged by itself."""
    scanner = ColumnScanner(ENGINE, ColumnAsked(name, code))
    scanner.feed(pa.array(values, pa.string()))
    return judge_columns([scanner], about_people=people)[0]


def found(values: Sequence[str | None], name: str = "甲", *, people: bool | None = None) -> dict[str, Found]:
    """What was found in a column, by detector."""
    return {one.detector: one for one in scanned(values, name, people=people).found}


def told(values: Sequence[str | None], name: str = "甲", *, people: bool | None = None) -> dict[str, str]:
    """Detector to confidence."""
    return {key: one.confidence for key, one in found(values, name, people=people).items()}
