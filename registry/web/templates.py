"""Templates of the pages, loaded once."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(request: Request, name: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
    """A page made of a template."""
    page = _ENVIRONMENT.get_template(name).render(request=request, **values)
    return HTMLResponse(page, status_code=status)
