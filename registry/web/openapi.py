"""The description of the API: OpenAPI 3.1 with tags in order, how one signs in, and what every answer carries."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from registry.web.given import COOKIE
from registry.web.problems import REQUEST_ID

VERSION = "3.1.0"
ABOUT = """\
政务数据目录登记系统的接口。每个请求都要先认证：浏览器登录后的会话，或 `Authorization: Bearer` 令牌。

- 列表分页：`{results, next_cursor, total}`，把 `next_cursor` 作为下一页的 `cursor`。
- 改动以 `If-Match`（取回时的 `ETag`）或 `lock` 防止覆盖他人的改动，不符为 412。
- POST 可带 `Idempotency-Key`：同一个键的同一请求只办一次。
- 出错一律为 RFC 9457：`type`、`code`、`detail`、`request_id`，`errors` 逐项写明 `pointer`、`code`、`message`、`source`。
"""
TAGS = (
    ("entries", "目录条目：登记、草稿、版本、差别、某日的有效版本"),
    ("moves", "环节：提交、审查、审核、通告、上架等"),
    ("review", "意见、退回理由、待办、环节和常用语"),
    ("distributions", "挂接资源和佐证，及其文件"),
    ("proofs", "脱敏检查证明：检查、复核、核验，已扣留的数据"),
    ("lists", "责任清单：现行的、封存的各期、差别、文件、核验"),
    ("requests", "共享需求、校核申请、开放申请，授权、使用记录、争议"),
    ("agencies", "单位及其沿革"),
    ("systems", "政务信息系统"),
    ("sync", "同步：目标、计划、台账、运行记录、重试"),
    ("jobs", "导入和扫描，及其任务"),
    ("check", "只校验，不登记"),
    ("specifications", "各部办法的规则、字段和结构"),
    ("people", "本人和本人的令牌"),
    ("audit", "审计记录"),
    ("service", "是否正常"),
)
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "API 令牌"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "浏览器登录"},
}
_ID = {REQUEST_ID: {"description": "请求编号", "schema": {"type": "string"}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of ``app``, made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    tags = [{"name": name, "description": said} for name, said in TAGS]
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=VERSION,
        description=ABOUT,
        routes=app.routes,
        tags=tags,
    )
    made["components"]["securitySchemes"] = _SCHEMES
    made["security"] = [{"token": []}, {"session": []}]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if path == "/healthz":
                operation["security"] = []
            for answer in operation["responses"].values():
                answer["headers"] = answer.get("headers", {}) | _ID
    return made
