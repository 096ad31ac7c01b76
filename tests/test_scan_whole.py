"""A whole scan judged: its verdicts, what is never clean, and that masking makes a column pass."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_specs import Specs, load
from validators.mask_forms import mask_forms
from validators.scan import Scan
from validators.scanned import ColumnAsked, ScanFinding, ScanResult

ROOT = Path(__file__).parent.parent
Cells = Sequence[str | None]


def scanned(
    specs: Specs,
    data: Mapping[str | ColumnAsked, Cells],
    *,
    parts: int = 1,
    complete: bool = True,
    problems: Sequence[ScanFinding] = (),
    **asked: object,
) -> ScanResult:
    columns = [key if isinstance(key, ColumnAsked) else ColumnAsked(key) for key in data]
    scan = Scan(specs, columns, **asked)  # type: ignore[arg-type]
    arrays = [pa.array(cells, pa.string()) for cells in data.values()]
    rows = len(arrays[0])
    for first in range(0, rows, max(1, -(-rows // parts))):
        cut = [array.slice(first, max(1, -(-rows // parts))) for array in arrays]
        scan.feed(pa.record_batch(cut, names=[str(n) for n in range(len(cut))]))
    result = scan.result(complete=complete, problems=problems)
    for finding in result.findings:
        assert finding in problems or worded(specs, finding)
    return result


def worded(specs: Specs, finding: ScanFinding) -> str:
    """Message and cure with every word filled in. Raises KeyError for a word that the finding does not bring."""
    rule = next(row for row in specs.scanning.rules if row.key == finding.rule)
    told = {"column": finding.column, "count": finding.count, "examples": "、".join(finding.examples)}
    words = {**finding.params, **told, "place": finding.place}
    texts = (rule.message.zh, rule.message.en, rule.fix.zh, rule.fix.en)
    return "；".join(text.format_map(words) for text in texts)


def rules(result: ScanResult) -> list[str]:
    return [finding.rule for finding in result.findings]


# ---- values, and how they are masked ----------------------------------------------------------------------

_WEIGHTS = [pow(2, 17 - n, 11) for n in range(17)]


def identity_number(day: int, serial: int) -> str:
    body = f"520303{1950 + day % 60}{day % 12 + 1:02d}{day % 28 + 1:02d}{serial % 1000:03d}"
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, _WEIGHTS, strict=True)) % 11]


def bank_card(number: int) -> str:
    body = f"62220210{number % 10**10:010d}"
    digits = [int(c) for c in reversed(body)]
    total = sum(d if n % 2 else (2 * d - 9 if d > 4 else 2 * d) for n, d in enumerate(digits))
    return body + str(-total % 10)


NUMBER = st.integers(0, 10**9)
VALUES: Mapping[str, tuple[str, st.SearchStrategy[str]]] = {
    "id_card": ("身份证号", st.builds(identity_number, NUMBER, NUMBER)),
    "mobile": ("手机号", st.builds(lambda n: f"13{n % 10**9:09d}", NUMBER)),
    "bank": ("银行卡号", st.builds(bank_card, NUMBER)),
    "email": ("邮箱", st.builds(lambda n: f"u{n}x@mail{n % 7}.cn", NUMBER)),
    "plate": ("车牌号", st.builds(lambda n: f"贵C{n % 10**5:05d}", NUMBER)),
    "address": (
        "家庭住址",
        st.builds(lambda n: f"遵义市汇川区高坪街道和平路{n % 90 + 1}号{n % 7 + 1}栋", NUMBER),
    ),
    "name": ("姓名", st.sampled_from(["张三丰", "李雷", "欧阳修文", "王小明", "司马光"])),
    "passport": ("护照号", st.builds(lambda n: f"E{n % 10**8:08d}", NUMBER)),
}
KEPT: Mapping[tuple[str, str], Callable[[str], str | None]] = {
    ("email", "2"): lambda text: text.partition("@")[2],
    ("email", "3"): lambda text: f"{text[0]}****@{text.partition('@')[2]}",
    ("address", "1"): lambda text: "遵义市汇川区",
    ("address", "2"): lambda text: "遵义市汇川区高坪街道",
    ("address", "3"): lambda text: "遵义市汇川区高坪街道****",
    ("name", "2"): lambda text: (text[:2] if text[:2] in ("欧阳", "司马") else text[0]) + "某",
    ("id_card", "1"): lambda text: text[:6],
}


def masked(specs: Specs, form: str, open_type: str, text: str) -> str | None:
    """A value as the form is written for an open type; None where it is to be dropped."""
    if (form, open_type) in KEPT:
        return KEPT[form, open_type](text)
    tier = getattr(mask_forms(specs).rows[form], mask_forms(specs).tier_of(open_type) or "")
    if tier.head is None:
        return None
    tail = tier.tail or 0
    hidden = "*" * max(1, len(text) - tier.head - tail)
    return text[: tier.head] + hidden + (text[-tail:] if tail else "")


@pytest.mark.parametrize(("form", "open_type"), list(product(VALUES, "123")))
def test_masking_makes_a_column_pass_and_undoing_it_makes_it_fail(
    specs: Specs, form: str, open_type: str
) -> None:
    name, values = VALUES[form]

    @settings(max_examples=6, deadline=None)
    @given(text=values)
    def holds(text: str) -> None:
        hidden = [masked(specs, form, open_type, text)] * 25
        about = {"open_type": open_type, "about_people": True, "quasi": ()}
        assert scanned(specs, {name: hidden}, **about).verdict == "clean"
        undone = scanned(specs, {name: [*hidden[1:], text]}, **about)
        assert undone.verdict in ("hits", "inadequate")
        assert undone.columns[0].verdict in ("hits", "inadequate")

    holds()


# ---- verdicts ---------------------------------------------------------------------------------------------

CITIZENS = [identity_number(n, n) for n in range(40)]
PEOPLE: Mapping[str | ColumnAsked, Cells] = {
    "姓名": ["张三"] * 40,
    "身份证号": CITIZENS,
    "出生日期": [f"19{60 + n % 4}-01-0{n % 5 + 1}" for n in range(40)],
    "区县": ["汇川区"] * 40,
}
OPENED: Mapping[str | ColumnAsked, Cells] = {
    "出生日期": ["1960"] * 20 + ["1961"] * 20,
    "性别": ["男", "女"] * 20,
    "补助": ["1"] * 40,
}


def test_direct_identifiers_in_the_clear_are_hits(specs: Specs) -> None:
    result = scanned(specs, PEOPLE)
    assert (result.verdict, result.residual, result.rows, result.complete) == ("hits", 80, 40, True)
    assert [(c.pii, c.verdict) for c in result.columns[:2]] == [("direct", "hits"), ("direct", "hits")]
    (finding,) = (f for f in result.findings if f.column == "身份证号")
    assert not set(finding.examples) & set(CITIZENS) and finding.params["why"]


@pytest.mark.parametrize("parts", [1, 3, 40])
def test_the_result_is_the_same_however_the_rows_are_fed(specs: Specs, parts: int) -> None:
    assert scanned(specs, PEOPLE, parts=parts, open_type="2") == scanned(specs, PEOPLE, open_type="2")


def test_clean_data_are_clean(specs: Specs) -> None:
    result = scanned(specs, OPENED, open_type="2", about_people=True)
    assert (result.verdict, result.findings, result.anonymity.k) == ("clean", (), 10)
    assert (result.anonymity.quasi, result.anonymity.threshold) == (("出生日期", "性别"), 5)


def test_k_below_the_model_is_inadequate_and_the_cure_is_told(specs: Specs) -> None:
    data = {**OPENED, "出生日期": [f"196{n % 10}" for n in range(40)]}
    result = scanned(specs, data, open_type="2", about_people=True)
    (finding,) = result.findings
    assert (result.verdict, finding.rule, result.anonymity.k) == ("inadequate", "k_too_small", 4)
    assert "把“出生日期”泛化到5年段：k 4 → " in finding.params["ways"]
    assert [row.size for row in result.anonymity.small] == [4] * 10


@pytest.mark.parametrize(("open_type", "threshold"), [("1", 20), ("2", 5), ("3", 3)])
def test_the_sharing_model_gives_the_threshold(specs: Specs, open_type: str, threshold: int) -> None:
    result = scanned(specs, OPENED, open_type=open_type, about_people=True)
    assert result.anonymity.threshold == threshold


def test_k_is_told_where_no_open_type_was_asked_for(specs: Specs) -> None:
    result = scanned(specs, {"出生日期": ["1960-01-02", "1960-01-02", "1961-03-04"]})
    assert (result.verdict, result.anonymity.k, result.anonymity.unique_rows) == ("clean", 1, 1)


def test_k_is_not_asked_where_rows_are_not_about_people(specs: Specs) -> None:
    result = scanned(specs, {"登记地址": ["a", "b"]}, open_type="2", about_people=False)
    assert (result.verdict, result.anonymity.k) == ("clean", None)


def test_sensitive_values_must_differ_within_a_class(specs: Specs) -> None:
    sick = ColumnAsked("病种", pii="sensitive", method="generalize")
    chapters = ["I00-I99"] * 20 + ["I00-I99", "J00-J99"] * 10
    result = scanned(specs, {**OPENED, sick: chapters}, open_type="2", about_people=True)
    assert (result.anonymity.l_diversity, result.anonymity.l_threshold) == (1, 2)
    assert rules(result) == ["l_too_small"] and result.verdict == "inadequate"


def few_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Specs:
    (tmp_path / "scanning.yaml").write_text("anonymity: {most_classes: 5}\n", "utf-8")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    return load()


@pytest.mark.parametrize("open_type", ["2", None])
def test_where_k_cannot_be_counted_nothing_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_type: str | None
) -> None:
    specs = few_classes(tmp_path, monkeypatch)
    data = {"出生日期": [str(1950 + n) for n in range(40)]}
    result = scanned(specs, data, open_type=open_type)
    assert (result.verdict, result.anonymity.k) == ("incomplete", None)
    assert "5 种" in result.anonymity.why_unknown and "k_unknown" in rules(result)


def test_a_quasi_identifier_found_too_late_leaves_k_unknown(specs: Specs) -> None:
    plates: Cells = [None] * 20 + ["贵C12345"] * 20
    data = {"性别": ["男"] * 40, "c": plates}
    late = scanned(specs, data, open_type="2", about_people=True, parts=2)
    assert late.anonymity.k is None and "c" in late.anonymity.why_unknown
    assert late.verdict == "incomplete"
    assert scanned(specs, data, open_type="2", about_people=True).anonymity.quasi == ("性别", "c")


def test_a_quasi_identifier_that_is_not_there_leaves_k_unknown(specs: Specs) -> None:
    result = scanned(specs, OPENED, open_type="2", about_people=True, quasi=["性别", "民族"])
    assert (result.verdict, rules(result)) == ("incomplete", ["k_unknown"])
    assert "民族" in result.anonymity.why_unknown


def test_plates_in_a_column_without_a_telling_name_may_not_be_opened(specs: Specs) -> None:
    result = scanned(specs, {"c": ["贵C12345"] * 20}, open_type="1", about_people=True)
    assert (result.verdict, result.columns[0].pii) == ("inadequate", "quasi")
    assert "must_be_empty" in rules(result)


def test_numbers_that_may_be_telephones_are_no_quasi_identifier(specs: Specs) -> None:
    result = scanned(specs, {"面积": [str(2_000_000 + n) for n in range(40)]}, open_type="1")
    assert (result.verdict, result.anonymity.quasi) == ("clean", ())


def test_positions_of_places_are_free(specs: Specs) -> None:
    data = {"公厕经度": ["106.937265"] * 25, "名称": ["公厕"] * 25}
    assert scanned(specs, data, open_type="1").verdict == "clean"
    person = scanned(specs, data, open_type="1", about_people=True)
    assert person.verdict == "inadequate"


def test_people_without_known_quasi_identifiers_need_a_declaration(specs: Specs) -> None:
    asked = {"open_type": "2", "about_people": True}
    assert rules(scanned(specs, {"a": ["1"], "b": ["2"]}, **asked)) == ["quasi_unknown"]
    declared = {ColumnAsked("a", pii="none"): ["1"]}
    assert scanned(specs, declared, **asked).verdict == "clean"
    assert scanned(specs, {"a": ["1"]}, quasi=(), **asked).verdict == "clean"


# ---- what is never clean ----------------------------------------------------------------------------------


def test_no_rows_prove_nothing(specs: Specs) -> None:
    result = scanned(specs, {"a": []})
    assert (result.verdict, rules(result), result.complete) == ("incomplete", ["empty"], False)
    assert [c.found.asked.name for c in result.columns] == ["a"]


def test_a_scan_that_did_not_see_every_row_is_never_clean(specs: Specs) -> None:
    result = scanned(specs, OPENED, complete=False, open_type="2")
    assert (result.verdict, rules(result), result.anonymity.k) == ("incomplete", ["not_every_row"], None)


@pytest.mark.parametrize(
    ("rule", "level", "verdict"),
    [
        ("not_every_row", "error", "incomplete"),
        ("duplicate_header", "need", "inadequate"),
        ("column_without_item", "need", "inadequate"),
        ("item_without_column", "note", "clean"),
    ],
)
def test_problems_of_reading_count_in_the_verdict(specs: Specs, rule: str, level: str, verdict: str) -> None:
    problem = ScanFinding(rule, level, place="第3行")  # type: ignore[arg-type]
    result = scanned(specs, OPENED, open_type="2", problems=[problem])
    assert (result.verdict, result.findings) == (verdict, (problem,))


def test_incomplete_stands_above_hits(specs: Specs) -> None:
    assert scanned(specs, PEOPLE, complete=False).verdict == "incomplete"


def test_lost_numbers_are_never_clean(specs: Specs) -> None:
    result = scanned(specs, {"身份证号": ["1.1010519491231E+17"] * 3})
    assert (result.verdict, rules(result)) == ("inadequate", ["lost_number"])
    assert result.columns[0].verdict == "inadequate"


def test_look_alikes_are_no_leak(specs: Specs) -> None:
    serials = [f"520303{20200101 + n % 28}{n * 37 % 10000:04d}" for n in range(600)]
    result = scanned(specs, {"受理编号": serials})
    assert (result.verdict, result.residual) == ("clean", 0)
    assert set(rules(result)) <= {"look_alike"}


def test_columns_of_one_name_are_told_apart(specs: Specs) -> None:
    asked = [ColumnAsked("出生日期"), ColumnAsked("出生日期")]
    scan = Scan(specs, asked)
    scan.feed(pa.record_batch([pa.array(["1960"] * 2), pa.array(["1961", "1962"])], names=["a", "b"]))
    assert scan.result().anonymity.quasi == ("出生日期", "出生日期#2")


def test_a_batch_of_another_width_is_refused(specs: Specs) -> None:
    scan = Scan(specs, [ColumnAsked("a")])
    with pytest.raises(ValueError, match="2 columns were fed, 1 were asked for"):
        scan.feed(pa.record_batch([pa.array(["x"]), pa.array(["y"])], names=["a", "b"]))


def test_an_unknown_open_type_is_refused(specs: Specs) -> None:
    with pytest.raises(ValueError, match="open type '4' is none of 1, 2, 3"):
        Scan(specs, [ColumnAsked("a")], open_type="4")


def test_masks_are_reported_and_held_against_an_earlier_release(specs: Specs) -> None:
    data = {"身份证号": ["520303************"] * 5}
    first = scanned(specs, data, open_type="2", about_people=True, quasi=())
    assert first.masks == {"身份证号": ("id_card 6+0",)}
    again = scanned(specs, data, open_type="2", quasi=(), earlier_masks=first.masks)
    assert again.verdict == "clean"
    other = {"身份证号": ["5***************14"] * 5}
    differs = scanned(specs, other, open_type="3", quasi=(), earlier_masks=first.masks)
    assert "masks_differ" in rules(differs) and differs.verdict == "inadequate"


def test_identifiers_in_small_classes_are_masked(specs: Specs) -> None:
    result = scanned(specs, {"身份证号": CITIZENS}, quasi=["身份证号"])
    shown = {text for row in result.anonymity.small for text in row.values.values()}
    assert len(result.anonymity.small) == specs.scanning.anonymity.most_small
    assert not shown & set(CITIZENS)


# ---- rules of the law and rules in Python -----------------------------------------------------------------


def test_every_rule_of_a_scan_is_told_somewhere_and_no_other_is(specs: Specs) -> None:
    paths = [*(ROOT / "validators").glob("*.py"), *(ROOT / "registry").rglob("*.py")]
    texts = [path.read_text("utf-8") for path in paths if path.name != "scanned.py"]
    quoted = {word for text in texts for word in re.findall(r'"([a-z][a-z_]+)"', text)}
    known = {rule.key for rule in specs.scanning.rules}
    quoted |= {message.rule for message in specs.scanning.inputs.messages.values()}
    # the messages of `inputs` choose freely among the rules that leave the words to them
    offered = {rule.key for rule in specs.scanning.rules if rule.fix.zh == "{cure}"}
    assert known - offered <= quoted, known - quoted
    made = re.compile(r'(?:make|on_opening)\(\s*"([a-z_]+)"|ScanFinding\(\s*"([a-z_]+)"')
    named = {name for text in texts for pair in made.findall(text) for name in pair if name}
    named |= {message.rule for message in specs.scanning.inputs.messages.values() if message.rule}
    assert len(named & known) > 20 and not named - known
