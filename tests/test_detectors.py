"""Identifiers in cells: found however they are written, with whatever stands around, and never shown."""

import pyarrow as pa
import pytest

from catalog_specs.law_masking import Detector
from tests.detecting import CARD, CODE, ENGINE, ID, MOBILE, SPECS, found, identities, scanned, told
from validators.detectors import mask_example, residual

DETECTORS = {row.key: row for row in SPECS.desensitization.detectors}
HIGH = [row for row in DETECTORS.values() if row.conf == "H" and row.applies_to == "cell"]


@pytest.mark.parametrize("row", HIGH, ids=lambda row: row.key)
def test_every_example_of_a_certain_kind_is_found_whatever_the_column_is_called(row: Detector) -> None:
    for value in row.ok:
        assert told([value]).get(row.key) == "H"
        assert told([f"备注：{value}，请核实"]).get(row.key) == "H"


@pytest.mark.parametrize("row", HIGH, ids=lambda row: row.key)
def test_no_example_that_fails_is_found(row: Detector) -> None:
    for value in (*row.bad, *row.bad_check):
        assert row.key not in told([value])


@pytest.mark.parametrize(
    ("text", "detector"),
    [
        ("１１０１０５１９４９１２３１００２Ｘ", "id_card_18"),
        ("11010519491231002x", "id_card_18"),
        ("110105 19491231 002X", "id_card_18"),
        ("110105-19491231-002X", "id_card_18"),
        ("1101 0519 4912 3100 2X", "id_card_18"),
        ("1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "id_card_18"),
        ("110105\u20031949\u200b1231 002X", "id_card_18"),
        ("11010519491231002Х", "id_card_18"),
        ("身份证号11010519491231002X号", "id_card_18"),
        ("ID11010519491231002X", "id_card_18"),
        ("8811010519491231002X99", "id_card_18"),
        ("138 0013 8000", "mobile"),
        ("138-0013-8000", "mobile"),
        ("138.0013.8000", "mobile"),
        ("138‑0013–8000", "mobile"),
        ("138·0013·8000", "mobile"),
        ("１３８００１３８０００", "mobile"),
        ("138\u200b0013\u200b8000", "mobile"),
        ("\ufeff13800138000", "mobile"),
        ("+86 138 0013 8000", "mobile"),
        ("＋8613800138000", "mobile"),
        ("008613800138000", "mobile"),
        ("联系人张三13800138000转办", "mobile"),
        ("13800138000/13900139000", "mobile"),
        ("138-00138000", "mobile"),
        ("6222 0210 0000 0000 009", "bank_card"),
        ("6222-0210-0000-0000-009", "bank_card"),
        ("622202 1000000000009", "bank_card"),
        ("91350100 M000100Y4 3", "uscc"),
        ("91350100m000100y43", "uscc"),
        ("证件A123456（3）", "hk_id"),
        ("A123456 (3)", "hk_id"),
        ("贵C·12345", "plate"),
        ("贵c12345", "plate"),
        ("a.b＠zunyi.gov.cn", "email"),
        ("G110105 19491231 002X", "student_no"),
        ("1333 022 0682", "mobile"),
        ("13800138000.0", "mobile"),
        ("地址为10.0.0.12.", "ipv4"),
        ("MAC：00-1A-2B-3C-4D-5E-", "mac"),
    ],
)
def test_an_identifier_is_found_however_it_is_written(text: str, detector: str) -> None:
    assert told([text]).get(detector) == "H"


@pytest.mark.parametrize(
    "text",
    [
        "520303********0014",
        "138****8000",
        "138********",
        "6222 **** **** **** 009",
        "d****@163.com",
        "1700000000000",
        "20240115123045",
        "20240115123045123",
        "1700000000",
        "2024-01-15 12:30:45",
        "12:30:45",
        "1513800138000",
        "113800138000",
        "A13800138000",
        "1380013.8000",
        "12:30:45:10",
        "std::string",
        ":: 见附件 ::",
        "第1.2.3.4条",
        "遵市监罚字第12345号",
        "10.20.30.40.50",
        "00-1A-2B-3C-4D-5E-6F",
        "24-01-15-10-20-30",
        "李某",
        "欧阳*",
    ],
)
def test_what_is_masked_or_only_looks_alike_is_no_certain_hit(text: str) -> None:
    assert "H" not in told([text]).values()


def test_several_identifiers_in_one_cell_are_all_found_and_the_cell_counts_once() -> None:
    seen = found([f"申请人{ID}，电话{MOBILE}、13900139000，卡{CARD}", "无"])
    assert {key: one.hits for key, one in seen.items()} == {"id_card_18": 1, "mobile": 1, "bank_card": 1}


def test_a_number_does_not_reach_into_the_next_cell() -> None:
    assert told(["138001", "38000", "110105194912", "31002X"]) == {}


def test_an_eighteen_digit_number_of_the_shape_is_no_bank_card() -> None:
    assert "bank_card" not in told(["620102199001010016"])


def test_a_card_of_another_network_counts_where_the_name_says_so() -> None:
    assert (told(["5000000000000000005"], "编号"), told(["5000000000000000005"], "银行卡号")) == (
        {"bank_card": "M"},
        {"bank_card": "M"},
    )


def test_a_credit_code_of_a_sole_trader_points_to_a_person() -> None:
    assert found([CODE])["uscc"].pii == "none"
    trader = next(c for c in SPECS.credit_code.alphabet if told([f"92350100M000100Y4{c}"]))
    assert found([f"92350100M000100Y4{trader}"])["uscc"].pii == "quasi"


@pytest.mark.parametrize(
    ("value", "name", "detector", "confidence"),
    [
        ("110105491231002", "身份证号", "id_card_15", "M"),
        ("E12345678", "护照号", "passport_cn", "M"),
        ("0851-28222222", "联系电话", "landline", "M"),
        ("490154203237518", "IMEI", "imei", "M"),
        ("563000", "邮政编码", "postcode", "M"),
        ("张三", "姓名", "cn_name", "M"),
        ("阿依古丽·买买提", "xm", "cn_name", "M"),
        ("123456789", "户号", "household_no", "M"),
        ("1M8GDM9AXKP042788", "甲", "vin", "M"),
    ],
)
def test_a_kind_without_certainty_needs_its_name_or_its_values(
    value: str, name: str, detector: str, confidence: str
) -> None:
    assert told([value], name).get(detector) == confidence


def test_a_kind_that_needs_a_name_is_silent_without_one() -> None:
    values = ["490154203237518", "563000", "张三", "123456789", "1990-01-02"]
    assert [told([value]) for value in values] == [{}, {}, {}, {}, {}]


def test_a_masked_name_is_no_name() -> None:
    assert told(["张**", "李某", "欧阳*", "赵某某"], "姓名") == {}


def test_a_name_with_a_cancelling_end_hints_at_nothing() -> None:
    assert told(["张三"], "姓名数") == {}
    assert scanned(["3"], "身份证办理数").hint == ()


def test_a_password_is_found_by_the_name_of_its_column() -> None:
    assert found(["a", "", "b"], "user_password")["password"].hits == 2
    assert told(["1"], "人脸识别设备数") == {}


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("1.1010519491231E+17", 1),
        ("1.1E+17", 1),
        ("1.38001E+10", 1),
        ("110105194912310000", 1),
        ("110105194912310016.0", 1),
        ("1.5E+03", 0),
        ("3E10", 0),
        (ID, 0),
    ],
)
def test_numbers_that_lost_their_last_digits_are_counted(text: str, lost: int) -> None:
    assert scanned([text]).lost_numbers == lost


