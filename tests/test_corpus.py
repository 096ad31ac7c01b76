"""Recall and precision of the detectors on the labelled corpus; the labels themselves by a second opinion."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pytest

from catalog_specs import load
from tests.corpus import ANYWHERE, HINTED, NAMED, Labelled, corpus
from validators.codes import identity_number_ok
from validators.detectors import ColumnScanner, engine_of, judge_columns, residual
from validators.scanned import ColumnAsked, ColumnFound, Found

SPECS = load()
ENGINE = engine_of(SPECS)
HIGH = frozenset(d.key for d in SPECS.desensitization.detectors if d.conf == "H")
PRECISION = 0.995
SEVERAL_BATCHES = 37


@lru_cache(maxsize=1)
def judged() -> tuple[tuple[Labelled, ColumnFound], ...]:
    """Every column of the corpus with what the engine says of it, fed in batches."""
    return tuple((column, judge(column)) for column in corpus())


def judge(column: Labelled) -> ColumnFound:
    scanner = ColumnScanner(ENGINE, ColumnAsked(column.name))
    for start in range(0, len(column.cells), SEVERAL_BATCHES):
        scanner.feed(pa.array(column.cells[start : start + SEVERAL_BATCHES], pa.string()))
    return judge_columns([scanner], about_people=column.about_people)[0]


def said(found: ColumnFound, detector: str) -> Found | None:
    """What is said of it with confidence H or M."""
    return next((f for f in found.found if f.detector == detector and f.confidence != "L"), None)


def recall() -> dict[str, tuple[int, int]]:
    """By detector: cells found and cells there."""
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for column, answer in judged():
        for detector in frozenset().union(*column.there):
            hit = said(answer, detector)
            there[detector] += column.count(detector)
            found[detector] += min(hit.hits if hit else 0, column.count(detector))
    return {detector: (found[detector], there[detector]) for detector in there}


def missed(detector: str) -> list[str]:
    """The columns in which cells of it were not found, each with how many."""
    rows = []
    for column, answer in judged():
        hit = said(answer, detector)
        hits = hit.hits if hit else 0
        if column.count(detector) > hits:
            rows.append(f"{hits} of {column.count(detector)}: {column.what}")
    return rows


def false_alarms(confidence: str) -> dict[str, Counter[str]]:
    """By detector: cells that are said to hold it and do not, by column."""
    wrong: dict[str, Counter[str]] = defaultdict(Counter)
    for column, answer in judged():
        for found in answer.found:
            if found.confidence == confidence and found.detector not in column.also:
                wrong[found.detector][column.what] += max(0, found.hits - column.count(found.detector))
    return wrong


def high_hits() -> Counter[str]:
    hits: Counter[str] = Counter()
    for _, answer in judged():
        hits.update({f.detector: f.hits for f in answer.found if f.confidence == "H"})
    return hits


def detectors(kinds: Iterable[str]) -> list[str]:
    return sorted(set(kinds))


@pytest.mark.parametrize("detector", detectors(kind.detector for kind in ANYWHERE))
def test_what_needs_no_hint_is_found_in_every_column(detector: str) -> None:
    found, there = recall()[detector]
    assert found == there, "\n".join(missed(detector))
    assert there >= 300


@pytest.mark.parametrize("detector", detectors(kind.detector for kind in HINTED))
def test_what_needs_a_hint_is_found_under_it(detector: str) -> None:
    found, there = recall()[detector]
    assert found == there, "\n".join(missed(detector))
    assert there >= 60


@pytest.mark.parametrize("detector", sorted(NAMED))
def test_what_a_name_alone_tells_is_found_in_every_filled_cell(detector: str) -> None:
    found, there = recall()[detector]
    assert found == there, "\n".join(missed(detector))


@pytest.mark.parametrize("detector", detectors(kind.detector for kind in ANYWHERE))
def test_each_cell_with_an_identifier_is_residual_by_itself(detector: str) -> None:
    for column in corpus():
        labelled = np.array([detector in labels for labels in column.there])
        if labelled.any():
            left = residual(ENGINE, pa.array(column.cells, pa.string()), [detector])
            cells = [column.cells[place] for place in np.flatnonzero(labelled & ~left)[:3]]
            assert cells == [], column.what


def test_high_hits_are_right() -> None:
    hits, wrong = high_hits(), {d: c.total() for d, c in false_alarms("H").items()}
    table = "\n".join(
        f"{d}: {wrong.get(d, 0)} wrong of {n} {dict(false_alarms('H')[d])}" for d, n in hits.items()
    )
    assert 1 - sum(wrong.values()) / hits.total() >= PRECISION, table
    assert hits.total() >= 10_000


@pytest.mark.parametrize("detector", sorted(HIGH))
def test_high_hits_of_each_detector_are_right(detector: str) -> None:
    hits, wrong = high_hits()[detector], false_alarms("H")[detector]
    assert hits >= 60
    assert 1 - wrong.total() / hits >= PRECISION, f"{wrong.total()} of {hits}: {+wrong}"


def test_serials_are_look_alikes_and_no_leaks() -> None:
    large = {c.name: a for c, a in judged() if len(c.cells) == 1200}
    assert {f.detector for a in large.values() for f in a.found if f.confidence == "H"} == set()
    bands = {f.band for f in large["办件编号"].found if f.detector == "id_card_18"}
    assert bands == {"look_alike"}


def test_masked_values_are_no_hits() -> None:
    masked = [(c.name, c.what) for c, _ in judged() if any("*" in (cell or "") for cell in c.cells)]
    assert len(masked) >= 7
    wrong = {
        c.name: [f.detector for f in a.found if f.confidence != "L"]
        for c, a in judged()
        if (c.name, c.what) in masked
    }
    assert {name: found for name, found in wrong.items() if found} == {}


def test_numbers_that_a_spreadsheet_destroyed_are_counted() -> None:
    assert [(c.lost, a.lost_numbers) for c, a in judged() if c.lost] == [(60, 60)]
    assert sum(a.lost_numbers for c, a in judged() if not c.lost) == 0


def test_codes_of_sole_traders_point_to_people() -> None:
    traders = [said(a, "uscc") for c, a in judged() if "uscc_trader" in c.what]
    others = [said(a, "uscc") for c, a in judged() if "uscc_elsewhere" in c.what]
    assert {f.pii for f in traders if f} == {"quasi"}
    assert {f.pii for f in others if f} == {"none"}


def test_examples_never_show_the_value() -> None:
    for column, answer in judged():
        cells = {cell for cell in column.cells if cell}
        shown = {example for found in answer.found if found.confidence != "L" for example in found.examples}
        assert shown & cells == set(), column.what


# ---- the labels by a second opinion ------------------------------------------------------------------------

SHAPE = re.compile(r"(?=([1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]))")
PARTED = re.compile(r"(?<=[0-9X])[- \u3000\u00a0]+(?=[0-9X])")


def holds_id(cell: str) -> bool:
    """Whether a valid number stands in the cell, looked for at every place, blanks and hyphens taken out."""
    text = PARTED.sub("", unicodedata.normalize("NFKC", cell).upper())
    return any(identity_number_ok(number) and is_day(number[6:14]) for number in SHAPE.findall(text))


def is_day(digits: str) -> bool:
    try:
        return bool(date(int(digits[:4]), int(digits[4:6]), int(digits[6:])))
    except ValueError:
        return False


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert corpus.__wrapped__(7) == corpus.__wrapped__(7)
    assert corpus.__wrapped__(7) != corpus.__wrapped__(8)


def test_labels_of_identity_numbers_agree_with_a_second_opinion() -> None:
    for column in corpus():
        if column.what.startswith("look-alike") or "id_card_18" in column.also:
            continue
        for cell, labels in zip(column.cells, column.there, strict=True):
            assert holds_id(cell or "") == ("id_card_18" in labels), (column.what, cell)


def test_every_detector_stands_in_the_corpus() -> None:
    known = {d.key for d in SPECS.desensitization.detectors}
    assert {d for column in corpus() for labels in column.there for d in labels} == known
