"""Whatever is sent to the API, by whom ever, it answers as its own description says and never with a server error."""

import itertools
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from catalog_specs import load
from registry.db import Database
from registry.lookup import find_entry
from registry.migrate import upgrade
from registry.models import Distribution
from registry.permits import EVERYTHING, roles_of
from registry.web import create_app
from registry.web.openapi import describe
from tests.cast import PATH, content, make_cast
from tests.test_lifecycle import TABLE
from tests.web_people import settings_of, token

ROLES = ("steward", "auditor", "bureau", "log_auditor")
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


class _Stage:
    """A register with something in it, and who asks in turn."""

    def __init__(self, folder: Path) -> None:
        database = Database(f"sqlite:///{folder / 'contract.sqlite3'}")
        upgrade(database)
        cast = make_cast(database, folder, content("OK04"))
        cast.walk(*PATH)
        made = cast.act("attach", "steward", data=TABLE).distribution_id
        now, may = datetime.now(UTC), {role.key: role.may for role in roles_of(load()).roles}
        with database.write() as session:
            plain = [token(session, role, *may[role], now=now).plain for role in ROLES]
            entry = find_entry(session, cast.code, sight=EVERYTHING).entry
            self.known = {
                "code": [cast.code, entry.id],
                "key": [made],
                "number": [1],
                "profile": ["zunyi_2020"],
            }
            self.known |= {"day": ["2026-11-21"]}
            assert session.get(Distribution, made) is not None
        self.app = create_app(settings_of(database, files_folder=folder / "files", workers=0))
        self.headers: Iterator[dict[str, str]] = itertools.cycle(
            {"Authorization": f"Bearer {one}"} for one in plain
        )
        self.turn = itertools.count()
        database.close()


STAGE = _Stage(Path(tempfile.mkdtemp(prefix="mulu-contract-")))
schema = schemathesis.openapi.from_dict(describe(STAGE.app))
schema.app = STAGE.app


@schema.hook
def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Every other time what is asked for is there."""
    if not path_parameters or next(STAGE.turn) % 2:
        return path_parameters
    return {key: STAGE.known.get(key, [value])[0] for key, value in path_parameters.items()}


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    STAGE.app.state.database.close()


@schema.parametrize()
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
def test_it_keeps_its_own_contract(case: schemathesis.Case) -> None:
    response = case.call(headers=next(STAGE.headers))
    case.validate_response(response, checks=CHECKS)
