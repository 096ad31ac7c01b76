"""The law in the REST API (profiles, rules, fields, schema), judging without storing, health, the API's own pages."""

import io
import json
from typing import Any, Literal

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlalchemy import text
from starlette.datastructures import UploadFile

from catalog_specs import load, profiles
from catalog_specs.schema import entry_schema
from registry.checking import as_json, check_file
from registry.dictionary import fields_json, rules_json
from registry.errors import Rejected, TooLarge, Unavailable
from registry.web.answers import said
from registry.web.given import Reading, stored, today
from registry.web.openapi import describe
from registry.web.problems import ANSWERS
from registry.web.templates import render
from validators.case import Facts

router = APIRouter(responses=ANSWERS)
checks = APIRouter(responses=ANSWERS)
Lang = Literal["zh", "en"]
# the page of the API draws its arrows from data: addresses; styles it sets by script
DOCS_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
_CHECK_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/json": {
                "schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
            },
        },
    }
}


class Health(BaseModel):
    status: Literal["ok"]
    spec: str


class ProfileShown(BaseModel):
    """A profile with the digest of its specification."""

    profile: str
    name: str
    city: str
    valid_from: Any
    spec: str


class ProfileList(BaseModel):
    results: list[ProfileShown]


@router.get("/healthz", tags=["service"], response_model=Health, summary="是否正常")
def healthz(session: Reading) -> Response:
    """Whether the service and its database answer."""
    try:
        session.execute(text("SELECT 1 FROM audit_event LIMIT 1"))
    except Exception as error:
        raise Unavailable("数据库不能使用；先执行 mulu init") from error
    return said({"status": "ok", "spec": load().digest})


@router.get("/api/v1/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """The description of this API."""
    app: FastAPI = request.app
    return describe(app)


@router.get("/api/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """The API to be read and tried out, by files of our own."""
    page = render(request, "api_docs.html", {})
    page.headers["Content-Security-Policy"] = DOCS_POLICY
    return page


@router.get("/api/v1/specs", tags=["specifications"], response_model=ProfileList, summary="各部办法")
def list_specs() -> Response:
    """The profiles with the digest of their specification."""
    rows = [
        {
            "profile": p.key,
            "name": p.zh,
            "city": p.city,
            "valid_from": p.valid_from,
            "spec": load(p.key).digest,
        }
        for p in profiles().values()
    ]
    return said({"results": rows})


@router.get(
    "/api/v1/specs/{profile}",
    tags=["specifications"],
    response_model=dict[str, Any],
    summary="一部办法的规则、字段和结构",
)
def one_spec(profile: str, lang: Lang = "zh") -> Response:
    """Rules, fields and JSON Schema of one profile, with their articles."""
    specs = load(profile)
    shown = {"profile": profile, "spec": specs.digest, "rules": rules_json(specs, lang)}
    return said(shown | {"fields": fields_json(specs, lang), "schema": entry_schema(specs)})


@checks.post(
    "/api/v1/check",
    tags=["check"],
    openapi_extra=_CHECK_BODY,
    response_model=dict[str, Any],
    summary="只校验，不登记",
)
async def check(request: Request, profile: str | None = None, lang: Lang = "zh") -> Response:
    """Judge a catalogue file (multipart field ``file``) or entries given as JSON; nothing is stored."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Rejected("表单里没有名为 file 的文件")
            found = await run_in_threadpool(_check, file.file, file.filename or "upload", profile, lang)
    elif kind == "application/json":
        source = io.BytesIO(await _json_lines(request))
        found = await run_in_threadpool(_check, source, "request.jsonl", profile, lang)
    else:
        raise Rejected("请以 multipart/form-data 上传文件，或以 application/json 提交条目")
    return said(found)


def _check(source: Any, name: str, profile: str | None, lang: str) -> dict[str, Any]:
    with stored(source, name) as path:
        return as_json(check_file(path, facts=Facts(today=today().date()), profile=profile), lang)


async def _json_lines(request: Request) -> bytes:
    """The entries of a JSON body, one a line, so that they are read as a file of them is."""
    body = b""
    most = load().entry.limits["file_bytes"]
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"内容超过 {most >> 20} MB")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"不是合法的 JSON：{error}") from error
    rows = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(row, ensure_ascii=True) for row in rows).encode()
