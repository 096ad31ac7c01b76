"""Columns of ordinary data that look like identifiers and are none: what government tables are full of."""

import hashlib
import random
import uuid
from collections.abc import Mapping

from tests.corpus_text import grouped, in_text, wide
from tests.corpus_values import (
    HOME_REGIONS,
    Draw,
    cn_name,
    day,
    digits,
    id_card,
    id_of,
    ipv4,
    mobile,
)

COURSES = (
    "高等数学",
    "大学语文",
    "马原",
    "线性代数",
    "体育",
    "程序设计",
    "贵州省情",
    "金工实习",
    "安全教育",
    "方程论",
)
ORGANISATIONS = (
    "遵义市汇川区民政局",
    "六盘水市钟山区人民医院",
    "贵州黔北建筑有限公司",
    "播州区鸭溪镇人民政府",
    "遵义师范学院",
)
TOWNSHIPS = ("遵义市汇川区", "贵州省六盘水市钟山区", "水城区****", "遵义市汇川区上海路街道", "播州区鸭溪镇")


def _day(rng: random.Random) -> str:
    return day(rng, 2015, 2025).strftime("%Y%m%d")


def case_serial(rng: random.Random) -> str:
    """区划6 + 日期8 + 流水4: a case of a one-stop hall; one in eleven passes MOD 11-2 (R8)."""
    return f"{rng.choice(HOME_REGIONS)}{_day(rng)}{rng.randrange(1, 9000):04d}"


def wrong_id(rng: random.Random) -> str:
    """An identity number mistyped in its last character."""
    number = id_card(rng)
    return number[:17] + rng.choice([c for c in "0123456789X" if c != number[17]])


def impossible_day(rng: random.Random) -> str:
    """A right check character over a day that is none."""
    born = rng.choice(("19950229", "20010431", "19000229", "19991131", "20000230"))
    return id_of(rng.choice(HOME_REGIONS), born, digits(rng, 3))


def no_region(rng: random.Random) -> str:
    """A right check character over a region that no province has."""
    body = rng.choice(("100105", "660101", "700203", "720304", "800405", "900506"))
    return id_of(body, _day(rng), digits(rng, 3))


def asset_disability(rng: random.Random) -> str:
    """Twenty digits of the shape of a disability card."""
    return case_serial(rng) + rng.choice("1234567") + rng.choice("1234")


def wrong_card(rng: random.Random) -> str:
    """Sixteen digits that pass Luhn one time in ten."""
    return rng.choice("3456") + digits(rng, 15)


def wrong_uscc(rng: random.Random) -> str:
    """A contract number of the shape of a credit code."""
    body = f"{rng.choice(('91', '11', '52'))}{rng.choice(HOME_REGIONS)}{digits(rng, 9)}"
    return body + rng.choice("0123456789")


def wrong_hk_id(rng: random.Random) -> str:
    """A seat or book number with a bracketed digit."""
    return f"{rng.choice('ABCDEFGH')}{digits(rng, 6)}({rng.randrange(10)})"


def wrong_vin(rng: random.Random) -> str:
    """Seventeen digits and letters of a bill of lading."""
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=17))


def asset_hex(rng: random.Random) -> str:
    """An asset code with five or seven pairs."""
    return "-".join(f"{rng.randrange(256):02X}" for _ in range(rng.choice((5, 7))))


def stamp_hyphened(rng: random.Random) -> str:
    """A name of a file by year, month, day, hour, minute, second in pairs: as many pairs as a MAC has."""
    moment = day(rng, 2010, 2025).strftime("%y-%m-%d")
    return f"{moment}-{rng.randrange(24):02d}-{rng.randrange(60):02d}-{rng.randrange(60):02d}"


def clock(rng: random.Random) -> str:
    """Times, spans and ratios."""
    return rng.choice(
        (
            f"{rng.randrange(24)}:{rng.randrange(60):02d}:{rng.randrange(60):02d}",
            "1:2:3",
            "08:00-12:00",
            "00:00:00.000",
        )
    )


def deed(rng: random.Random) -> str:
    """Numbers of deeds and documents, which bear 字第 too."""
    number = digits(rng, rng.choice((5, 7, 8)))
    return rng.choice(
        (f"遵房权证汇字第{number}号", f"黔国用（2009）字第{number}号", f"遵市环罚字第{number}号")
    )


