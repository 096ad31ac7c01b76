"""Whatever is sent to the API, it answers as its own description says and never with a server error."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from catalog_specs import load
from registry.db import Database
from registry.migrate import upgrade
from registry.permits import roles_of
from registry.settings import Settings
from registry.web import create_app
from tests.web_people import person, token

_FOLDER = Path(tempfile.mkdtemp(prefix="mulu-contract-"))
_URL = f"sqlite:///{_FOLDER / 'contract.sqlite3'}"
_DATABASE = Database(_URL)
upgrade(_DATABASE)
with _DATABASE.write() as _session:
    person(_session, "tester", "bureau")
    _PLAIN = token(_session, "tester", *roles_of(load()).index["bureau"].may, now=datetime.now(UTC)).plain
_DATABASE.close()
_HEADERS = {"Authorization": f"Bearer {_PLAIN}"}
schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(Settings(_URL)), headers=_HEADERS)


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_it_keeps_its_own_contract(case: schemathesis.Case) -> None:
    response = case.call(headers=_HEADERS)
    case.validate_response(
        response, checks=(not_a_server_error, content_type_conformance, response_schema_conformance)
    )
