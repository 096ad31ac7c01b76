"""A service in use is narrowed or ended only after its users were heard, or in an emergency that is on record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.lifecycle import MoveRefused
from registry.models import Opinion
from tests.cast import Cast
from tests.stages import added, awaits, revised, without

At = Callable[[str], Cast]

SHARED_LESS = {
    "share_type": "2",
    "share_condition": "办理登记时核验主体状态",
    "use_purpose": ["业务协同"],
    "justification": "涉及商业秘密",
    "open_type": "3",
    "non_open_reason": "商业秘密",
    "license": None,
    "cols": lambda items: [{**item, "share_type": "2", "open_type": "3"} for item in items],
}
NARROWER = [
    ({"cols": without("经营范围")}, "不再提供信息项“经营范围”"),
    ({"open_type": "3", "non_open_reason": "商业秘密", "license": None}, "改为不予开放"),
    (SHARED_LESS, "改为有条件共享"),
    ({"update_cycle": "每周"}, "更新周期由每日改为每周"),
]


def to_announcement(cast: Cast) -> None:
    while (step := awaits(cast)) != ("announce", None):
        cast.act(str(step[0]), step[1] or "auditor")


@pytest.mark.parametrize(("changes", "words"), NARROWER, ids=["item", "open", "share", "cycle"])
def test_narrowing_a_service_in_use_needs_its_consultation(
    changes: dict[str, Any], words: str, at: At, tmp_path: Path
) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, **changes)
    to_announcement(cast)
    with pytest.raises(MoveRefused, match=words) as refused:
        cast.act("announce", "bureau")
    assert [unmet.guard for unmet in refused.value.unmet] == ["service_consultation"]
    assert "第27条" in refused.value.unmet[0].source
    cast.record("consultation")
    assert cast.act("announce", "bureau").after == "announced"


def test_an_emergency_narrows_at_once_and_is_on_record(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    notice = {"number": "遵数通〔2026〕2号", "date": "2026-11-20"}
    with pytest.raises(MoveRefused, match="协商"):
        cast.act("announce", "bureau", data=notice | {"emergency": " "})
    done = cast.act("announce", "bureau", data=notice | {"emergency": "发现泄露，立即缩减"})
    with cast.database.read() as session:
        assert session.get_one(Opinion, done.opinion_id).data["emergency"] == "发现泄露，立即缩减"


@pytest.mark.parametrize(
    "changes",
    [{"update_cycle": "实时"}, {"cols": added()}, {"data_grade": "g2"}],
)
def test_what_takes_nothing_away_needs_no_consultation(
    changes: dict[str, Any], at: At, tmp_path: Path
) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, **changes)
    to_announcement(cast)
    assert cast.act("announce", "bureau").after == "announced"


def test_what_nobody_uses_yet_is_narrowed_freely(at: At, tmp_path: Path) -> None:
    cast = at("reviewed")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    assert cast.act("announce", "bureau").after == "announced"


def test_a_service_is_in_use_while_it_is_suspended(at: At, tmp_path: Path) -> None:
    """Else suspending it first would spare the consultation."""
    cast = at("shelved")
    cast.act("suspend", "head", note="检修")
    revised(cast, tmp_path, cols=without("经营范围"))
    to_announcement(cast)
    with pytest.raises(MoveRefused, match="不再提供信息项"):
        cast.act("announce", "bureau")


def test_a_consultation_speaks_of_one_change(at: At, tmp_path: Path) -> None:
    cast = at("shelved")
    revised(cast, tmp_path, update_cycle="每周")
    cast.record("consultation")
    to_announcement(cast)
    cast.act("announce", "bureau")
    revised(cast, tmp_path, update_cycle="每月")
    to_announcement(cast)
    with pytest.raises(MoveRefused, match="更新周期由每周改为每月"):
        cast.act("announce", "bureau")
