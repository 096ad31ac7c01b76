"""Single values of every kind that a detector knows, drawn from a seed: invented, with right check digits."""

import random
from collections.abc import Callable
from datetime import date, timedelta

from catalog_specs import load
from validators.codes import credit_check_character, luhn_ok, organisation_check_character

SPECS = load()
ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# the ends of every range of provinces, and what stands most in the files of two cities of Guizhou
ID_REGIONS = ("110105", "130102", "220102", "330106", "440524", "500101", "650102", "710101", "830000")
HOME_REGIONS = ("520302", "520303", "520321", "520201", "520203", "520221", "520281", "522301")
LEAP_DAYS = (date(1960, 2, 29), date(1996, 2, 29), date(2000, 2, 29), date(2004, 2, 29))
SURNAMES = "赵钱孙李周吴郑王冯陈杨朱秦许何吕张孔曹严华金魏陶姜谢邹罗田"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰建国红梅志文慧"
COMPOUND = ("欧阳", "司马", "上官", "诸葛", "令狐", "慕容")
VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, *range(9, 10), *range(2, 10)), strict=True)
)
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
Draw = Callable[[random.Random], str]


def digits(rng: random.Random, count: int) -> str:
    """``count`` digits."""
    return "".join(rng.choices("0123456789", k=count))


def day(rng: random.Random, first: int = 1940, last: int = 2020) -> date:
    """A day of these years; now and then the first, the last or a leap day."""
    if rng.random() < 0.05:
        return rng.choice((*LEAP_DAYS, date(first, 1, 1), date(last, 12, 31)))
    return date(first, 1, 1) + timedelta(days=rng.randrange((last - first + 1) * 365))


def id_check(body: str) -> str:
    """The 18th character for the first 17. Source: GB 11643-1999 (MOD 11-2)."""
    return "10X98765432"[sum(int(c) * w for c, w in zip(body, ID_WEIGHTS, strict=True)) % 11]


def id_of(region: str, born: str, order: str) -> str:
    """An identity number with its right check character."""
    body = f"{region}{born}{order}"
    return body + id_check(body)


def id_card(rng: random.Random) -> str:
    """A citizen's identity number: any province, any day of 1900 to 2020, capital X."""
    region = rng.choice(HOME_REGIONS if rng.random() < 0.5 else ID_REGIONS)
    return id_of(region, day(rng, rng.choice((1900, 1940)), 2020).strftime("%Y%m%d"), digits(rng, 3))


def id_card_15(rng: random.Random) -> str:
    """A number of the first generation: region, year of two digits, month, day, order."""
    return f"{rng.choice(HOME_REGIONS)}{day(rng, 1930, 1984).strftime('%y%m%d')}{digits(rng, 3)}"


def hmt_residence(rng: random.Random) -> str:
    """A residence permit of people from Hong Kong, Macao, Taiwan."""
    return id_of(
        rng.choice(("810000", "820000", "830000")), day(rng, 1950).strftime("%Y%m%d"), digits(rng, 3)
    )


def foreigner_pr(rng: random.Random) -> str:
    """A foreigner's permanent residence card, old form with the country's letters or new form from 9."""
    if rng.random() < 0.5:
        return rng.choice(("USA", "GBR", "KOR", "JPN")) + digits(rng, 12)
    return "9" + digits(rng, 17)


def passport(rng: random.Random) -> str:
    """A Chinese passport: one letter and eight digits, or E with a letter and seven."""
    return rng.choice(
        (
            f"E{digits(rng, 8)}",
            f"G{digits(rng, 8)}",
            f"E{rng.choice('ABCDEFGH')}{digits(rng, 7)}",
            f"e{digits(rng, 8)}",
        )
    )


def hm_permit(rng: random.Random) -> str:
    """A mainland travel permit of Hong Kong and Macao residents."""
    return rng.choice("HM") + digits(rng, rng.choice((8, 10)))


def tw_permit(rng: random.Random) -> str:
    """A mainland travel permit of Taiwan residents."""
    return digits(rng, 8) if rng.random() < 0.8 else f"{digits(rng, 10)}({rng.choice('ABCD')})"


