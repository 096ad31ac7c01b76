"""What the routes of agencies and systems take and answer."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from registry.splitting import Part
from registry.web.answers import Named, Text
from registry.web.shapes import Paged

MARKET, CIVIL = "11520300MB1A00052M", "115203000094210200"
BASIS = "遵府发〔2026〕12号"
SYSTEM = "s01jd2k9x3m7w5p0r8t2ab"


def _given(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


MaybeWords = Annotated[Text, StringConstraints(max_length=100)] | None
Number = Annotated[int, Field(ge=1, le=99)] | None
Names = Annotated[list[Named], Field(max_length=100_000)]


# ---- what comes in ----------------------------------------------------------------------------------------


class NewAgency(BaseModel):
    """An agency to be entered; ``region`` is that of the credit code and ``number`` the next free one, if not given."""

    model_config = _given(code=MARKET, name="遵义市市场监督管理局", kind="政府部门", level="3")
    code: Named
    name: Named
    kind: Named
    level: MaybeWords = None
    region: MaybeWords = None
    parent: MaybeWords = Field(default=None, description="上级单位：统一社会信用代码、名称或内部编号")
    number: Number = Field(default=None, description="部门编号（两位），默认取下一个")
    valid_from: date | None = None


class AgencyEdit(BaseModel):
    """What is given is changed; ``null`` takes level or parent away."""

    model_config = _given(level="3", parent=None)
    kind: MaybeWords = None
    level: MaybeWords = None
    region: MaybeWords = None
    parent: MaybeWords = None


class _Ordered(BaseModel):
    day: date = Field(description="新体制的第一天；不得晚于今天")
    basis: Named = Field(description="依据文件的文号")


class NewName(_Ordered):
    model_config = _given(name="遵义市大数据发展局", day="2026-11-01", basis=BASIS)
    name: Named


class Merger(_Ordered):
    """``across_regions`` says that agencies of other regions are meant."""

    model_config = _given(sources=[CIVIL], into=MARKET, day="2026-11-01", basis=BASIS)
    sources: Annotated[list[Named], Field(min_length=1, max_length=100)]
    into: Named
    across_regions: bool = False


class NewPart(BaseModel):
    """A new agency, or one that stands, with what it takes; ``rest``: all that no part names."""

    model_config = _given(
        code=MARKET, name="遵义市民政服务中心", entries=["307024030101/000001"], people=["li"]
    )
    code: Named
    name: Annotated[Text, StringConstraints(max_length=100)] = ""
    kind: MaybeWords = None
    level: MaybeWords = None
    region: MaybeWords = None
    entries: Names = Field(default=[], description="目录：资源代码或内部编号")
    systems: Names = Field(default=[], description="系统：名称或内部编号")
    people: Names = Field(default=[], description="人员：账号")
    rest: bool = False

    def part(self) -> Part:
        """As the deed takes it."""
        lists = {key: tuple(getattr(self, key)) for key in ("entries", "systems", "people")}
        return Part(**(self.model_dump() | lists))


class Split(_Ordered):
    """``close``: the agency that is split ends and must be empty by then."""

    model_config = _given(
        parts=[{"code": MARKET, "name": "遵义市民政服务中心", "rest": True}],
        day="2026-11-01",
        basis=BASIS,
        close=True,
    )
    parts: Annotated[list[NewPart], Field(min_length=1, max_length=100)]
    close: bool = False
    across_regions: bool = False


class Closing(_Ordered):
    model_config = _given(day="2026-11-01", basis=BASIS)


# ---- what goes out ----------------------------------------------------------------------------------------


class AgencyBrief(BaseModel):
    """An agency in a list: names and codes. ``successor``: who took over from a closed one, if it was one agency."""

    model_config = _example(
        code=CIVIL, name="遵义市民政局", region="520300", standing=False, successor=MARKET
    )
    code: str
    name: str
    region: str
    standing: bool
    successor: str | None


class AgencyPage(Paged):
    results: list[AgencyBrief]


class FormerName(BaseModel):
    name: str
    since: date | None
    until: date


class PersonBrief(BaseModel):
    login: str
    name: str
    active: bool
    roles: list[str]


class ChangeBrief(BaseModel):
    change: Literal["rename", "merge", "split", "close"]
    day: date
    document: str
    agency: str
    name: str
    into: str | None
    moved: dict[str, int]


class Inside(BaseModel):
    """What concerns the agency itself, the bureau and the auditors."""

    number: int
    entries: int
    systems: int
    people: list[PersonBrief]
    history: list[ChangeBrief]


class AgencyWhole(AgencyBrief):
    """One agency. ``inside`` is null for those whom its people and numbers do not concern."""

    key: str
    successors: list[str]
    kind: str
    level: str | None
    parent: str | None
    valid_from: date | None
    valid_until: date | None
    former_names: list[FormerName]
    inside: Inside | None


class TakenShown(BaseModel):
    """What one agency took over from another, in numbers."""

    source: str
    into: str
    entries: int
    systems: int
    people: int
    roles: int
    delegations: int


class SuccessionShown(BaseModel):
    """What came of it; ``told`` is what somebody should look at."""

    model_config = _example(
        taken=[
            {
                "source": CIVIL,
                "into": MARKET,
                "entries": 3,
                "systems": 2,
                "people": 4,
                "roles": 4,
                "delegations": 1,
            }
        ],
        told=["“遵义市市场监督管理局”的部门负责人现有 2 人：li、wang"],
    )
    taken: list[TakenShown]
    told: list[str]
