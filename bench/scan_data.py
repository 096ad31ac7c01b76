"""Frames to scan, made quickly and all values different: dense, with one hit in ten cells, and people for k.

Numbers are matrices of digits, so that a million identity numbers with right check characters take a second.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog_specs import load
from validators.codes import organisation_check_character

ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
ID_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
ZERO = ord("0")
REGIONS = ("520302", "520303", "520321", "520201", "520221", "110105", "330106", "500101")
ORGANISATIONS = (
    "遵义市汇川区民政局",
    "六盘水市钟山区人民医院",
    "播州区鸭溪镇人民政府",
    "贵州黔北建筑有限公司",
    "遵义市红花岗区教育局",
)
MATTERS = (
    "最低生活保障审核确认",
    "个体工商户设立登记",
    "施工许可证核发",
    "残疾人两项补贴",
    "公共场所卫生许可",
)
REMARKS = (
    "材料齐全，予以受理",
    "已转办，请按期反馈",
    "群众来电反映路灯不亮，已派人到现场查看",
    "经核实情况属实，同意发放",
    "无",
)
ROADS = ("遵义市汇川区上海路", "遵义市红花岗区中华北路", "六盘水市钟山区人民中路", "遵义市播州区鸭溪镇和平路")
STATES = ("已办结", "办理中", "已退回", "待补正")
Text = Any  # a pyarrow array of strings: the library has no types
Make = Callable[[np.random.Generator, int], Text]


def dense(rows: int, seed: int = 1) -> Any:
    """A table of 8 columns in which every cell is a candidate of some detector."""
    rng = np.random.default_rng(seed)
    made = {
        "证件": id_cards(rng, rows),
        "号码": mobiles(rng, rows),
        "卡号": bank_cards(rng, rows),
        "信用代码": credit_codes(rng, rows),
        "邮件": emails(rng, rows),
        "订单编号": orders(rng, rows),
        "说明": numbered_text(rng, rows),
        "地点": addresses(rng, rows),
    }
    return pa.table(made)


def sparse(rows: int, seed: int = 2) -> Any:
    """A table of 8 columns of ordinary data; one cell in ten holds an identifier, in text or alone."""
    rng = np.random.default_rng(seed)
    columns: dict[str, tuple[Make, Make]] = {
        "单位": (of(ORGANISATIONS), credit_codes),
        "事项": (of(MATTERS), numbered_text),
        "办结日期": (dates, id_cards),
        "拨付数": (amounts, bank_cards),
        "状态": (of(STATES), mobiles),
        "备注": (remarks, numbered_text),
        "数量": (counts, mobiles),
        "经办": (of(MATTERS), emails),
    }
    return pa.table({name: mixed(rng, rows, *makes) for name, makes in columns.items()})


def people(rows: int, seed: int = 3) -> Any:
    """A table of people by county, year of birth, sex and schooling, as strings."""
    rng = np.random.default_rng(seed)
    years = np.clip(rng.normal(1975, 15, rows), 1930, 2020).astype(int).astype(str)
    made = {"区县": of(REGIONS)(rng, rows), "出生年": pa.array(years), "性别": of(("男", "女"))(rng, rows)}
    return pa.table(made | {"学历": of(("小学", "初中", "高中", "大专", "本科", "研究生"))(rng, rows)})


def mixed(rng: np.random.Generator, rows: int, ordinary: Make, identifiers: Make) -> Text:
    """Nine cells of ten ordinary."""
    return pc.if_else(pa.array(rng.random(rows) < 0.1), identifiers(rng, rows), ordinary(rng, rows))


def strings(matrix: np.ndarray[Any, Any]) -> Text:
    """Strings of one width from a matrix of bytes."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(
        rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))
    )


def digits(rng: np.random.Generator, rows: int, width: int) -> np.ndarray[Any, Any]:
    """A matrix of digits as bytes."""
    return rng.integers(ZERO, ZERO + 10, (rows, width), dtype=np.uint8)


def heads(rng: np.random.Generator, rows: int, words: Sequence[str]) -> np.ndarray[Any, Any]:
    """A matrix of bytes of words of one width, drawn."""
    known = np.array([list(word.encode()) for word in words], dtype=np.uint8)
    return known[rng.integers(0, len(words), rows)]


def days(rng: np.random.Generator, rows: int, first: str, last: str) -> np.ndarray[Any, Any]:
    """A matrix of days as eight digits."""
    span = np.arange(first, last, dtype="datetime64[D]").astype(str)
    return heads(rng, rows, [day.replace("-", "") for day in span])


