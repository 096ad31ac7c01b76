"""Whatever is sent to the API, it answers as its own description says and never with a server error."""

import tempfile
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from registry.db import Database
from registry.migrate import upgrade
from registry.settings import Settings
from registry.web import create_app

_FOLDER = Path(tempfile.mkdtemp(prefix="mulu-contract-"))
_URL = f"sqlite:///{_FOLDER / 'contract.sqlite3'}"
_DATABASE = Database(_URL)
upgrade(_DATABASE)
_DATABASE.close()
schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(Settings(_URL)))


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_it_keeps_its_own_contract(case: schemathesis.Case) -> None:
    response = case.call()
    case.validate_response(
        response, checks=(not_a_server_error, content_type_conformance, response_schema_conformance)
    )
