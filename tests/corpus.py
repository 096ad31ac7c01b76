"""The labelled corpus: columns of invented cells, each cell with the detectors that are truly there.

A column says what it is, so that a failure names it. ``there`` must be found; ``also`` may be found without being
wrong (a residence permit has the shape and check of an identity number; four numbers with dots are a fair IPv4
address). A number that has a right check character by chance in an ordinary column is not there: it is a look-alike
(domain §12 R8). Kinds of confidence L bear a check that too many numbers pass (IMEI, organisation code): they are
labelled under their hint only, as the law of detectors has them.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tests import corpus_lookalikes as alike
from tests import corpus_text as text
from tests import corpus_values as value
from tests.corpus_text import Disguise
from tests.corpus_values import Draw

SEED = 20261121
Labels = frozenset[str]
NOTHING: Labels = frozenset()
CELLS = 60
# names that hint at nothing
NEUTRAL = ("字段七", "内容", "col_7", "附注")


@dataclass(frozen=True)
class Labelled:
    """A column: ``there`` and ``also`` by cell. ``lost`` counts cells whose number a spreadsheet has destroyed."""

    what: str
    name: str
    cells: tuple[str | None, ...]
    there: tuple[Labels, ...]
    also: Labels = NOTHING
    about_people: bool | None = None
    lost: int = 0

    def count(self, detector: str) -> int:
        """How many cells hold it."""
        return sum(detector in labels for labels in self.there)


@dataclass(frozen=True)
class Kind:
    """A detector with how its values are drawn and hidden, and the names that hint at it."""

    detector: str
    draw: Draw
    hints: tuple[str, ...]
    disguises: tuple[Disguise, ...]
    there: Labels = NOTHING
    also: Labels = NOTHING
    about_people: bool | None = None

    @property
    def labels(self) -> Labels:
        return self.there or frozenset({self.detector})


IN_CELLS = (text.plain, text.padded, text.wide, text.in_text, text.wide_in_text)
IN_TEXT = (text.plain, text.padded, text.in_text)
ID_GROUPS = (text.grouped(6, 8), text.grouped(6, 4, 4), text.grouped(4, 4, 4, 4), text.grouped(3, 3, 4, 4))
CARD_GROUPS = (text.grouped(4, 4, 4, 4), text.grouped(6))
WHOLE = frozenset({"id_card_18"})
# a number of region 83 is one of either
PERMIT = frozenset({"hmt_residence"})

# what counts wherever it stands and whatever the column is called
ANYWHERE = (
    Kind(
        "id_card_18",
        value.id_card,
        ("身份证号", "公民身份号码", "sfzh"),
        (*IN_CELLS, text.lower, *ID_GROUPS),
        also=PERMIT,
    ),
    Kind("hmt_residence", value.hmt_residence, ("居住证号",), (*IN_CELLS, text.grouped(6, 8)), also=WHOLE),
    Kind("hk_id", value.hk_id, ("香港身份证号",), (*IN_CELLS, text.wide_brackets)),
    Kind("officer_card", value.officer_card, ("军官证号",), IN_TEXT),
    Kind(
        "mobile",
        value.mobile,
        ("手机号", "移动电话", "sjhm"),
        (*IN_CELLS, text.foreign_prefix, text.grouped(3, 4), text.grouped(4, 3), text.grouped(3, 3)),
    ),
    Kind("bank_card", value.bank_card, ("银行卡号", "yhkh"), (*IN_CELLS, *CARD_GROUPS)),
    Kind("email", value.email, ("邮箱", "email"), IN_TEXT),
    Kind("plate", value.plate, ("车牌号", "cph"), (*IN_TEXT, text.wide)),
    Kind("ipv4", value.ipv4, ("IP地址",), IN_TEXT),
    Kind("ipv6", value.ipv6, ("IPv6地址",), IN_TEXT),
    Kind("mac", value.mac, ("MAC地址",), IN_TEXT),
    Kind("uscc", value.uscc, ("统一社会信用代码",), (*IN_CELLS, text.grouped(8))),
    Kind("uscc", value.uscc_elsewhere, ("统一社会信用代码",), IN_TEXT),
    Kind("uscc", value.uscc_trader, ("信用代码",), IN_TEXT),
    Kind(
        "student_no", value.student_no, ("学籍号",), IN_CELLS, frozenset({"student_no", "id_card_18"}), PERMIT
    ),
    Kind(
        "disability_no",
        value.disability_no,
        ("残疾人证号",),
        IN_CELLS,
        frozenset({"disability_no", "id_card_18"}),
        PERMIT,
    ),
)
PERSON = True
# what counts under a name that hints at it
HINTED = (
    Kind("id_card_15", value.id_card_15, ("身份证号", "公民身份号码"), (text.plain, text.padded, text.wide)),
    Kind("foreigner_pr", value.foreigner_pr, ("外国人永久居留身份证号",), IN_TEXT[:2]),
    Kind("passport_cn", value.passport, ("护照号", "护照号码"), IN_TEXT),
    Kind("hm_permit", value.hm_permit, ("回乡证号", "港澳居民来往内地通行证号"), IN_TEXT[:2]),
    Kind("tw_permit", value.tw_permit, ("台胞证号", "台湾居民来往大陆通行证号"), IN_TEXT[:2]),
    Kind("hk_macau_exit", value.hk_macau_exit, ("往来港澳通行证号",), IN_TEXT[:2]),
    Kind("landline", value.landline, ("固定电话", "联系电话"), IN_TEXT),
    Kind("bank_account", value.bank_account, ("银行账号", "对公账号"), (text.plain, text.padded)),
    Kind("vin", value.vin, ("车架号", "车辆识别代号"), IN_TEXT),
    Kind("imei", value.imei, ("IMEI", "手机串号"), (text.plain, text.padded)),
    Kind("org_code", value.org_code, ("组织机构代码",), (text.plain, text.padded)),
    Kind(
        "cn_name",
        value.cn_name,
        ("姓名", "户主姓名", "联系人"),
        (text.plain, text.padded),
        about_people=PERSON,
    ),
    Kind("address", value.address, ("家庭住址", "户籍地址"), (text.plain, text.padded), about_people=PERSON),
    Kind(
        "birth_date", value.birth_date, ("出生日期", "csrq"), (text.plain, text.padded), about_people=PERSON
    ),
    Kind("geo_point", value.geo_point, ("经度",), (text.plain,), about_people=PERSON),
    Kind("postcode", value.postcode, ("邮政编码", "邮编"), (text.plain, text.padded)),
    Kind("social_card", value.social_card, ("社保卡号", "社会保障号"), (text.plain, text.padded)),
    Kind("driver_file", value.driver_file, ("驾驶证档案编号",), (text.plain, text.padded)),
    Kind("household_no", value.household_no, ("户号",), (text.plain, text.padded)),
)
# judged by the name of the column alone
NAMED = {
    "medical_record": ("病历号", "住院号", "门诊号"),
    "biometric": ("指纹", "人脸"),
    "password": ("passwd", "token"),
}
# telephones of offices are landlines all the same
FAIR: dict[str, Labels] = {"公开电话": frozenset({"landline"})}


@lru_cache(maxsize=1)
def corpus(seed: int = SEED) -> tuple[Labelled, ...]:
    """All columns, the same for the same seed."""
    rng = random.Random(seed)
    made = [*_anywhere(rng), *_hinted(rng), *_named(rng), *_runs(rng), *_mixed(rng), *_lost(rng)]
    return (*made, *_alike(rng))


def _column(what: str, name: str, drawn: Sequence[tuple[str | None, Labels]], **more: object) -> Labelled:
    return Labelled(what, name, tuple(c for c, _ in drawn), tuple(t for _, t in drawn), **more)  # type: ignore[arg-type]


def _filled(
    kind: Kind, hide: Disguise, rng: random.Random, count: int = CELLS
) -> list[tuple[str | None, Labels]]:
    """Cells of one kind, with a null and an empty cell among them."""
    drawn: list[tuple[str | None, Labels]] = [(hide(kind.draw(rng), rng), kind.labels) for _ in range(count)]
    return [*drawn, (None, NOTHING), ("", NOTHING)]


def _of_kind(kind: Kind, names: Sequence[str], rng: random.Random) -> Iterator[Labelled]:
    for place, hide in enumerate(kind.disguises):
        for name in names:
            what = f"{kind.detector}: {kind.draw.__name__}, {hide.__name__} {place}, column {name}"
            drawn = _filled(kind, hide, rng)
            yield _column(what, name, drawn, also=kind.also, about_people=kind.about_people)


def _anywhere(rng: random.Random) -> Iterator[Labelled]:
    for place, kind in enumerate(ANYWHERE):
        yield from _of_kind(kind, (kind.hints[0], NEUTRAL[place % len(NEUTRAL)]), rng)
        for name in kind.hints[1:]:
            yield _column(
                f"{kind.detector}: column {name}", name, _filled(kind, text.plain, rng), also=kind.also
            )


def _hinted(rng: random.Random) -> Iterator[Labelled]:
    for kind in HINTED:
        yield from _of_kind(kind, kind.hints, rng)


def _named(rng: random.Random) -> Iterator[Labelled]:
    for detector, names in NAMED.items():
        for name in names:
            drawn = [(f"a{value.digits(rng, 7)}", frozenset({detector})) for _ in range(CELLS)]
            yield _column(f"{detector}: column {name}", name, [*drawn, (None, NOTHING)])


def _runs(rng: random.Random) -> Iterator[Labelled]:
    """A valid number inside a longer run counts (R9): before, behind, on both sides, two in one."""
    runs: dict[str, Draw] = {
        "number of a family's member behind": lambda r: value.id_card(r) + value.digits(r, 2),
        "three digits behind": lambda r: value.id_card(r) + value.digits(r, 3),
        "zeros before": lambda r: "00" + value.id_card(r),
        "digits on both sides": lambda r: f"{value.digits(r, 2)}{value.id_card(r)}{value.digits(r, 3)}",
        "Latin letters before": lambda r: r.choice(("ID", "sfz", "CN")) + value.id_card(r),
        "two numbers in one run": lambda r: value.id_card(r) + value.id_card(r),
    }
    also = PERMIT | {"disability_no", "student_no", "bank_card"}
    for what, draw in runs.items():
        drawn: list[tuple[str | None, Labels]] = [(draw(rng), WHOLE) for _ in range(CELLS)]
        yield _column(f"id_card_18 in a run: {what}", "编码", drawn, also=also)


def _mixed(rng: random.Random) -> Iterator[Labelled]:
    """Free text: several identifiers in a cell, and one cell in ten that holds any."""
    several: dict[str, tuple[Draw, Labels]] = {
        "number, mobile": (text.together((value.id_card, value.mobile)), frozenset({"id_card_18", "mobile"})),
        "two mobiles": (text.together((value.mobile, value.mobile)), frozenset({"mobile"})),
        "card, mobile, mail": (
            text.together((value.bank_card, value.mobile, value.email)),
            frozenset({"bank_card", "mobile", "email"}),
        ),
        "credit code, plate": (text.together((value.uscc, value.plate)), frozenset({"uscc", "plate"})),
        "name, number": (text.together((value.cn_name, value.id_card)), WHOLE),
        "JSON of an interface": (
            lambda r: f'{{"sfzh":"{value.id_card(r)}","sjh":"{value.mobile(r)}"}}',
            frozenset({"id_card_18", "mobile"}),
        ),
        "address of the web": (
            lambda r: f"https://zw.example.cn/cx?zjhm={value.id_card(r)}&sj={value.mobile(r)}&v=2",
            frozenset({"id_card_18", "mobile"}),
        ),
        "mail that is a mobile": (lambda r: f"{value.mobile(r)}@163.com", frozenset({"email"})),
    }
    for what, (draw, labels) in several.items():
        drawn: list[tuple[str | None, Labels]] = [(draw(rng), labels) for _ in range(CELLS)]
        yield _column(f"several: {what}", "办理情况", drawn, also=PERMIT | {"mobile"})
        thin = [
            pair if place % 10 == 0 else (rng.choice(text.SENTENCES), NOTHING)
            for place, pair in enumerate(drawn)
        ]
        yield _column(f"one in ten: {what}", "处理意见", thin, also=PERMIT | {"mobile"})


def _lost(rng: random.Random) -> Iterator[Labelled]:
    """Identity numbers that a spreadsheet has made floating-point numbers."""
    drawn = [(f"{value.id_card(rng)[0]}.{value.digits(rng, 13)}E+17", NOTHING) for _ in range(CELLS)]
    yield _column("lost numbers", "身份证号", drawn, lost=CELLS)


def _alike(rng: random.Random) -> Iterator[Labelled]:
    """Columns of ordinary data, and such with very few numbers in much text."""
    sizes = ((alike.LARGE, 1200, 1), (alike.ORDINARY, 300, 1), (alike.MASKED, 200, 1), (alike.SMALL, 20, 6))
    for columns, count, times in sizes:
        for name, draw in (pair for pair in columns.items() for _ in range(times)):
            drawn: list[tuple[str | None, Labels]] = [(draw(rng), NOTHING) for _ in range(count)]
            yield _column(f"look-alike: {name}", name, drawn, also=FAIR.get(name, NOTHING))
    fair = [
        (f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(9)}.{rng.randrange(9)}", NOTHING)
        for _ in range(300)
    ]
    yield _column("look-alike: version of four parts", "版本号", fair, also=frozenset({"ipv4"}))
    for number in range(20):
        rest = [(rng.choice(text.SENTENCES), NOTHING) for _ in range(200)]
        yield _column(f"look-alike: two serials in text {number}", "情况说明", [*rest, *_two_serials(rng)])


def _two_serials(rng: random.Random) -> list[tuple[str, Labels]]:
    return [(text.in_text(alike.case_serial(rng), rng), NOTHING) for _ in range(2)]