def hk_macau_exit(rng: random.Random) -> str:
    """An exit permit to Hong Kong and Macao."""
    return rng.choice(
        (f"C{digits(rng, 8)}", f"C{rng.choice('ABCDEF')}{digits(rng, 7)}", f"W{digits(rng, 8)}")
    )


def hk_id(rng: random.Random) -> str:
    """A Hong Kong identity card with its check character: 9 and 8 for the letters, then 7 down to 2, modulo 11."""
    letters = "".join(rng.choices("ABCDEFGHKMPRVYZ", k=rng.choice((1, 1, 2))))
    number = digits(rng, 6)
    values = [ord(c) - 55 for c in letters.rjust(2)] if len(letters) == 2 else [36, ord(letters) - 55]
    total = sum(v * w for v, w in zip([*values, *map(int, number)], range(9, 1, -1), strict=True))
    return f"{letters}{number}({'0123456789A'[-total % 11]})"


def officer_card(rng: random.Random) -> str:
    """A military card."""
    return f"{rng.choice('南北沈兰济广成军政后装海空')}字第{digits(rng, rng.choice((7, 8)))}号"


def mobile(rng: random.Random) -> str:
    """Eleven digits of a mobile number."""
    return f"1{rng.choice('3456789')}{digits(rng, 9)}"


def landline(rng: random.Random) -> str:
    """A landline of the two cities, with or without area code and extension."""
    number = f"{rng.choice('2345678')}{digits(rng, 7)}"
    return rng.choice(
        (f"0851-{number}", f"0858-{number[:7]}", f"(0851){number}", number, f"0851-{number}-8012")
    )


def luhn_digit(body: str) -> str:
    """The digit that makes a run pass the Luhn check. Source: ISO/IEC 7812-1."""
    return next(d for d in "0123456789" if luhn_ok(body + d))


def bank_card(rng: random.Random) -> str:
    """A card of 62 with 16 to 19 digits, or one of the international houses with 16."""
    head, length = rng.choice(
        (("62", 16), ("62", 17), ("62", 18), ("62", 19), ("62", 19), ("4", 16), ("52", 16), ("35", 16))
    )
    body = head + digits(rng, length - len(head) - 1)
    return body + luhn_digit(body)


def bank_account(rng: random.Random) -> str:
    """An account of an organisation."""
    return rng.choice("1234568") + digits(rng, rng.choice((11, 15, 18)))


def email(rng: random.Random) -> str:
    """An e-mail address."""
    name = rng.choice(("zhang.wei", "li_na", "wang+gov", "chen-jie", "13zy", "Liu.Yang"))
    return (
        f"{name}{rng.randrange(1000)}@{rng.choice(('zunyi.gov.cn', '163.com', 'qq.com', 'mail.gzu.edu.cn'))}"
    )


def plate(rng: random.Random) -> str:
    """A number plate: petrol, new energy, small and large, or of a driving school."""
    head = rng.choice(("贵C", "贵B", "贵A", "渝A", "京N", "粤B"))
    tail = "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=4))
    return head + rng.choice(
        (
            tail + digits(rng, 1),
            f"{rng.choice('DF')}{digits(rng, 5)}",
            f"{digits(rng, 5)}D",
            f"{digits(rng, 4)}学",
        )
    )


def vin(rng: random.Random) -> str:
    """A vehicle identification number with its check character in the ninth place. Source: GB 16735."""
    alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    body = [*"LSV", *rng.choices(alphabet, k=5), "0", *rng.choices(alphabet, k=4), *digits(rng, 4)]
    values = (int(c) if c.isdigit() else VIN_VALUES[c] for c in body)
    body[8] = "0123456789X"[sum(v * w for v, w in zip(values, VIN_WEIGHTS, strict=True)) % 11]
    return "".join(body)


def ipv4(rng: random.Random) -> str:
    """An IPv4 address."""
    return ".".join(str(rng.randrange(256)) for _ in range(4))


def ipv6(rng: random.Random) -> str:
    """An IPv6 address, whole or shortened."""
    groups = [f"{rng.randrange(65536):x}" for _ in range(8)]
    return rng.choice((":".join(groups), f"2001:db8::{groups[0]}", f"fe80::{':'.join(groups[:4])}"))


