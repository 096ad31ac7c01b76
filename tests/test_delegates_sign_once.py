"""Who has signed in his own role does not sign once more for the one who delegated."""

from datetime import timedelta
from pathlib import Path

import pytest

from registry.db import Database
from registry.errors import NotAllowed
from registry.granting import delegate
from tests.cast import Cast, make_cast


@pytest.fixture
def cast(database: Database, tmp_path: Path) -> Cast:
    made = make_cast(database, tmp_path)
    made.walk_to("endorse")
    with database.write() as session:
        day = made.now.date()
        delegate(
            session,
            "division_chief",
            ["endorse"],
            document="授〔2026〕1号",
            start=day,
            until=day + timedelta(days=30),
            actor=made.actor("head", session),
            now=made.now,
        )
    return made


def test_the_chief_does_not_endorse_for_the_head_as_well(cast: Cast) -> None:
    cast.act("endorse", "division_chief")
    with pytest.raises(NotAllowed, match="您已以自己的角色签署"):
        cast.act("endorse", "division_chief")
    assert cast.act("endorse", "head").awaits == "approve"