def filing(rng: random.Random) -> str:
    """Filings of web sites."""
    return rng.choice(
        (f"黔ICP备{digits(rng, 8)}号-1", f"贵公网安备 {digits(rng, 14)}号", f"云B2-{digits(rng, 8)}")
    )


def moment(rng: random.Random) -> str:
    """Dates with times."""
    text = day(rng, 2010, 2025).strftime("%Y-%m-%d")
    clocked = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    return rng.choice(
        (f"{text} {clocked}", f"{text}T{clocked}+08:00", f"{text.replace('-', '')}{clocked.replace(':', '')}")
    )


def readings(rng: random.Random) -> str:
    """Numbers beside each other in one cell."""
    return " ".join(str(rng.randrange(10, 999)) for _ in range(rng.randrange(3, 9)))


def hashed(rng: random.Random) -> str:
    """A digest or identifier of an object."""
    raw = rng.randbytes(16)
    return rng.choice(
        (hashlib.sha256(raw).hexdigest(), raw.hex(), str(uuid.UUID(bytes=raw)), hashlib.sha1(raw).hexdigest())
    )


def pinned(rng: random.Random) -> str:
    """Coordinates of a public toilet, as a pair."""
    return f"{rng.uniform(104.3, 108.2):.6f},{rng.uniform(25.2, 29.2):.6f}"


def office_phone(rng: random.Random) -> str:
    """Telephones that the public is to call."""
    return rng.choice(
        (
            "0851-12345",
            "12345",
            "0851-28222222",
            "0858-8222222转8012",
            "400-820-8820",
            "110",
            "95598",
            "(0851)28681234",
        )
    )


def tracking(rng: random.Random) -> str:
    """Numbers of parcels."""
    return rng.choice(
        (
            f"SF{digits(rng, 13)}",
            f"JD{digits(rng, 13)}",
            f"77{digits(rng, 12)}",
            f"YT{digits(rng, 13)}",
            f"4{digits(rng, 12)}",
        )
    )


def contract(rng: random.Random) -> str:
    """Numbers of contracts and documents."""
    year = rng.randrange(2015, 2026)
    return rng.choice(
        (
            f"ZYHT-{year}-{digits(rng, 4)}",
            f"遵府办发〔{year}〕{rng.randrange(1, 99)}号",
            f"GZ{year}{digits(rng, 10)}",
            f"（{year}）黔03民终{digits(rng, 4)}号",
        )
    )


def order_with_hyphens(rng: random.Random) -> str:
    """Orders and cases in groups."""
    return rng.choice(
        (
            f"DD-{_day(rng)}-{digits(rng, 6)}",
            f"{rng.choice(HOME_REGIONS)}-{_day(rng)}-{rng.randrange(1, 9000):04d}",
        )
    )


def version(rng: random.Random) -> str:
    """Versions and object identifiers of three, five or more parts."""
    parts = [str(rng.randrange(30)) for _ in range(rng.choice((3, 5, 7)))]
    return rng.choice(("v", "", "V")) + ".".join(parts)


def masked_id(rng: random.Random) -> str:
    """Identity numbers in every accepted form."""
    n = id_card(rng)
    return rng.choice(
        (
            f"{n[:6]}********{n[14:]}",
            f"{n[:6]}************",
            f"{n[0]}***************{n[16:]}",
            f"{n[:6]}**********{n[16:]}",
            f"{n[:3]}***************",
        )
    )


def masked_mobile(rng: random.Random) -> str:
    """Mobile numbers in every accepted form."""
    n = mobile(rng)
    return rng.choice((f"{n[:3]}****{n[7:]}", f"{n[:3]}********"))


def masked_bank(rng: random.Random) -> str:
    """Bank cards in every accepted form."""
    return rng.choice(
        ("6222 **** **** **** 009", f"622202**********{digits(rng, 4)}", f"6217***********{digits(rng, 4)}")
    )


def masked_rest(rng: random.Random) -> str:
    """Names, mail, plates, addresses of networks and passports in every accepted form."""
    name, net = cn_name(rng), ipv4(rng).split(".")
    return rng.choice(
        (
            f"{name[0]}**",
            f"{name[0]}某",
            "欧阳*",
            "d****@163.com",
            "贵C1***5",
            "贵C*****",
            f"{net[0]}.*.*.*",
            f"{net[0]}.{net[1]}.*.*",
            f"E******{digits(rng, 2)}",
            "0851-****22",
            "0858*******",
        )
    )


