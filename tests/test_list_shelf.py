"""E127 after an announcement: what stands on the shelf is compared with what the list promises."""

from collections.abc import Callable

from registry.list_shelf import ShelfDifference, shelf_differences
from registry.responsibility import Scope
from tests.cast import Cast
from tests.stages import TABLE, made_of


def found(cast: Cast) -> list[ShelfDifference]:
    with cast.database.read() as session:
        return shelf_differences(session, Scope())


def test_what_the_list_promises_and_the_shelf_lacks_is_told(at: Callable[[str], Cast]) -> None:
    (one,) = found(at("shelved"))
    assert (one.rule, one.list_zh, one.extra) == ("E127", "数据共享责任清单", ())
    assert one.missing == ("信息项“经营范围”", "数据提供方式“服务接口”", "共享服务方式“查询、核验”")
    assert "“企业登记基本信息”上架内容与数据共享责任清单不一致" in one.message


def test_a_shelf_that_has_all_that_was_promised_differs_in_nothing(at: Callable[[str], Cast]) -> None:
    cast = at("shelved")
    every = ["企业名称", "统一社会信用代码", "经营范围"]
    more = TABLE | {
        "name": "接口",
        "form": "3",
        "patterns": ["查询", "核验"],
        "items": every,
        "location": "https://x/y",
    }
    done = cast.act("attach", "steward", data=more)
    cast.act("clear_data", "secrecy_reviewer", name=done.distribution_id or "")
    cast.record("provision_test", name=done.distribution_id or "")
    cast.act("shelve", "steward", name=done.distribution_id or "")
    assert found(cast) == []


def test_a_new_version_that_drops_an_item_leaves_too_much_on_the_shelf(at: Callable[[str], Cast]) -> None:
    from sqlalchemy import select
    from sqlmodel import col

    from registry.models import Version

    cast = at("shelved")
    with cast.database.write() as session:
        version = session.execute(select(Version).where(col(Version.state) == "announced")).scalar_one()
        version.content = version.content | {"items": version.content["items"][:1]}
    (one,) = found(cast)
    assert one.extra == ("信息项 1 项",)
    assert "统一社会信用代码" not in one.message


def test_what_is_not_on_the_shelf_at_all_is_a_debt_and_no_difference(at: Callable[[str], Cast]) -> None:
    cast = at("reviewed")
    assert made_of(cast) and found(cast) == []
