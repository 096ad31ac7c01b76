"""Logs of wiping tools as contents of wipe records: what a log proves is taken from it, the rest the steward adds.

A word that the specification does not list is an error and never guessed; a log that tells no result proves nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalog_specs import Specs, load
from catalog_specs.law_release import by_key
from catalog_specs.law_wiping import ToolLog
from registry.digests import digests
from registry.errors import Rejected
from registry.list_files.carried import reading_limits
from registry.sheets import check_size
from registry.wipe_log_readers import RawWipe, Told, raw_wipes
from registry.wipe_words import names_of
from validators.wipe_fields import demanded, zone_of

RESULT, FAILED, VERIFIED_AS = "result", "fail", "verification_result"
_UNKNOWN_WORD = (
    "{place}的“{word}”不在“{format}”的{field}用语之列，不猜测；核对日志，属实的请管理员补入 wiping.yaml"
)
_NO_RESULT = "{place}没有写明清除结果，不能当作通过；取清除完成后的日志再导入"
_NO_FIELD = "{place}：清除记录没有“{key}”这个字段；字段见 mulu wipe template"
_CONFLICT = "“{field}”在日志里是“{logged}”（{place}），另填的是“{given}”；以日志为准，删去另填的，或者核对是否拿错了日志"


class Logged(NamedTuple):
    """One wipe as a log tells it: fields of a record, the tool's own ``result`` (pass, fail), and where each stands.

    ``unverified``: the format of the log is not confirmed by its maker.
    """

    place: str
    content: dict[str, Any]
    result: str
    places: dict[str, str]
    unverified: bool


def formats(specs: Specs | None = None) -> dict[str, ToolLog]:
    """The formats that can be read, by key."""
    return by_key((specs or load()).wiping.tool_logs)


def read_log(path: Path, written: str, *, clock: str = "") -> list[Logged]:
    """The wipes in a log. ``clock`` is the zone of moments that name none; empty: that of the register.

    The SHA-256 of the file stands among the evidence of each. A failed wipe has ``verification_result`` fail; that one
    passed is the tool's word only, and is left to who verifies.

    Raises:
        Rejected: unknown format or zone, no log of this format, an unknown word (with its line), or no result.
        TooLarge: the file is larger than files may be.
    """
    specs = load()
    spec = formats(specs).get(written)
    if spec is None:
        raise Rejected(f"没有日志格式“{written[:40]}”；可用：{'、'.join(formats(specs))}")
    zone = _zone(clock, specs)
    check_size(path, reading_limits()["file_bytes"])
    with path.open("rb") as file:
        sha256 = digests(file).sha256
    text = _text(path)
    found = [_logged(raw, spec, specs, zone) for raw in raw_wipes(text, spec)]
    for one in found:
        one.content.setdefault("evidence_hashes", []).append(sha256)
    return found


def _zone(clock: str, specs: Specs) -> tzinfo:
    try:
        return ZoneInfo(clock) if clock else zone_of(specs)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(f"没有时区“{clock[:40]}”；写作 Asia/Shanghai 或 UTC") from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(f"日志 {path.name} 不是 UTF-8 编码的文本；另存为 UTF-8 再导入") from error


# ---- one wipe ---------------------------------------------------------------------------------------------


def _logged(raw: RawWipe, spec: ToolLog, specs: Specs, zone: tzinfo) -> Logged:
    told = _by_field(raw, spec, specs)
    content: dict[str, Any] = {"tool": spec.tool} if spec.tool else {}
    places: dict[str, str] = {}
    result = ""
    for key, one in told.items():
        value = _value(key, one, spec, specs, zone)
        if key == RESULT:
            result = str(value)
        elif value not in ("", None):
            content[key], places[key] = value, one.place
    if _counts_errors(raw, spec):
        result = FAILED
    if not result:
        raise Rejected(_NO_RESULT.format(place=raw.place))
    if result == FAILED:
        content[VERIFIED_AS] = FAILED
    return Logged(raw.place, content, result, places, spec.unverified)


def _by_field(raw: RawWipe, spec: ToolLog, specs: Specs) -> dict[str, Told]:
    """What a log told, by field of the record."""
    if spec.fields:
        return {key: raw.told[at] for key, at in spec.fields.items() if at in raw.told}
    named = {RESULT: RESULT} | {
        name: row.key for row in specs.retirement.fields for name in (row.key, row.zh)
    }
    found = {}
    for key, one in raw.told.items():
        if key not in named:
            raise Rejected(_NO_FIELD.format(place=one.place, key=key[:60]))
        found[named[key]] = one
    return found


def _counts_errors(raw: RawWipe, spec: ToolLog) -> bool:
    counts = [raw.told[at].value for at in spec.zero if at in raw.told]
    return any(str(count).strip() not in ("", "0") for count in counts)


def _value(key: str, one: Told, spec: ToolLog, specs: Specs, zone: tzinfo) -> Any:
    kinds = {row.key: row.type for row in specs.retirement.fields}
    if key in spec.words or key == RESULT:
        return _choice(key, one, spec, specs)
    kind = kinds.get(key, "text")
    if kind == "enum":
        return _choice(key, one, spec, specs)
    if kind == "datetime":
        return _moment(one, spec, zone)
    return _typed(one.value, kind) if spec.reader == "generic_csv" else _plain(key, one.value)


def _plain(key: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and key != "sample_ratio":
        value = str(value)
    if isinstance(value, str):
        text = value.strip()
        return f"{text} 字节" if key == "capacity" and text.isdecimal() else text
    return value


def _typed(text: str, kind: str) -> Any:
    if kind == "list":
        return [part.strip() for part in text.replace("；", ";").split(";") if part.strip()]
    if kind == "bool" and text in ("是", "否", "true", "false"):
        return text in ("是", "true")
    if kind == "number":
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _choice(key: str, one: Told, spec: ToolLog, specs: Specs) -> str:
    """The choice that a word of the log means."""
    word = str(one.value).strip()
    if key in spec.words:
        known = spec.words[key]
    else:
        names = names_of(VERIFIED_AS if key == RESULT else key, specs)
        known = {word: code for code, pair in names.items() for word in (code, *pair)}
    if word not in known:
        zh = {row.key: row.zh for row in specs.retirement.fields}.get(key, "结果")
        raise Rejected(_UNKNOWN_WORD.format(place=one.place, word=word[:60], format=spec.zh, field=zh))
    return known[word]


def _moment(one: Told, spec: ToolLog, zone: tzinfo) -> str:
    text = str(one.value).strip()
    try:
        if spec.clock == "epoch":
            return datetime.fromtimestamp(int(text), UTC).astimezone(zone).isoformat()
        iso = not spec.clock or spec.clock == "iso"
        # in the form that the tool writes, without a zone
        found = datetime.fromisoformat(text) if iso else datetime.strptime(text, spec.clock)  # noqa: DTZ007
    except (ValueError, OverflowError, OSError) as error:
        raise Rejected(f"{one.place}的时间“{text[:40]}”不能读；核对日志") from error
    return (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()


# ---- made whole -------------------------------------------------------------------------------------------


def merged(logged: Sequence[Logged], given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Contents of records: what the log tells with what the steward adds, one addition for all or one for each.

    An addition for several is told apart by its serial number where it has one.

    Raises:
        Rejected: an addition says otherwise than the log, or there are more or fewer of them.
    """
    if len(given) not in (0, 1, len(logged)):
        raise Rejected(
            f"日志里有 {len(logged)} 次清除，另填的有 {len(given)} 行；另填一行用于全部，或者每次一行"
        )
    rows = list(given) or [{}]
    return [_merged(one, _row_for(one, number, rows)) for number, one in enumerate(logged)]


