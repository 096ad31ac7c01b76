"""k-anonymity and l-diversity: exact against a plain counter, bounded, and what would make classes larger."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_specs import Specs
from validators.anonymity import GroupCounter
from validators.anonymity_keys import KeyCounter, TooMany, one_key
from validators.anonymity_ways import generalised, would_pass

CELL = st.sampled_from([None, "", "男", "女", "1990-01-02", "1990-01-03", "汇川区"])
ROWS = st.lists(st.tuples(CELL, CELL, CELL, CELL), min_size=1, max_size=60)
NAMES = ("a", "b", "c")


def counted(
    rows: Sequence[Sequence[str | None]], sizes: Sequence[int] = (), limit: int = 10_000
) -> GroupCounter:
    """Rows of three quasi columns and a sensitive one, fed in batches of the given sizes."""
    counter = GroupCounter(NAMES, ("s",), limit, gathered=1)
    cuts = [0, *sizes, len(rows)]
    for first, last in pairwise(cuts):
        columns = zip(*rows[first:last], strict=True) if last > first else ((),) * 4
        batch = [pa.array(list(cells), pa.string()) for cells in columns]
        counter.feed(dict(zip((*NAMES, "s"), batch, strict=True)))
    return counter


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, data=st.data())
def test_k_and_l_are_those_of_a_plain_counter(
    rows: list[tuple[str | None, ...]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    counter = counted(rows, (cut,))
    plain, kinds = Counter(row[:3] for row in rows), defaultdict(set)
    for row in rows:
        kinds[row[:3]].add(row[3])
    classes = counter.classes()
    assert classes is not None
    assert (classes.k, len(classes.sizes), classes.rows) == (min(plain.values()), len(plain), len(rows))
    assert counter.diversity() == {"s": min(map(len, kinds.values()))}


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 2**31 - 1), min_size=2, max_size=6),
    seed=st.integers(0, 999),
)
def test_classes_stay_exact_when_a_key_no_longer_holds_all_columns(sizes: list[int], seed: int) -> None:
    draw, counter = np.random.default_rng(seed), KeyCounter(len(sizes), 10_000)
    plain: Counter[tuple[int, ...]] = Counter()
    for part in (1, 2, 3):
        widest = [min(2**31 - 1, size * part) for size in sizes]
        codes = [draw.choice(draw.integers(0, size, 2), 40) for size in widest]
        counter.add(codes, widest)
        plain.update(tuple(int(n) for n in row) for row in zip(*codes, strict=True))
    found, counts = counter.classes()
    rows = [tuple(int(n) for n in row) for row in zip(*found, strict=True)]
    assert dict(zip(rows, counts.tolist(), strict=True)) == dict(plain)


def test_one_key_tells_rows_apart_beyond_64_bits() -> None:
    draw = np.random.default_rng(1)
    codes = [draw.integers(0, 3, 500) for _ in range(4)]
    wide, narrow = one_key(codes, [2**30] * 4), one_key(codes, [3] * 4)
    assert len(np.unique(wide)) == len(np.unique(narrow)) == len(set(zip(*map(list, codes), strict=True)))


def test_too_many_classes_are_not_counted_at_all() -> None:
    rows = [(str(n), "", "", "x") for n in range(50)]
    counter = counted(rows, limit=40)
    assert (counter.classes(), counter.diversity(), counter.rows) == (None, {"s": None}, 50)


def test_too_many_sensitive_values_leave_k_known() -> None:
    counter = counted([("男", "", "", str(n)) for n in range(50)], limit=40)
    classes = counter.classes()
    assert classes is not None
    assert (classes.k, counter.diversity()) == (50, {"s": None})


def test_too_many_classes_of_few_values_are_noticed() -> None:
    counter = KeyCounter(2, 30)
    rows = np.arange(100)
    counter.add([rows // 10, rows % 10], [10, 10])
    with pytest.raises(TooMany):
        counter.classes()


def test_the_smallest_classes_come_first_with_their_values() -> None:
    classes = counted([("男", "a", None, "x")] * 3 + [("女", "b", None, "x")]).classes()
    assert classes is not None
    assert classes.smallest(4, 1) == [({"a": "女", "b": "b", "c": ""}, 1)]
    assert classes.below(3) == (1, 1)


def people(births: Sequence[str], sex: Sequence[str]) -> GroupCounter:
    counter = GroupCounter(("出生日期", "性别"), (), 10_000)
    counter.feed({"出生日期": pa.array(births), "性别": pa.array(sex)})
    return counter


HINTS: Mapping[str, Sequence[str]] = {"出生日期": ("birth_date", "出生日期"), "性别": ("性别",)}


def test_it_says_what_would_pass(specs: Specs) -> None:
    days = [f"{year}-{month:02d}-11" for year in (1990, 1991) for month in range(1, 13)]
    classes = people(days * 3 + days[:3], ["男"] * 75).classes()
    assert classes is not None and classes.k == 3
    ways = would_pass(specs.scanning.anonymity, classes, 20, HINTS)
    assert ways == ("把“出生日期”泛化到年：k 3 → 36",)


def test_two_columns_are_generalised_where_one_does_not_do(specs: Specs) -> None:
    births = [f"{1990 + n // 8}-{n % 8 + 1:02d}-11" for n in range(40)]
    classes = people(births, ["男", "女"] * 20).classes()
    assert classes is not None
    ways = would_pass(specs.scanning.anonymity, classes, 40, HINTS)
    assert ways == ("把“出生日期”泛化到5年段，并去掉“性别”：k 1 → 40",)


def test_a_few_rows_may_be_deleted_instead(specs: Specs) -> None:
    classes = people(["1990-01-02"] * 60 + ["1991-03-04"], ["男"] * 61).classes()
    assert classes is not None
    ways = would_pass(specs.scanning.anonymity, classes, 20, HINTS)
    assert ways[0] == "删除不足 20 行的 1 组共 1 行：k 1 → 60"


@pytest.mark.parametrize(
    ("key", "value", "made"),
    [
        ("date_month", "1990年3月5日", "1990-3"),
        ("date_year", "19900305", "1990"),
        ("date_five", "1993-01-02", "1990-1994"),
        ("age_ten", "37岁", "30-39"),
        ("address_county", "贵州省遵义市汇川区上海路1号", "贵州省遵义市汇川区"),
        ("address_town", "汇川区高坪街道1组", "汇川区高坪街道"),
        ("address_city", "贵州省遵义市汇川区", "贵州省遵义市"),
        ("region_city", "520303001", "5203"),
        ("postcode_three", "563000", "563"),
        ("point_two", "106.937265", "106.93"),
        ("plate_two", "贵C12345", "贵C"),
        ("number_hundred", "3521.50", "3500-3599"),
    ],
)
def test_a_value_is_generalised(specs: Specs, key: str, value: str, made: str) -> None:
    way = next(row for row in specs.scanning.anonymity.ways if row.key == key)
    assert generalised(way, [value, None], "其他") == ([made, ""], 1.0)


def test_a_way_that_the_open_type_would_refuse_is_not_told(specs: Specs) -> None:
    days = [f"{1990 + n % 2}-{n % 12 + 1:02d}-11" for n in range(96)]
    classes = people(days, ["男"] * 96).classes()
    assert classes is not None
    ways = would_pass(specs.scanning.anonymity, classes, 20, HINTS, lambda column, value: len(value) > 4)
    assert ways == ("把“出生日期”泛化到5年段：k 8 → 96",)