def id_cards(rng: np.random.Generator, rows: int) -> Text:
    """Identity numbers with right check characters."""
    parts = (heads(rng, rows, REGIONS), days(rng, rows, "1940-01-01", "2020-01-01"), digits(rng, rows, 3))
    body = np.hstack(parts)
    checks = ID_CHECKS[((body - ZERO).astype(np.int64) @ ID_WEIGHTS) % 11]
    return strings(np.column_stack([body, checks]))


def mobiles(rng: np.random.Generator, rows: int) -> Text:
    """Mobile numbers."""
    return strings(np.hstack([heads(rng, rows, ("13", "15", "17", "18", "19")), digits(rng, rows, 9)]))


def bank_cards(rng: np.random.Generator, rows: int) -> Text:
    """Bank cards of 19 digits with right Luhn digits."""
    body = np.hstack([heads(rng, rows, ("6222", "6217", "6228")), digits(rng, rows, 14)])
    values = (body - ZERO).astype(np.int64)[:, ::-1]
    values[:, ::2] = np.where(values[:, ::2] > 4, 2 * values[:, ::2] - 9, 2 * values[:, ::2])
    return strings(np.column_stack([body, (-values.sum(axis=1) % 10 + ZERO).astype(np.uint8)]))


def credit_codes(rng: np.random.Generator, rows: int) -> Text:
    """Unified social credit codes with both check characters right."""
    spec = load().credit_code
    eight = [f"{number:08d}" for number in rng.integers(0, 10**8, 2000)]
    nine = [code + organisation_check_character(code, spec) for code in eight]
    body = np.hstack(
        [heads(rng, rows, ("91", "11", "92")), heads(rng, rows, REGIONS), heads(rng, rows, nine)]
    )
    alphabet = np.frombuffer(spec.alphabet.encode(), dtype=np.uint8)
    value_of = np.zeros(128, dtype=np.int64)
    value_of[alphabet] = np.arange(len(alphabet))
    return strings(np.column_stack([body, alphabet[(-(value_of[body] @ np.array(spec.weights))) % 31]]))


def emails(rng: np.random.Generator, rows: int) -> Text:
    """E-mail addresses."""
    return joined(
        of(("zhang.wei", "li_na", "chenjie"))(rng, rows),
        number(rng, rows, 6),
        of(("@163.com", "@zunyi.gov.cn"))(rng, rows),
    )


def orders(rng: np.random.Generator, rows: int) -> Text:
    """区划6 + 日期8 + 流水4, the shape of an identity number."""
    return strings(
        np.hstack(
            [heads(rng, rows, REGIONS), days(rng, rows, "2015-01-01", "2025-01-01"), digits(rng, rows, 4)]
        )
    )


def numbered_text(rng: np.random.Generator, rows: int) -> Text:
    """Chinese sentences around a mobile number or an identity number."""
    either = pc.if_else(pa.array(rng.random(rows) < 0.5), id_cards(rng, rows), mobiles(rng, rows))
    return joined(of(("经查，当事人（", "来电号码", "请联系"))(rng, rows), either, of(REMARKS)(rng, rows))


def addresses(rng: np.random.Generator, rows: int) -> Text:
    """Detailed addresses."""
    return joined(of(ROADS)(rng, rows), number(rng, rows, 3), of(("号", "号3栋2单元501室"))(rng, rows))


def dates(rng: np.random.Generator, rows: int) -> Text:
    """Days with hyphens."""
    span = np.arange("2015-01-01", "2025-01-01", dtype="datetime64[D]").astype(str)
    return pa.array(span).take(pa.array(rng.integers(0, len(span), rows)))


def amounts(rng: np.random.Generator, rows: int) -> Text:
    """Amounts of money with two decimals."""
    return joined(number(rng, rows, 6), of((".00", ".50", ".35"))(rng, rows))


def remarks(rng: np.random.Generator, rows: int) -> Text:
    """Sentences that differ, with a small number in them."""
    return joined(
        of(REMARKS)(rng, rows),
        of(("，共", "，第"))(rng, rows),
        number(rng, rows, 5),
        of(("件", "批次"))(rng, rows),
    )


def counts(rng: np.random.Generator, rows: int) -> Text:
    """Small numbers."""
    return number(rng, rows, 2)


def number(rng: np.random.Generator, rows: int, width: int) -> Text:
    """Digits as they come."""
    return strings(digits(rng, rows, width))


def of(words: Sequence[str]) -> Make:
    """Words drawn from a list."""
    return lambda rng, rows: pa.array(words).take(pa.array(rng.integers(0, len(words), rows)))


def joined(*parts: Text) -> Text:
    """Strings put behind each other."""
    return pc.binary_join_element_wise(*parts, "")
