"""What all commands share: options, the database, errors in words, progress."""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from registry.checking import Progress
    from registry.db import Database
    from registry.permits import Actor

P = ParamSpec("P")
R = TypeVar("R")
LOCAL_USER = "local"
# wide enough that nothing is broken where no terminal sets a width
WIDE = 1000


class Lang(StrEnum):
    ZH = "zh"
    EN = "en"


LangOption = Annotated[Lang | None, typer.Option("--lang", help="报告的语言；默认随系统语言")]
JsonOption = Annotated[bool, typer.Option("--json", help="以 JSON 输出")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="适用的办法：zunyi_2020、liupanshui_2025；默认按提供方代码判断"),
]
ProviderOption = Annotated[
    str | None, typer.Option("--provider", help="文件没有提供方列时使用：统一社会信用代码，可加 =单位名称")
]
AsOption = Annotated[str, typer.Option("--as", metavar="LOGIN", help="以谁的名义办理（另记下操作系统账号）")]


def say(text: str = "") -> None:
    """Print a line of the answer."""
    sys.stdout.write(f"{text}\n")


def tell(text: str) -> None:
    """Print a line beside the answer (to standard error)."""
    sys.stderr.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Print exactly one JSON document, Chinese unescaped."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def language(chosen: Lang | None) -> str:
    """The language asked for, else the locale's."""
    from registry.settings import read_settings

    return str(chosen) if chosen else read_settings().language


def now() -> datetime:
    return datetime.now(UTC)


def operator() -> str:
    """The system account at this console; it is recorded beside the login that an act is done under."""
    import getpass
    import os

    try:
        return getpass.getuser()[:64]
    except (KeyError, OSError):  # a container may run under a number that has no name
        return f"uid {os.getuid()}"


def console_actor(session: "Session", login: str | None, now: datetime) -> "Actor":
    """Who acts at the console under ``--as LOGIN``, with the roles held today.

    Raises:
        Rejected: no login was given. NotFound, NotAllowed: it is unknown or disabled.
    """
    from registry.errors import Rejected
    from registry.people import actor_of, local_day

    if not login:
        raise Rejected("须用 --as LOGIN 写明以谁的名义办理")
    return actor_of(session, login, today=local_day(now), operator=operator())


def worded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into words and an exit code: 2 for what cannot be read or reached, else 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        from catalog_specs import SpecError
        from registry.errors import MuluError, Unavailable, Unreadable

        try:
            return command(*args, **kwargs)
        except Unreadable as error:
            tell(unreadable_text(error, language(None)))
            raise typer.Exit(2) from error
        except (Unavailable, SpecError) as error:
            tell(f"错误：{error}")
            raise typer.Exit(2) from error
        except MuluError as error:
            tell(f"错误：{error.message}")
            raise typer.Exit(1) from error

    return run


def unreadable_text(error: Any, lang: str) -> str:
    """The words of a file that cannot be read: rule, reason, what to do."""
    from catalog_specs import load
    from validators.findings import word

    found = word(error.finding, load(), lang)
    return f"{found.rule} {found.message}\n{found.fix}"


@contextmanager
def database(*, create: bool = False) -> Iterator["Database"]:
    """The database of the settings. ``create`` makes an embedded one that is not there yet.

    Raises:
        Unavailable: there is none yet, with the command that makes it.
    """
    from registry.db import Database
    from registry.errors import Unavailable
    from registry.migrate import is_ready, upgrade
    from registry.settings import read_settings

    settings = read_settings()
    path = settings.sqlite_path
    if path is not None and not path.exists() and not create:
        raise Unavailable(f"还没有数据库（{path}）；先执行 mulu init，或用 MULU_DATABASE_URL 指明")
    opened = Database(settings.database_url)
    try:
        if not is_ready(opened):
            if not create:
                raise Unavailable("数据库还没有建表；先执行 mulu init")
            upgrade(opened)
            tell(f"已建立数据库：{path or '（服务器）'}")
        yield opened
    finally:
        opened.close()


@contextmanager
def progress_bar(label: str) -> Iterator["Progress | None"]:
    """A progress bar on a terminal; nothing when standard error goes elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def split_provider(text: str | None) -> tuple[str, str] | None:
    """``CODE=NAME`` as a pair; None for nothing."""
    if not text:
        return None
    code, _, name = text.partition("=")
    return code.strip(), name.strip()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file beside and move it into place, so that no half of it is ever seen."""
    from registry.errors import Rejected

    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise Rejected(f"不能写入 {path}：{error.strerror}") from error


def say_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads; a column that is empty throughout is left out."""
    import io

    from rich.console import Console
    from rich.table import Table

    shown = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for n in shown:
        table.add_column(heads[n], overflow="fold")
    for row in rows:
        table.add_row(*(row[n] for n in shown))
    width = None if sys.stdout.isatty() else WIDE
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as written:
        console.print(table)
    for line in written.get().splitlines():
        say(line.rstrip())


def day_written(text: str) -> date:
    """A day as it is typed (2026-11-20). Raises Rejected when it is none."""
    from registry.errors import Rejected

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Rejected(f"“{text}”不是日期；写作 2026-11-20") from error


def tell_warnings(warnings: Iterable[str]) -> None:
    """Print warnings beside the answer."""
    for warning in warnings:
        tell(f"提醒：{warning}")
