"""Commands that are killed (SIGKILL) right before or right after one of their commits.

``Shell`` keeps one process that has loaded the commands (``python -m tests.killed``) and forks a child for each: what a
command costs is the command, and not what it loads.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine.default import DefaultDialect

HERE = Path(__file__).parents[1]


class Ended(NamedTuple):
    """How a command ended: its exit code (negative: the signal), what it said, and its errors."""

    code: int
    out: str
    err: str


class Shell:
    """Runs ``mulu`` and ``mulu-sync`` in children of one process, in an environment."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed"],
            env=dict(environment),
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, moment: str = "", commit: int = 0, sync: bool = False) -> Ended:
        """A command to its end, or killed ``before`` or ``after`` its ``commit``-th commit."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"words": words, "moment": moment, "commit": commit, "sync": sync, "folder": str(self.folder)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        out, err = ((self.folder / name).read_text("utf-8") for name in ("out", "err"))
        return Ended(code, out, err)

    def close(self) -> None:
        """End the process; nothing is left behind."""
        self.process.communicate()


def _kill_at(moment: str, count: int) -> None:
    """Let this process die at its ``count``-th commit."""
    commit: Callable[[Any, Any], None] = DefaultDialect.do_commit
    left = [count]

    def committed(dialect: DefaultDialect, connection: Any) -> None:
        left[0] -= 1
        if left[0] == 0 and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(dialect, connection)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    DefaultDialect.do_commit = committed  # type: ignore[method-assign]


def _child(asked: dict[str, Any], mains: Mapping[bool, Callable[[], None]]) -> None:
    """One command, as it would run by itself; never comes back."""
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(Path(asked["folder"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    if asked["moment"]:
        _kill_at(asked["moment"], asked["commit"])
    sys.argv = ["mulu-sync" if asked["sync"] else "mulu", *asked["words"]]
    code: Any = 1
    try:
        mains[asked["sync"]]()
        code = 0
    except SystemExit as ended:
        code = 0 if ended.code is None else ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _serve() -> None:
    from registry import cli, retirement, wipes  # noqa: F401  (what the commands load is loaded once)
    from sync import cli as sync_cli
    from sync import rounds  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(line), {False: cli.main, True: sync_cli.main})
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
