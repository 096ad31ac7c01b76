"""The tokens of portals: from the environment, else from a file. Never kept, never shown, never in a message."""

import os
import re
import stat
from pathlib import Path

from registry.errors import Unavailable
from registry.settings import SECRETS_VARIABLE, Settings, target_token

_TOKEN = re.compile(r"[!-~]+")


def token_variable(name: str) -> str:
    """The environment variable that holds the token of a target: ``city-open`` → ``MULU_TARGET_CITY_OPEN_TOKEN``."""
    return f"MULU_TARGET_{name.upper().replace('-', '_')}_TOKEN"


def token_of(name: str, settings: Settings) -> str:
    """The token of a target.

    Raises:
        Unavailable: there is none, it cannot be sent, or others may read the file it lies in.
    """
    found, place = _found(name, settings)
    if not found:
        raise Unavailable(
            f"没有目标 {name} 的令牌；设环境变量 {place}，或写进 {SECRETS_VARIABLE} 所指的文件（一行 {name}=令牌）"
        )
    if not _TOKEN.fullmatch(found):
        raise Unavailable(f"{place} 里目标 {name} 的令牌含空白、中文或控制字符，不能发送；照门户给的原样填写")
    return found


def is_there(name: str, settings: Settings) -> bool:
    """Whether a target has a token. Raises Unavailable: the file of tokens cannot be used."""
    return bool(_found(name, settings)[0])


def _found(name: str, settings: Settings) -> tuple[str, str]:
    """The token of a target, empty when there is none, and where it stands (or should)."""
    variable = token_variable(name)
    given = (target_token(variable) or "").strip()
    if given or settings.secrets_file is None:
        return given, variable
    listed = _listed(settings.secrets_file).get(name, "")
    return listed, str(settings.secrets_file) if listed else variable


def _listed(path: Path) -> dict[str, str]:
    """The tokens of a file, by target."""
    tokens: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, sign, token = text.partition("=")
        if not sign:
            raise Unavailable(f"{path} 第 {number} 行不是“目标=令牌”；改好后再试")
        if name.strip() in tokens:
            raise Unavailable(f"{path} 第 {number} 行重复写了目标 {name.strip()}；只留一行")
        tokens[name.strip()] = token.strip()
    return tokens


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            # of the open file, so that nothing is put in its place in between
            if unfit := _readable_by(os.fstat(file.fileno())):
                raise Unavailable(f"{path} {unfit}都能读，里面有令牌；执行 chmod 600 {path} 后再试")
            return file.read().decode("utf-8")
    except OSError as error:
        raise Unavailable(f"读不了 {SECRETS_VARIABLE} 所指的 {path}：{error.strerror}") from error
    except UnicodeDecodeError:
        # not chained: it carries the bytes that it could not read
        raise Unavailable(f"{path} 不是 UTF-8 文本；改好后再试") from None


def _readable_by(found: os.stat_result) -> str:
    """Who else may read or write a file; a file of root's may be read by the group that the job runs under."""
    if found.st_mode & stat.S_IRWXO:
        return "别的用户"
    granted = stat.S_IWGRP | stat.S_IXGRP if found.st_uid == 0 else stat.S_IRWXG
    return "同组用户" if found.st_mode & granted else ""
