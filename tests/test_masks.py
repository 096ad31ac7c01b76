"""Masked values told from plain ones, their forms and ends, hashes, and what each tier of openness accepts."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from catalog_specs import Specs, load
from catalog_specs.law_masking import MaskedOk
from catalog_specs.law_scanning import Kept, ShapeOfForm, Tier
from validators.mask_forms import TIERS, mask_forms
from validators.masks import MasksSeen, MaskWatch

LAW, HIDING = load().scanning.masks, load().desensitization


def seen(
    specs: Specs, cells: Sequence[str | None], expected: Sequence[str] = (), tier: Tier | None = None
) -> MasksSeen:
    watch = MaskWatch(mask_forms(specs), expected, tier)
    watch.feed(pa.array(cells, pa.string()))
    return watch.seen()


def accepted(specs: Specs, form: str, tier: Tier, cells: Sequence[str]) -> list[bool]:
    forms = mask_forms(specs)
    return forms.accepts((form,), tier).cells(forms.shaper.unified(pa.array(cells))).tolist()


@pytest.mark.parametrize("row", HIDING.masked_ok, ids=lambda row: row.key)
def test_a_form_well_masked_is_accepted_for_display_and_known_by_its_shape(
    specs: Specs, row: MaskedOk
) -> None:
    for text in row.ok:
        shapes = seen(specs, [text]).shapes
        assert [shape.form for shape in shapes] in ([row.key], [])
    assert all(accepted(specs, row.key, "display", row.ok))
    assert not any(accepted(specs, row.key, "display", row.bad))


@pytest.mark.parametrize("row", LAW.kept, ids=lambda row: f"{row.form}-{row.tier}")
def test_what_a_tier_keeps_is_accepted_there_and_the_bad_ones_are_not(specs: Specs, row: Kept) -> None:
    assert all(accepted(specs, row.form, row.tier, row.ok))
    assert not any(accepted(specs, row.form, row.tier, row.bad))


@pytest.mark.parametrize("row", LAW.shapes, ids=lambda row: row.form)
def test_a_shape_tells_its_form(specs: Specs, row: ShapeOfForm) -> None:
    forms = mask_forms(specs)
    assert {forms.of_shape(shape) for shape in row.ok} == {row.form}
    assert row.form not in {forms.of_shape(shape) for shape in row.bad}


@pytest.mark.parametrize("form", [row.key for row in HIDING.masked_forms])
def test_what_a_stricter_tier_accepts_the_others_accept_too(specs: Specs, form: str) -> None:
    cells = [text for row in LAW.kept for text in row.ok] + [t for row in HIDING.masked_ok for t in row.ok]
    loose, middle, strict = (accepted(specs, form, tier, cells) for tier in TIERS)
    assert all(a or not b for a, b in zip(middle, strict, strict=True))
    assert all(a or not b for a, b in zip(loose, middle, strict=True))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("520303********0014", "id_card 6+4"),
        ("520303XXXXXXXX0014", "id_card 6+4"),
        ("520303＊＊＊＊＊＊＊＊001X", "id_card 6+4"),
        ("520303●●●●●●●●●●●●", "id_card 6+0"),
        ("138****8000", "mobile 3+4"),
        ("138-****-8000", "mobile 3+4"),
        ("138xxxx8000", "mobile 3+4"),
        ("0851-****22", "landline 4+2"),
        ("6222 **** **** **** 009", "bank 4+4"),
        ("6222********0009", "bank 4+4"),
        ("d****@163.com", "email 1+0"),
        ("贵C1***5", "plate 3+1"),
        ("张**", "name 1+0"),
        ("欧阳某", "name 1+0"),
        ("E******78", "passport 1+2"),
        ("192.168.*.*", "ipv4"),
        ("遵义市汇川区****", "address"),
    ],
)
def test_a_mask_is_named_by_form_head_and_tail(specs: Specs, text: str, name: str) -> None:
    assert seen(specs, [text]).masks == (name,)


@pytest.mark.parametrize("text", ["13800138000", "某小区", "张三", "52030319900101001X", "A3XXL", "", None])
def test_a_plain_value_is_not_masked(specs: Specs, text: str | None) -> None:
    assert seen(specs, [text]).masked == 0


def test_counts_are_of_cells_and_add_up_over_batches(specs: Specs) -> None:
    watch = MaskWatch(mask_forms(specs), ("mobile",), "display")
    for cells in (["138****8000", None, " "], ["139****1111", "13800138000", "***********"]):
        watch.feed(pa.array(cells, pa.string()))
    told = watch.seen()
    assert (told.rows, told.filled, told.masked, told.refused) == (6, 4, 3, 1)
    assert told.examples == ("###########",)
    assert told.masks == ("mobile 3+4",)


def test_blank_cells_are_empty(specs: Specs) -> None:
    cells = ["a", " ", "", None, "\u3000\t", "\xa0", " b ", "。", "\u2003x"]
    assert seen(specs, cells).filled == 4
    assert seen(specs, [None, None]).filled == 0


def test_slices_and_chunks_are_read_as_they_stand(specs: Specs) -> None:
    cells = pa.array(["x", None, "138****8000", "张某", "y"])
    watch = MaskWatch(mask_forms(specs))
    watch.feed(cells.slice(2, 2))
    watch.feed(pa.chunked_array([cells.slice(3, 1), cells.slice(0, 1)]))
    assert (watch.seen().masked, set(watch.seen().masks)) == (3, {"mobile 3+4", "name 1+0"})


def test_memory_is_bounded_and_nothing_is_lost_from_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scanning.yaml").write_text("masks: {most_shapes: 5}\n", "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    cells = ["a" * (n % 60) + "*" + "b1" * (n // 60) for n in range(60 * 30)] + ["长" * 70 + "**"]
    few, told = load().scanning.masks, seen(load(), cells)
    assert (few.most_shapes, len(told.shapes), told.masked) == (5, 5, len(cells))
    assert told.texts == sum(len(cell) > few.longest for cell in cells)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("md5", lambda b: hashlib.md5(b).hexdigest()),
        ("md5_short", lambda b: hashlib.md5(b).hexdigest()[8:24]),
        ("sha1", lambda b: hashlib.sha1(b).hexdigest()),
        ("sha256", lambda b: hashlib.sha256(b).hexdigest().upper()),
        ("sha512", lambda b: hashlib.sha512(b).hexdigest()),
        ("md5_base64", lambda b: b64encode(hashlib.md5(b).digest()).decode()),
        ("sha256_base64", lambda b: b64encode(hashlib.sha256(b).digest()).decode()),
    ],
)
def test_hashes_are_counted_by_kind(specs: Specs, kind: str, make: Callable[[bytes], str]) -> None:
    cells = [make(f"1380013{n:04d}".encode()) for n in range(20)]
    assert seen(specs, [*cells, None, "6222021000000000"]).hashes == {kind: 20}


@pytest.mark.parametrize(
    ("form", "tier", "text", "fine"),
    [
        ("id_card", "display", "5***************14", True),
        ("id_card", "display", "520***********0014", True),
        ("id_card", "display", "52030319900101****", False),
        ("id_card", "display", "520303**90****0014", False),
        ("id_card", "conditional", "520303************", True),
        ("id_card", "conditional", "520303", True),
        ("id_card", "conditional", "520303********0014", False),
        ("id_card", "unconditional", "5***************14", False),
        ("id_card", "unconditional", "******************", True),
        ("mobile", "conditional", "138", True),
        ("mobile", "conditional", "138****8000", False),
        ("mobile", "unconditional", "138********", False),
        ("name", "display", "欧阳*", True),
        ("name", "display", "张三*", False),
        ("name", "conditional", "李某", True),
        ("name", "unconditional", "李某", False),
        ("bank", "display", "6222**********0009", True),
        ("bank", "display", "6222021********0009", False),
        ("plate", "conditional", "贵C", True),
        ("plate", "conditional", "贵C1***5", False),
        ("email", "conditional", "163.com", True),
        ("geo_point", "display", "106.937", True),
        ("geo_point", "display", "106.9372", False),
        ("geo_point", "conditional", "106.93", True),
        ("birth_date", "conditional", "1990年", True),
        ("birth_date", "unconditional", "1990", False),
        ("birth_date", "unconditional", "30-39岁", True),
        ("password", "display", "******", True),
        ("password", "display", "a*****", False),
        ("amount", "unconditional", "3521", False),
    ],
)
def test_each_tier_accepts_its_own_forms_and_stronger_ones(
    specs: Specs, form: str, tier: Tier, text: str, fine: bool
) -> None:
    assert accepted(specs, form, tier, [text]) == [fine]


def test_open_types_name_their_tier(specs: Specs) -> None:
    forms = mask_forms(specs)
    told = [forms.tier_of(open_type) for open_type in ("1", "2", "3", None)]
    assert told == ["unconditional", "conditional", "display", None]


def test_every_name_of_the_masks_stands_in_the_law(specs: Specs) -> None:
    law, hiding = specs.scanning.masks, specs.desensitization
    forms = {row.key for row in hiding.masked_forms}
    detectors, methods = {d.key for d in hiding.detectors}, {m.key for m in hiding.methods}
    named = {row.form for row in (*law.kept, *law.shapes, *law.named, *law.alike)}
    assert named | set(law.cut) | set(law.beside_forms) <= forms
    assert set(law.enumerable) | set(law.by_value) <= detectors
    assert {
        law.masking,
        law.truncating,
        law.dropping,
        *law.keyed,
        *law.unverifiable,
        *(m for row in law.unknown_form.values() for m in row),
    } <= methods
    assert set(law.says) >= set(TIERS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("李某", "李*"),
        ("欧阳某某", "欧*"),
        ("欧阳*", "**"),
        ("张三", "张三"),
        ("某小区", "某小区"),
        (None, None),
    ],
)
def test_names_masked_by_a_word_reach_the_detectors_without_a_name(
    specs: Specs, text: str | None, told: str | None
) -> None:
    shaper = mask_forms(specs).shaper
    assert shaper.starred(pa.array([text], pa.string())).to_pylist() == [told]
