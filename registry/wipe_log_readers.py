"""Logs of wiping tools as they are written: what each says of every device, with the place where it says so."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import Any, NamedTuple

from catalog_specs.law_wiping import ToolLog
from registry.errors import Rejected
from registry.list_files.carried import parse

# the last of several counts: what a device said at the end is when it ended
_LAST = frozenset({"started_at", "finished_at"})
_MOST_LINES = 500_000
_ACTION_BITS, _STATUS = 7, re.compile(r"\((\d+)\)")


class Told(NamedTuple):
    """One value of a log and where it stands (第 3 行)."""

    value: Any
    place: str


class RawWipe(NamedTuple):
    """What a log says of one device: values by the places that the specification names; ``place`` is how it is called."""

    place: str
    told: dict[str, Told]


def raw_wipes(text: str, spec: ToolLog) -> list[RawWipe]:
    """Everything that a log says, device by device.

    Raises:
        Rejected: it is not of this format, or contradicts itself; the message names the line.
    """
    found = list(_READERS[spec.reader](text, spec))
    if not found:
        raise Rejected(f"日志里没有清除记录（按“{spec.zh}”读）；核对文件和 --format")
    return found


def _wrong(spec: ToolLog, why: str) -> Rejected:
    return Rejected(f"文件不是{spec.zh}（{why}）；核对文件和 --format")


# ---- JSON -------------------------------------------------------------------------------------------------


def _json(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    value = parse(text)
    for number, row in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(row, Mapping):
            raise _wrong(spec, f"第 {number} 项不是对象")
        flat = {path: Told(at, path) for path, at in _flat(row, "")}
        yield RawWipe(f"第 {number} 项", flat)


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _flat(part, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _nvme(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    """Two answers of nvme-cli, one behind the other: logs by the name of the controller, and the list of devices."""
    logs: dict[str, Mapping[str, Any]] = {}
    devices: list[Mapping[str, Any]] = []
    for value in _several(text, spec):
        if isinstance(value.get("Devices"), list):
            devices += [row for row in value["Devices"] if isinstance(row, Mapping)]
            continue
        for name, log in value.items():
            if not isinstance(log, Mapping) or not isinstance(log.get("sstat"), Mapping):
                raise _wrong(spec, f"“{name[:40]}”不是 sanitize-log 的内容")
            logs[name] = log
    for name, log in logs.items():
        yield RawWipe(name, dict(_sanitized(name, log)) | dict(_device(name, devices)))


def _several(text: str, spec: ToolLog) -> Iterator[Mapping[str, Any]]:
    reader, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            _, length = reader.raw_decode(rest)
        except (ValueError, RecursionError) as error:
            raise _wrong(spec, f"第 {text[:at].count(chr(10)) + 1} 行起不是合法的 JSON") from error
        value = parse(rest[:length])
        if not isinstance(value, Mapping):
            raise _wrong(spec, "不是 JSON 对象")
        yield value
        at += length


def _sanitized(name: str, log: Mapping[str, Any]) -> Iterator[tuple[str, Told]]:
    status, action = str(log["sstat"].get("status", "")), log.get("cdw10_info")
    code = _STATUS.match(status)
    yield "status", Told(code[1] if code else status, f"{name}.sstat.status")
    if type(action) is int:
        yield "action", Told(str(action & _ACTION_BITS), f"{name}.cdw10_info")


def _device(name: str, devices: list[Mapping[str, Any]]) -> Iterator[tuple[str, Told]]:
    own = [
        row for row in devices if re.fullmatch(rf"/dev/{re.escape(name)}(n\d+)?", str(row.get("DevicePath")))
    ]
    if own:
        for key, value in own[0].items():
            yield key, Told(value, f"Devices（{name}）.{key}")


def _generic_json(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    value = parse(text)
    for number, row in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(row, Mapping):
            raise _wrong(spec, f"第 {number} 项不是对象")
        place = f"第 {number} 项"
        yield RawWipe(place, {str(key): Told(part, f"{place}.{key}") for key, part in row.items()})


# ---- tables and XML ---------------------------------------------------------------------------------------


def _generic_csv(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    rows = csv.reader(StringIO(text), strict=True)
    try:
        heads = [head.strip() for head in next(rows, [])]
        if len(set(heads)) < len(heads) or not all(heads):
            raise _wrong(spec, "第 1 行有空的或者重复的栏目")
        for row in rows:
            if len(row) != len(heads):
                raise _wrong(spec, f"第 {rows.line_num} 行有 {len(row)} 格，栏目有 {len(heads)} 个")
            place = f"第 {rows.line_num} 行"
            cells = zip(heads, row, strict=True)
            yield RawWipe(
                place, {head: Told(cell.strip(), f"{place}“{head}”") for head, cell in cells if cell.strip()}
            )
    except csv.Error as error:
        raise _wrong(spec, f"第 {rows.line_num} 行不能读") from error


def _xml(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    # only needed when such a log is read
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise _wrong(spec, "不是合法的 XML") from error
    wanted = {*spec.fields.values(), *spec.zero}
    for number, row in enumerate(root.findall(spec.rows), 1):
        place = f"第 {number} 个 {spec.rows.rpartition('/')[2]}"
        told = {}
        for path in wanted:
            node = root.find(path[1:]) if path.startswith("/") else row.find(path)
            if node is not None and (node.text or "").strip():
                told[path] = Told((node.text or "").strip(), f"{place} {path}")
        yield RawWipe(place, told)


# ---- lines ------------------------------------------------------------------------------------------------


def _lines(text: str, spec: ToolLog) -> Iterator[RawWipe]:
    """What lines tell of devices; lines without a device are of the one opened before, or of all."""
    patterns = [(re.compile(row.pattern), row.opens) for row in spec.patterns]
    common: dict[str, Told] = {}
    devices: dict[str, dict[str, Told]] = {}
    open_one = common
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        raise _wrong(spec, f"超过 {_MOST_LINES} 行")
    for number, line in enumerate(lines, 1):
        for pattern, opens in patterns:
            if found := pattern.search(line[:2000]):
                groups = dict(found.groupdict())
                device = groups.pop("device", None)
                own = devices.setdefault(_short(device), {}) if device else open_one
                open_one = own if opens else open_one
                _note(own, groups, f"第 {number} 行")
    for device, told in devices.items():
        # a device that was only found, and never wiped, is none
        if told.keys() & {"result", "errors", "technique"}:
            yield RawWipe(device, common | told)


def _short(device: str) -> str:
    return device.rpartition("/")[2]


def _note(own: dict[str, Told], groups: Mapping[str, str | None], place: str) -> None:
    for key, value in groups.items():
        if value is None:
            continue
        known = own.get(key)
        if known is not None and known.value != value and key not in _LAST:
            raise Rejected(
                f"{place}的“{value[:60]}”与{known.place}的“{str(known.value)[:60]}”矛盾：日志里有几次清除；每次清除单独存一个文件"
            )
        own[key] = Told(value.strip(), place)


_READERS: dict[str, Callable[[str, ToolLog], Iterator[RawWipe]]] = {
    "json": _json,
    "nvme": _nvme,
    "generic_json": _generic_json,
    "generic_csv": _generic_csv,
    "xml": _xml,
    "lines": _lines,
}
