"""The job that ends grants whose last day is over: no more in one transaction than others can wait for. Source: S1 20."""

from collections.abc import Mapping
from typing import Any

from registry.grant_acts import expire_grants
from registry.jobs import Task

EXPIRE = "expire_grants"


def expire_job(task: Task) -> Mapping[str, Any]:
    """End every grant that is over. Done twice, or begun anew after a crash, it ends none a second time."""
    ended = 0
    while True:
        with task.database.write() as session:
            count = expire_grants(session, now=task.clock())
        if not count:
            return {"ended": ended}
        ended += count
        task.progress(ended, ended)
