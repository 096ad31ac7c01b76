"""Templates of the pages, loaded once."""

from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from catalog_specs import load
from registry.errors import MuluError
from registry.people import local
from registry.permits import may, roles_of
from registry.supervised import spec_of
from registry.web.answers import may_any
from registry.web.sync_views import SEES

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _local(moment: datetime) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M}"


def _moment(text: str) -> str:
    return _local(datetime.fromisoformat(text))


_ENVIRONMENT.filters["local"] = _local
_ENVIRONMENT.filters["moment"] = _moment


def render(request: Request, name: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    """A page made of a template; its header and forms know who asks."""
    visit = getattr(request.state, "visit", None)
    roles = roles_of(load()).index
    known = {
        "actor": visit.actor if visit else None,
        "roles": list(dict.fromkeys(roles[h.role].zh for h in visit.actor.held)) if visit else [],
        "reads_audit": bool(visit and may(visit.actor, "read_audit", roles_of(load()))),
        "scans_data": bool(visit and may(visit.actor, "see_sample_values", roles_of(load()))),
        "sees_duties": bool(visit and may_any(visit.actor, spec_of().sees)),
        "sees_sync": bool(visit and may_any(visit.actor, SEES)),
        "csrf": visit.csrf if visit else "",
    }
    page = _ENVIRONMENT.get_template(name).render(request=request, **known, **values)
    return HTMLResponse(page, status_code=status)


def errors_shown(error: MuluError | None) -> list[dict[str, str]]:
    """What was refused, as pages list it; nothing for None."""
    if error is None:
        return []
    rows = error.details.get("errors") or [{"message": error.message}]
    return [{"message": one["message"], "fix": one.get("fix", ""), "source": ""} for one in rows]
