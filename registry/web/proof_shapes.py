"""What the API answers of desensitization proofs, for its description; the tests hold the answers to these shapes."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from registry.web.shapes import CODE, KEY, MOMENT

STANDING, BATCH, MADE = "t01jd2k9x3m7w5p0r8t2ab", "b01jd2k9x3m7w5p0r8t2ab", "d01jd2k9x3m7w5p0r8t2ab"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_METHODS = {"公民身份号码": "truncate", "出生年份": "generalize"}
_BATCH: dict[str, Any] = {
    "id": BATCH,
    "kind": "file",
    "name": "门诊就诊脱敏明细.csv",
    "sha256": _DIGEST,
    "sm3": _DIGEST,
    "rows": 24000,
    "columns": 4,
    "checked_items": ["公民身份号码", "出生年份", "性别", "就诊科室"],
    "tool_name": "mulu",
    "tool_version": "1",
    "spec": _DIGEST,
    "rules_digest": _DIGEST,
    "schema_digest": _DIGEST,
    "residual_direct_hits": 0,
    "k_value": 6,
    "l_diversity": 4,
    "sharing_model": "controlled",
    "risk_max": 0.1667,
    "threshold": {"k": 5, "l": 2, "model": "controlled", "risk_max": 0.2},
    "result": "clean",
    "unmet": [],
    "state": "waiting",
    "replaced_sha256": None,
    "digest": _DIGEST,
    "checker": "steward",
    "checked_at": MOMENT,
    "settled_at": None,
    "report": None,
}
_PROOF: dict[str, Any] = {
    "id": STANDING,
    "resource_code": CODE,
    "entry": KEY,
    "version": 1,
    "distribution": MADE,
    "open_type": "2",
    "method_per_item": _METHODS,
    "masks": {"公民身份号码": ["id_card 6+0"]},
    "quasi_columns": ["出生年份", "性别"],
    "items_digest": _DIGEST,
    "rules_digest": _DIGEST,
    "schema_digest": _DIGEST,
    "checker": "steward",
    "checked_at": MOMENT,
    "agreed": None,
    "reviewer": None,
    "reviewed_at": None,
    "note": "",
    "valid": False,
    "missing": [f"方案证明 {STANDING} 还没有复核"],
    "batches": [_BATCH],
}
_HELD: dict[str, Any] = {
    "batch": BATCH,
    "standing": STANDING,
    "distribution": MADE,
    "entry_id": KEY,
    "code": CODE,
    "agency_code": "115203000094210200",
    "agency_name": "遵义市卫生健康局",
    "name": "门诊就诊脱敏明细.csv",
    "at": MOMENT,
    "checker": "steward",
    "verdict": "hits",
    "unmet": ["残留 1 个直接标识符"],
    "cure": "没有存入，现在提供的仍是原来的文件；按理由处理后重新检查",
}


def _example(values: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class BatchShown(BaseModel):
    """One content checked in full: digests, counts, thresholds, conclusion.

    ``report`` is the report of its scan with masked examples; null for who may not see sample values, and in lists.
    """

    model_config = _example(_BATCH)
    id: str
    kind: str
    name: str
    sha256: str | None
    sm3: str | None
    rows: int
    columns: int
    checked_items: list[str]
    tool_name: str
    tool_version: str
    spec: str
    rules_digest: str
    schema_digest: str
    residual_direct_hits: int
    k_value: int | None
    l_diversity: int | None
    sharing_model: str | None
    risk_max: float | None
    threshold: dict[str, Any]
    result: str
    unmet: list[str]
    state: str
    replaced_sha256: str | None
    digest: str
    checker: str
    checked_at: datetime
    settled_at: datetime | None
    report: dict[str, Any] | None


class ProofMade(BatchShown):
    """What came of a check. ``standing`` is the proof above it, ``agreed`` null until that is reviewed."""

    model_config = _example(_BATCH | {"standing": STANDING, "agreed": None})
    standing: str
    agreed: bool | None


class ProofShown(BaseModel):
    """A standing proof with every content checked under it, the newest first; ``missing`` is what it lacks today."""

    model_config = _example(_PROOF)
    id: str
    resource_code: str | None
    entry: str
    version: int
    distribution: str
    open_type: str
    method_per_item: dict[str, str]
    masks: dict[str, list[str]]
    quasi_columns: list[str]
    items_digest: str
    rules_digest: str
    schema_digest: str
    checker: str
    checked_at: datetime
    agreed: bool | None
    reviewer: str | None
    reviewed_at: datetime | None
    note: str
    valid: bool
    missing: list[str]
    batches: list[BatchShown]


class ProofState(BaseModel):
    """How the proof of one opened distribution stands. ``items`` are those for whose sake it is due."""

    model_config = _example(
        {
            "distribution": MADE,
            "name": "门诊就诊脱敏明细",
            "state": "pending",
            "items": ["公民身份号码", "出生年份"],
            "needed": True,
            "valid": False,
            "missing": _PROOF["missing"],
            "valid_until": "2027-11-21",
            "held": None,
            "proof": _PROOF,
        }
    )
    distribution: str
    name: str
    state: str
    items: list[str]
    needed: bool
    valid: bool
    missing: list[str]
    valid_until: date | None
    held: str | None
    proof: ProofShown | None


class ProofStates(BaseModel):
    results: list[ProofState]


class VerifiedShown(BaseModel):
    what: str
    ok: bool
    said: str


class Verification(BaseModel):
    """A proof held against the record of acts, the stored bytes and what is offered today; ``ok``: all of it holds."""

    model_config = _example(
        {"ok": True, "results": [{"what": "有效性", "ok": True, "said": "现在有效"}]},
    )
    ok: bool
    results: list[VerifiedShown]


class HeldShown(BaseModel):
    """A content that did not pass and was held: why, and what to do."""

    model_config = _example(_HELD)
    batch: str
    standing: str
    distribution: str
    entry_id: str
    code: str | None
    agency_code: str
    agency_name: str
    name: str
    at: datetime
    checker: str
    verdict: str
    unmet: list[str]
    cure: str


class HeldList(BaseModel):
    results: list[HeldShown]