def numbered(head: str, count: int) -> Draw:
    """A number that begins so."""
    return lambda rng: head + digits(rng, count)


def amount(rng: random.Random) -> str:
    """Amounts of money."""
    return rng.choice(
        (
            f"{rng.uniform(0, 9e7):,.2f}",
            f"{rng.uniform(0, 9e11):.2f}",
            f"¥{rng.randrange(10**6)}",
            f"-{rng.uniform(0, 1e4):.4f}",
        )
    )


def text_with_numbers(rng: random.Random) -> str:
    """Free text that holds numbers and nobody's."""
    return in_text(
        rng.choice((tracking, contract, moment, office_phone, amount, order_with_hyphens))(rng), rng
    )


def _one_of(words: tuple[str, ...]) -> Draw:
    return lambda rng: rng.choice(words)


# column name, how a cell is drawn; those of 1000 cells and more pass a check digit by chance (R8)
LARGE: Mapping[str, Draw] = {
    "办件编号": case_serial,
    "受理号": lambda rng: wide(case_serial(rng), rng),
    "业务流水": lambda rng: grouped(6, 8)(case_serial(rng), rng),
    "案件说明": lambda rng: in_text(case_serial(rng), rng),
    "登记证号": lambda rng: f"G{case_serial(rng)}",
    "资产编码": asset_disability,
    "票据编号": lambda rng: f"{case_serial(rng)}{digits(rng, 4)}",
    "档案顺序": lambda rng: f"{digits(rng, 2)}{case_serial(rng)}",
    "支付单号": lambda rng: f"4200{digits(rng, 6)}{_day(rng)}{digits(rng, 10)}",
    "交易号": lambda rng: f"{_day(rng)}{digits(rng, 8)}",
    "订单号": lambda rng: f"{_day(rng)}22001{digits(rng, 9)}",
    "订单编号": wrong_card,
    "网购单号": lambda rng: f"3{digits(rng, 18)}",
    "序列号": lambda rng: f"62{digits(rng, 17)}",
    "合同编号": wrong_uscc,
    "座位编码": wrong_hk_id,
    "提单号": wrong_vin,
    "设备编号": numbered("86", 13),
    "错号": wrong_id,
    "测试号": impossible_day,
    "无区划号": no_region,
    "电子票号": lambda rng: f"2452200000{digits(rng, 10)}",
    "雪花编号": lambda rng: f"1{digits(rng, 18)}",
}
ORDINARY: Mapping[str, Draw] = {
    "毫秒": lambda rng: f"17{digits(rng, 11)}",
    "微秒": lambda rng: f"17{digits(rng, 14)}",
    "秒": lambda rng: f"1{digits(rng, 9)}",
    "运单": tracking,
    "发票代码": numbered("0520", 8),
    "发票号码": numbered("", 8),
    "合同": contract,
    "序号": lambda rng: rng.choice("023456789") + digits(rng, 10),
    "拨付数": amount,
    "位置": pinned,
    "版本": version,
    "资产号": asset_hex,
    "文件名": stamp_hyphened,
    "时刻": clock,
    "摘要值": hashed,
    "公开电话": office_phone,
    "单位": _one_of(ORGANISATIONS),
    "课程": _one_of(COURSES),
    "所在区县": _one_of(TOWNSHIPS),
    "权证": deed,
    "备案": filing,
    "办理时刻": moment,
    "读数": readings,
    "编组": order_with_hyphens,
    "备注": text_with_numbers,
    "条码": numbered("69", 11),
    "国际书号": lambda rng: f"978-7-111-{digits(rng, 5)}-{digits(rng, 1)}",
    "年份": lambda rng: " ".join(str(y) for y in range(2015, 2025)),
}
# masked values stand under the very names that hint at what they were
MASKED: Mapping[str, Draw] = {
    "身份证号": masked_id,
    "手机号": masked_mobile,
    "银行卡号": masked_bank,
    "公开信息": masked_rest,
    "家庭住址": _one_of(TOWNSHIPS),
    "姓名": lambda rng: rng.choice(("张**", "李某", "欧阳*", "王**", "赵某某")),
    "学籍号": lambda rng: f"G{rng.choice(HOME_REGIONS)}************",
}
# too few to vote: a column of a few serials must not become one of identifiers
SMALL: Mapping[str, Draw] = {
    "编号": case_serial,
    "单据": wrong_card,
    "流水说明": lambda rng: in_text(case_serial(rng), rng),
}