def _row_for(one: Logged, number: int, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(rows) == 1:
        return rows[0]
    serial = one.content.get("serial_no")
    same = [row for row in rows if serial and row.get("serial_no") == serial]
    return same[0] if len(same) == 1 else rows[number]


def _merged(one: Logged, given: Mapping[str, Any]) -> dict[str, Any]:
    zh = {row.key: row.zh for row in load().retirement.fields}
    added = {key: value for key, value in given.items() if value not in ("", None)}
    evidence = [*one.content.get("evidence_hashes", []), *added.pop("evidence_hashes", [])]
    for key, value in added.items():
        logged = one.content.get(key)
        if logged is not None and str(logged) != str(value):
            place = one.places.get(key, one.place)
            raise Rejected(
                _CONFLICT.format(field=zh.get(key, key), logged=logged, place=place, given=str(value)[:60])
            )
    return {**added, **one.content, "evidence_hashes": list(dict.fromkeys(evidence))}


def lacking(content: Mapping[str, Any], kind: str) -> list[str]:
    """The mandatory fields that a content still lacks before it can be recorded, by their Chinese names."""
    specs = load()
    zh = {row.key: row.zh for row in specs.retirement.fields}
    own = [key for key in demanded(kind, "record", specs) if key not in specs.wiping.filled]
    return [zh[key] for key in own if content.get(key) in (None, "", [], {})]
