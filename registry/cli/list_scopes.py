"""What the commands of lists share: whose list, which edition, who seals."""

from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli.terminal import console_actor

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from registry.editions import Standing
    from registry.models import Agency
    from registry.permits import Actor
    from registry.responsibility import Scope

AgencyOption = Annotated[
    str | None, typer.Option("--agency", metavar="CODE", help="单位的统一社会信用代码（或全称）")
]
OneAgency = Annotated[str, typer.Option("--agency", metavar="CODE", help="单位的统一社会信用代码（或全称）")]
SystemOption = Annotated[str | None, typer.Option("--system", metavar="SYSTEM", help="系统编号或名称")]
ListOption = Annotated[
    str | None, typer.Option("--list", metavar="KIND", help="只要一种清单：share、open、combined")
]
EditionOption = Annotated[
    str | None,
    typer.Option("--edition", metavar="N", help="第几期：3 或者 2026-3；不写为最近封存的一期"),
]
WhoOption = Annotated[
    str | None,
    typer.Option("--as", metavar="LOGIN", help="以谁的名义办理；不写则为该单位唯一的部门负责人账号"),
]


def agency_meant(session: "Session", written: str, moment: "datetime") -> "Agency":
    """The agency that ``--agency`` names."""
    from registry.people import local_day
    from registry.responsibility import agency_named

    return agency_named(session, written, today=local_day(moment))


def scope_meant(session: "Session", agency: str | None, system: str | None, moment: "datetime") -> "Scope":
    """Whose lists are asked for: an agency's, a system's, or the whole city's."""
    from registry.people import find_system
    from registry.responsibility import Scope

    if agency and system:
        raise typer.BadParameter("--agency 和 --system 只能写一个")
    if system:
        return Scope(system=find_system(session, system))
    return Scope(agency_meant(session, agency, moment)) if agency else Scope()


def signer(session: "Session", login: str | None, agencies: "list[Agency]", moment: "datetime") -> "Actor":
    """Who seals: as he is named, else the only head of the agency."""
    from registry.errors import Rejected
    from registry.people import holders, local_day

    if login:
        return console_actor(session, login, moment)
    today = local_day(moment)
    heads = {p.login for one in agencies for p in holders(session, "head", today=today, agency_id=one.id)}
    if len(heads) != 1:
        known = (
            f"有 {len(heads)} 个：{'、'.join(sorted(heads))}"
            if heads
            else "还没有：mulu user add、mulu user grant"
        )
        raise Rejected(f"须用 --as LOGIN 写明由哪位部门负责人封存（{known}）")
    return console_actor(session, heads.pop(), moment)


def standing_json(standing: "Standing | None") -> dict[str, object] | None:
    """How the last edition stands to the list of today, as JSON; None where no agency is meant."""
    if standing is None:
        return None
    last = standing.edition
    named = {"year": last.year, "number": last.number, "digest": last.digest} if last else None
    return {"edition": named, "stale": standing.stale}
