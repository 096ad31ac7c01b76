"""The form of a certificate, held strictly: no part that is not ours, none missing, each of its kind."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_FORMAT, _NUMBER = r"^mulu-wipe-certificate/1$", r"^[A-Z]{1,8}-[0-9]{6}-[0-9]{4}-[0-9]{1,8}$"
_SHOWN_PROBLEMS = 5
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# as we write it: another spelling of the same bytes would be another file
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Strict):
    zh: str
    en: str


class _Named(_Strict):
    name: str
    code: str


class _System(_Strict):
    id: str
    name: str
    ident: str


class _Case(_Strict):
    id: str
    number: str
    kind: str
    decision_no: str
    contract_no: str


class _Vouched(_Strict):
    said: dict[str, Any]
    by: str
    at: str


class _Record(_Strict):
    id: str
    seq: int
    kind: str
    copies: list[str]
    content: dict[str, Any]
    digest: Digest
    previous: str
    recorded_by: str
    recorded_at: str
    verification: _Vouched | None
    witness: _Vouched | None
    approval: _Vouched | None


class _Copy(_Strict):
    id: str
    kind: str
    name: str
    holder: str
    serial_no: str


class _Finding(_Strict):
    rule: str
    level: str
    text: str


class _Row(_Text):
    key: str
    text: str
    text_en: str


class _Section(_Text):
    key: str
    rows: list[_Row]


class _Fact(_Text):
    key: str
    text: str


class _Person(_Text):
    role: str
    facts: list[_Fact]


class _Mark(_Strict):
    algorithm: str
    key: Hex
    at: str
    signature: Hex


class _Event(_Strict):
    index: int
    body: str
    path: Annotated[list[Digest], Field(max_length=64)]
    content: str
    salt: Hex


class _Head(_Strict):
    number: int
    origin: str
    algorithm: str
    size: int
    root: str
    at: str
    key_id: Hex
    signature: Hex


class _Proof(_Strict):
    format: str
    subject: str
    head: _Head
    events: Annotated[list[_Event], Field(min_length=1, max_length=1)]


class _Certificate(_Strict):
    format: Annotated[str, Field(pattern=_FORMAT)]
    layout: Annotated[int, Field(ge=1, le=1)]
    certificate_no: Annotated[str, Field(pattern=_NUMBER)]
    issued_at: str
    specs: str
    verify_url: str
    title: _Text
    says: _Text
    agency: _Named
    system: _System | None
    case: _Case
    record: _Record
    copies: list[_Copy]
    findings: list[_Finding]
    shown: list[_Section]
    persons: list[_Person]
    digest: Digest
    code: str
    mark: _Mark
    proof: _Proof | None = None


def form_problems(value: Any) -> list[str]:
    """Where a parsed JSON value is not a certificate as we write them, in Chinese; empty when it is one."""
    try:
        _Certificate.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        told = [f"{_place(one['loc'])}：{_said(one['type'])}" for one in found[:_SHOWN_PROBLEMS]]
        rest = len(found) - _SHOWN_PROBLEMS
        return [*told, f"另有 {rest} 处格式不对"] if rest > 0 else told
    return []


def _place(parts: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:60] for part in parts) or "文件"


def _said(kind: str) -> str:
    if kind == "extra_forbidden":
        return "多出的内容，不属于清除证明"
    return "缺少" if kind == "missing" else "格式不是清除证明的格式"
