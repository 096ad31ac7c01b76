"""Tables of people for which pycanon gave k and l: drawn from a seed, so that the fixture holds the values alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

COUNTIES = ("汇川区", "红花岗区", "播州区", "钟山区", "水城区", "盘州市")
ILLNESSES = ("高血压", "糖尿病", "慢性阻塞性肺疾病", "无")
LEVELS = ("甲", "乙", "丙")


@dataclass(frozen=True)
class Table:
    """Columns of strings; ``quasi`` and ``sensitive`` name some of them."""

    columns: dict[str, list[str]]
    quasi: tuple[str, ...]
    sensitive: tuple[str, ...]

    @property
    def asked(self) -> dict[str, object]:
        """As the oracle is asked."""
        return {"columns": self.columns, "quasi": list(self.quasi), "sensitive": list(self.sensitive)}


def cases(seed: int = 11) -> list[Table]:
    """Some thirty tables: of one row, all alike, all different, of one to four quasi-identifiers, with blanks."""
    rng = random.Random(seed)
    made = [_table(rng, rows, quasi) for quasi in (1, 2, 3, 4) for rows in (1, 7, 40, 300, 1500, 4000)]
    made += [_alike(200), _different(50), _one_apart(120), _blanks(rng, 90), _near(rng, 80)]
    return made


def _table(rng: random.Random, rows: int, quasi: int) -> Table:
    years = [str(year) for year in range(1960, 1960 + rng.choice((2, 3, 30)))]
    columns = {
        "区县": _drawn(rng, COUNTIES, rows),
        "出生年": _drawn(rng, years, rows),
        "性别": _drawn(rng, ("男", "女"), rows),
        "学历": _drawn(rng, ("小学", "初中", "高中", "本科"), rows),
        "病种": _drawn(rng, ILLNESSES, rows),
        "等级": _drawn(rng, LEVELS, rows),
    }
    return Table(columns, tuple(columns)[:quasi], ("病种", "等级")[: rng.choice((0, 1, 2))])


def _drawn(rng: random.Random, words: Sequence[str], rows: int) -> list[str]:
    """Words, evenly or the first ones more often."""
    steep = rng.choice((0.0, 0.0, 1.0))
    return rng.choices(words, weights=[1 / (place + 1) ** steep for place in range(len(words))], k=rows)


def _alike(rows: int) -> Table:
    return Table(
        {"区县": ["汇川区"] * rows, "性别": ["女"] * rows, "病种": ["无"] * rows}, ("区县", "性别"), ("病种",)
    )


def _different(rows: int) -> Table:
    return Table({"编号": [str(n) for n in range(rows)], "病种": ["无"] * rows}, ("编号",), ("病种",))


def _one_apart(rows: int) -> Table:
    counties = ["钟山区"] * (rows - 1) + ["水城区"]
    return Table({"区县": counties, "病种": list(ILLNESSES) * (rows // 4)}, ("区县",), ("病种",))


def _blanks(rng: random.Random, rows: int) -> Table:
    """An empty value is a value like any other."""
    columns = {
        "区县": _drawn(rng, ("汇川区", "", "播州区"), rows),
        "性别": _drawn(rng, ("男", "女", ""), rows),
    }
    return Table(columns | {"病种": _drawn(rng, ILLNESSES, rows)}, ("区县", "性别"), ("病种",))


def _near(rng: random.Random, rows: int) -> Table:
    """Values that are one text only if something were trimmed, joined or read as a number."""
    columns = {
        "甲": _drawn(rng, ("1", "01", "1.0", "11"), rows),
        "乙": _drawn(rng, ("1", "11", "a|b", "a"), rows),
    }
    return Table(columns | {"病种": _drawn(rng, ILLNESSES, rows)}, ("甲", "乙"), ("病种",))
