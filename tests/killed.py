"""``mulu`` killed (SIGKILL) right before or right after one of its commits: python -m tests.killed before 1 WORD…

With ``--sync`` first among the words it is ``mulu-sync``.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine.default import DefaultDialect


def kill_at(moment: str, count: int) -> None:
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


if __name__ == "__main__":
    moment, count, *words = sys.argv[1:]
    kill_at(moment, int(count))
    sync = words[0] == "--sync"
    sys.argv = ["mulu", *words[sync:]]
    # the application is loaded once the commits are watched
    if sync:
        from sync.cli import main
    else:
        from registry.cli import main
    main()
