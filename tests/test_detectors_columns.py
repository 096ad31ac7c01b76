"""Columns judged as a whole: shares of passing values, names, votes, and whether rows are about people."""

import pyarrow as pa
import pytest

from tests.detecting import ENGINE, ID, MOBILE, found, identities, scanned, serials, told
from validators.detectors import ColumnScanner, judge_columns
from validators.scanned import ColumnAsked


def band(values: list[str], name: str = "甲", detector: str = "id_card_18") -> tuple[str, str, int]:
    one = found(values, name)[detector]
    return one.confidence, one.band, one.hits


def test_serials_of_region_day_and_number_are_look_alikes() -> None:
    values = serials(2000)
    one = found(values)["id_card_18"]
    assert (one.confidence, one.band, one.shaped) == ("L", "look_alike", 2000)
    assert one.pass_rate == pytest.approx(0.09, abs=0.02)


def test_a_column_of_which_half_passes_is_an_identifier() -> None:
    assert band(identities(100) + serials(60))[:2] == ("H", "identifier")


def test_between_the_bands_a_person_decides() -> None:
    assert band(identities(30) + serials(100))[:2] == ("M", "undecided")


def test_few_look_alikes_are_left_to_a_person() -> None:
    values = serials(99)
    assert band(values)[:2] == ("M", "undecided_few")


def test_a_name_that_says_identity_number_is_not_overruled_by_the_share() -> None:
    assert band(serials(2000), "身份证号")[:2] == ("M", "look_alike")


def test_what_else_stands_in_the_column_does_not_weaken_what_has_the_shape() -> None:
    assert band([ID, *["无"] * 5000])[:2] == ("H", "identifier")


def test_orders_that_begin_as_cards_do_are_look_alikes() -> None:
    values = [f"62{n * 7919 % 10**14:014}" for n in range(1000)]
    assert band(values, detector="bank_card")[:2] == ("L", "look_alike")


def test_a_window_in_a_bank_card_is_no_identity_number() -> None:
    cards = [f"6222{n * 104729 % 10**14:014}" for n in range(20_000)]
    passing = [c + str(next(d for d in range(10) if _luhn(c + str(d)))) for c in cards]
    assert told(passing) == {"bank_card": "H"}


def _luhn(number: str) -> bool:
    digits = [int(c) for c in reversed(number)]
    return sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits)) % 10 == 0


def test_mobile_numbers_are_certain_whatever_the_column_is_called() -> None:
    values = [f"1{3 + n % 7}{n * 7919 % 10**9:09}" for n in range(500)]
    assert (told(values, "编号"), found(values, "编号")["mobile"].hits) == ({"mobile": "H"}, 500)


def test_one_mobile_among_other_numbers_is_still_found() -> None:
    assert told(["20240115001", *["无"] * 500, MOBILE]) == {"mobile": "H"}


def test_orders_of_eleven_digits_are_left_to_a_person_and_not_let_go() -> None:
    values = [str(10**10 + n * 7919 * 10**4 % (9 * 10**10)) for n in range(1000)]
    one = found(values)["mobile"]
    assert (one.confidence, one.band) == ("M", "undecided")
    assert told(values, "手机号") == {"mobile": "H"}


def test_numbers_that_follow_one_another_are_left_to_a_person() -> None:
    values = [str(13800000000 + n) for n in range(1000)]
    assert told(values) == {"mobile": "M"}
    assert told(values, "联系电话") == {"mobile": "H"}


def test_a_vote_needs_the_share_of_filled_cells() -> None:
    passports = [f"E{n:08}" for n in range(6)]
    assert told([*passports, "无", "无", "无", "无", ""]) == {"passport_cn": "M"}
    assert told([*passports[:5], "无", "无", "无", "无"]) == {}


def test_days_and_plain_numbers_vote_for_no_landline() -> None:
    assert told([f"202401{n:02}" for n in range(1, 29)]) == {}
    assert told([f"0851-2822{n:04}" for n in range(100)]) == {"landline": "M"}


def people(name: str, value: str, *others: tuple[str, str], about: bool | None) -> set[str]:
    scanners = [ColumnScanner(ENGINE, ColumnAsked(column)) for column, _ in [(name, value), *others]]
    for scanner, cell in zip(scanners, [value, *(cell for _, cell in others)], strict=True):
        scanner.feed(pa.array([cell]))
    return {one.detector for one in judge_columns(scanners, about_people=about)[0].found}


@pytest.mark.parametrize(
    ("name", "value", "detector"),
    [
        ("住址", "遵义市汇川区上海路1号3栋2单元501室", "address"),
        ("出生日期", "1990-01-02", "birth_date"),
        ("经度", "106.937265", "geo_point"),
    ],
)
def test_addresses_days_and_places_count_only_about_people(name: str, value: str, detector: str) -> None:
    assert people(name, value, about=None) == set()
    assert people(name, value, about=True) == {detector}
    assert people(name, value, ("证件", ID), about=None) == {detector}
    assert people(name, value, ("证件", ID), about=False) == set()


def test_a_street_is_no_detailed_address() -> None:
    assert people("住址", "遵义市汇川区上海路", about=True) == set()


def test_batches_and_repeated_values_change_no_count() -> None:
    values = [*identities(1500), *["办理中", ID] * 4000, None]
    whole, parts = scanned(values), ColumnScanner(ENGINE, ColumnAsked("甲"))
    for start in range(0, len(values), 777):
        parts.feed(pa.array(values[start : start + 777], pa.string()))
    assert judge_columns([parts], about_people=None) == (whole,)
    assert whole.found[0].hits == 5500


def test_the_version_changes_with_the_rules_and_only_with_them() -> None:
    from catalog_specs import load
    from validators.detectors import Engine, engine_of

    assert Engine(load("liupanshui_2025")).version == ENGINE.version
    assert engine_of(ENGINE.specs) is ENGINE