def mac(rng: random.Random) -> str:
    """A hardware address of two makers, with colons or hyphens."""
    head = rng.choice((["00", "1A", "2B"], ["3c", "52", "82"]))
    return rng.choice(":-").join([*head, *(f"{rng.randrange(256):02x}" for _ in range(3))])


def imei(rng: random.Random) -> str:
    """The number of a mobile device."""
    body = rng.choice(("86", "35")) + digits(rng, 12)
    return body + luhn_digit(body)


def org_code(rng: random.Random) -> str:
    """An organisation code, with or without its hyphen. Source: GB 11714."""
    body = rng.choice((digits(rng, 8), f"MA{rng.choice('ABCDEFGH')}{digits(rng, 5)}"))
    return f"{body}{rng.choice(('-', ''))}{organisation_check_character(body, SPECS.credit_code)}"


def _credit_code(rng: random.Random, head: str, region: str) -> str:
    body = org_code(rng).replace("-", "")
    whole = f"{head}{region}{body}"
    return whole + credit_check_character(whole, SPECS.credit_code)


def uscc(rng: random.Random) -> str:
    """A credit code of an organisation of the two cities."""
    return _credit_code(rng, rng.choice(("11", "12", "51", "91", "93")), rng.choice(HOME_REGIONS[:7]))


def uscc_elsewhere(rng: random.Random) -> str:
    """A credit code of an enterprise from another province."""
    return _credit_code(rng, "91", rng.choice(("110105", "350100", "440300", "510100", "100000")))


def uscc_trader(rng: random.Random) -> str:
    """A credit code of a sole trader, which points to a person."""
    return _credit_code(rng, "92", rng.choice(HOME_REGIONS[:7]))


def cn_name(rng: random.Random) -> str:
    """A Chinese name: two to four characters, or with a middle dot."""
    if rng.random() < 0.05:
        return rng.choice(("阿依古丽·买买提", "尼玛·次仁", "迪丽热巴·艾力"))
    family = rng.choice(COMPOUND) if rng.random() < 0.05 else rng.choice(SURNAMES)
    return family + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2))))


def address(rng: random.Random) -> str:
    """A detailed address of Zunyi or Liupanshui."""
    place = rng.choice(
        (
            "贵州省遵义市汇川区上海路",
            "遵义市红花岗区中华北路",
            "六盘水市钟山区人民中路",
            "遵义市播州区鸭溪镇和平村",
        )
    )
    house = rng.choice(
        (
            f"{rng.randrange(1, 400)}号",
            f"{rng.randrange(1, 400)}号{rng.randrange(1, 9)}栋{rng.randrange(1, 5)}单元{rng.randrange(101, 999)}室",
        )
    )
    return f"{place}{rng.randrange(1, 9)}组{house}" if place.endswith("村") else place + house


def birth_date(rng: random.Random) -> str:
    """A date of birth in the ways that files write it."""
    return day(rng).strftime(rng.choice(("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y.%m.%d")))


def geo_point(rng: random.Random) -> str:
    """A longitude of the two cities."""
    return f"{rng.uniform(104.3, 108.2):.6f}"


def postcode(rng: random.Random) -> str:
    """A postcode."""
    return rng.choice(("563000", "563100", "553000", "564300", "553400"))


def social_card(rng: random.Random) -> str:
    """A social security card: a letter and eight digits."""
    return rng.choice("ABCDEFGHJ") + digits(rng, 8)


def driver_file(rng: random.Random) -> str:
    """A driver's file number of twelve digits."""
    return rng.choice(HOME_REGIONS)[:4] + digits(rng, 8)


def household_no(rng: random.Random) -> str:
    """A household's number of nine digits."""
    return rng.choice("123456789") + digits(rng, 8)


def student_no(rng: random.Random) -> str:
    """A school number: a letter before an identity number."""
    return rng.choice("GJL") + id_card(rng)


def disability_no(rng: random.Random) -> str:
    """A disability card number: an identity number, kind and degree, now and then a reissue."""
    return (
        id_card(rng)
        + rng.choice("1234567")
        + rng.choice("1234")
        + (f"B{rng.randrange(1, 4)}" if rng.random() < 0.2 else "")
    )