def test_blank_cells_and_nulls_are_not_filled() -> None:
    column = scanned([" ", "", None, "\u3000", "1"])
    assert (column.rows, column.filled) == (5, 1)


@pytest.mark.parametrize("cell", ["1" * 10**6, "1-" * 10**5, ":" * 10**6, "a@" * 10**5, "遵义市1" * 10**5])
def test_a_cell_of_a_megabyte_is_read_and_holds_nothing(cell: str) -> None:
    assert scanned([cell, "无"]).found == ()


def test_an_identifier_at_the_end_of_a_megabyte_is_found() -> None:
    assert told(["办" * 300_000 + ID]) == {"id_card_18": "H"}


def test_residual_judges_each_cell_by_itself() -> None:
    cells = pa.array([ID, None, "无", f"电话{MOBILE}", "a@b.cn", "520303********0014", "1.1.1.1", CARD])
    assert residual(ENGINE, cells).tolist() == [True, False, False, True, True, False, False, True]
    assert residual(ENGINE, cells, ["mobile"]).tolist() == [False, False, False, True, *[False] * 4]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text_column_is_read_alike(kind: pa.DataType) -> None:
    cells = pa.chunked_array([pa.array([ID, None]), pa.array(["无", MOBILE])]).cast(kind)
    assert residual(ENGINE, cells).tolist() == [True, False, False, True]
    assert residual(ENGINE, cells.chunk(1).slice(1)).tolist() == [True]


@pytest.mark.parametrize(
    ("text", "detector", "shown"),
    [
        (ID, "id_card_18", "1***************2X"),
        (MOBILE, "mobile", "138****8000"),
        (CARD, "bank_card", "6222***********0009"),
        ("duan@163.com", "email", "d****@163.com"),
        ("192.168.1.10", "ipv4", "192.********"),
        ("张三", "cn_name", "张*"),
        ("张", "cn_name", "*"),
        (CODE, "uscc", "*" * 18),
        ("2822222", "landline", "*******"),
    ],
)
def test_an_example_shows_the_form_and_never_the_value(text: str, detector: str, shown: str) -> None:
    assert mask_example(text, detector, SPECS) == shown


def test_examples_are_few_and_reasons_name_pattern_check_and_share() -> None:
    one = found(identities(50), "身份证号")["id_card_18"]
    assert len(one.examples) == 3
    assert not set(one.examples) & set(identities(50))
    assert one.reasons[:2] == (
        "式样：50格中有符合“公民身份号码”式样的值",
        "校验：按MOD 11-2 校验码检查，式样相符的50格中50格通过（100.0%）",
    )
    assert "列名：“身份证号”提示“公民身份号码”" in one.reasons
