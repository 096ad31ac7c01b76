"""What the commands of the sync job share: who acts, errors in words with their exit codes, reports."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

from registry.cli.terminal import console_actor, database, now, operator, say, tell

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from registry.permits import Actor
    from sync.reports import Report
    from sync.rounds import Office

P = ParamSpec("P")
R = TypeVar("R")
IN_STEP, AMISS, USAGE, UNREACHED = 0, 1, 2, 3
# the worse of two ends of one command
_WORSE = (IN_STEP, UNREACHED, AMISS, USAGE)
MACHINE = "mulu-sync"
CONFIGURE, PUSH, RECEIPT = "configure_system", "push_portal", "record_receipt"
TargetArgument = Annotated[str, typer.Argument(metavar="TARGET", help="目标名称（mulu-sync target list）")]
WhoOption = Annotated[
    str | None,
    typer.Option("--as", metavar="LOGIN", help="以谁的名义办理（须有权限）；不写则记为同步任务 mulu-sync"),
]


def worst(codes: Sequence[int]) -> int:
    """The exit code that says most of what went wrong."""
    return max(codes, key=_WORSE.index, default=IN_STEP)


def worded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into words and an exit code: 3 unreachable, 2 usage or configuration, else 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from catalog_specs import SpecError
        from registry.errors import MuluError
        from sync.portal import PortalError

        try:
            return command(*args, **kwargs)
        except (MuluError, PortalError, SpecError) as error:
            tell(f"错误：{words_of(error)}")
            raise typer.Exit(code_of(error)) from error

    return run


def words_of(error: Exception) -> str:
    """What to tell of an error; tokens stand in none."""
    from sync.portal import TokenRefused, Unreachable

    text = str(error)
    if isinstance(error, Unreachable):
        return f"门户不可达：{text}"
    if isinstance(error, TokenRefused):
        return f"门户不认令牌：{text}；在门户上另发一个，换下环境变量里的旧令牌"
    return text


def code_of(error: Exception) -> int:
    """The exit code of an error."""
    from registry.errors import Conflict, MuluError, NotAllowed, Stale
    from sync.portal import PortalError, Unreachable

    if isinstance(error, PortalError):
        return UNREACHED if isinstance(error, Unreachable) else AMISS
    told = error.details.get("unreachable") if isinstance(error, MuluError) else None
    if told is not None:
        return UNREACHED if told else AMISS
    return AMISS if isinstance(error, Conflict | NotAllowed | Stale) else USAGE


# ---- who acts ---------------------------------------------------------------------------------------------


def acting(session: "Session", login: str | None, moment: "datetime") -> "Actor":
    """Who acts: the sync job itself, which is a machine, or the person of ``--as``.

    Raises:
        NotFound, NotAllowed: the login is unknown or disabled.
    """
    if login is not None:
        return console_actor(session, login, moment)
    from catalog_specs import load
    from registry.permits import Actor, Held, roles_of

    pushing = [role.key for role in roles_of(load()).roles if role.machine and PUSH in role.may]
    held = tuple(Held(key) for key in pushing)
    return Actor("", MACHINE, "", held=held, machine=True, operator=operator())


def whose(session: "Session", login: str | None, permission: str, moment: "datetime") -> str:
    """The login that an act is recorded under. The sync job itself is started by who keeps this machine: it may do
    whatever its commands do; a person must hold ``permission``.

    Raises:
        NotFound, NotAllowed: the login is unknown, disabled, or may not do this.
    """
    actor = acting(session, login, moment)
    if login is not None:
        from catalog_specs import load
        from registry.permits import demand, roles_of

        demand(actor, permission, roles_of(load()))
    return actor.login


@contextmanager
def office(login: str | None, permission: str = PUSH) -> Iterator["Office"]:
    """Where the sync job works, as whom, at the database of the settings."""
    from registry.settings import read_settings
    from sync.rounds import Office

    with database() as opened:
        with opened.read() as session:
            by = whose(session, login, permission, now())
        yield Office(opened, read_settings(), by=by, operator=operator(), clock=now)


# ---- reports ----------------------------------------------------------------------------------------------


def report_json(report: "Report") -> dict[str, Any]:
    """A report as JSON: target, verb, outcome, when, counts, failures."""
    return {
        "target": report.target,
        "verb": report.verb,
        "outcome": report.outcome,
        "said": report.said,
        "started_at": report.started_at.isoformat(),
        "ended_at": report.ended_at.isoformat() if report.ended_at else None,
        **report.written,
        "failures": [
            {key: value for key, value in line.items() if key != "entry_id"} for line in report.failures
        ],
    }


def code_of_report(report: "Report") -> int:
    """The exit code of a run."""
    return {"in_step": IN_STEP, "unreachable": UNREACHED}.get(report.outcome, AMISS)


ENDS = {
    "in_step": "一致",
    "failed": "有未办成的",
    "unreachable": "门户不可达，稍后再试",
    "stopped": "已停止，余下的下次再办",
}


VERBS = {"run": "同步", "verify": "核对", "repair": "恢复", "withdraw": "撤下全部"}


def say_report(report: "Report") -> None:
    """The report of a run: a line of counts, then a line for every failure with its cure."""
    counted = report.written
    names = (
        ("added", "新增"),
        ("updated", "更新"),
        ("deleted", "撤下"),
        ("ignored", "无变化"),
        ("errored", "失败"),
    )
    told = "，".join(f"{zh} {counted[key]}" for key, zh in names)
    say(f"{report.target}：{ENDS[report.outcome]}。共 {counted['total']} 条：{told}")
    if report.said:
        say(f"  {report.said}")
    say_failures(report.failures)


def say_failures(lines: Sequence[dict[str, Any]]) -> None:
    """A line for every failure: code, name, kind of trouble, the portal's own words, cure."""
    from catalog_specs import load

    rules = load().sync
    kinds = {one.key: one.zh for one in (*rules.troubles, *rules.drifts)}
    cures = {one.key: one.cure_zh for one in rules.troubles}
    for line in lines:
        cure = cures.get(line["trouble"], "")
        say(f"  {line['code']}  {line['name']}：{kinds.get(line['trouble'], line['trouble'])}")
        for text in (line["said"], f"办法：{cure}" if cure else ""):
            if text:
                say(f"      {text}")
