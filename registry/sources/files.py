"""Files of data by their kind."""

import os
from pathlib import Path

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.sources.csv_files import open_csv
from registry.sources.json_files import open_json
from registry.sources.parquet_files import open_parquet
from registry.sources.problems import Teller
from registry.sources.source import Source
from registry.sources.workbooks import open_workbook

_GZIP = ".gz"
_ZIP, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"


def open_file(path: Path, specs: Specs, *, sheet: str | None = None) -> Source:
    """A file as a source; ``sheet`` names the sheet of a workbook, else the first with data is read.

    Raises:
        SourceUnreadable: it cannot be read at all; the message says where, why and what to do.
    """
    inputs, tell = specs.scanning.inputs, Teller(specs.scanning.inputs, path.name)
    if path.is_dir():
        raise tell.refuse("directory")
    if not path.is_file():
        raise tell.refuse("missing")
    if not os.access(path, os.R_OK):
        raise tell.refuse("forbidden")
    if path.stat().st_size == 0:
        raise tell.refuse("empty")
    kind, packed = _kind_of(path, inputs, tell)
    _check_magic(path, kind, tell, packed=packed)
    if kind == "csv":
        return open_csv(path, specs, packed=packed)
    if kind == "jsonl":
        return open_json(path, specs, packed=packed)
    if kind == "parquet":
        return open_parquet(path, specs)
    return open_workbook(path, specs, sheet)


def _kind_of(path: Path, inputs: Inputs, tell: Teller) -> tuple[str, bool]:
    """The kind by the file's name, and whether it is packed with gzip."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    packed = suffixes[-1:] == [_GZIP]
    wanted = (suffixes[:-1] if packed else suffixes)[-1:]
    for kind, known in inputs.kinds.items():
        if wanted and wanted[0] in known and not (packed and kind in ("xlsx", "parquet")):
            return kind, packed
    listed = " ".join(suffix for known in inputs.kinds.values() for suffix in known)
    raise tell.refuse("kind", value=path.suffix or path.name, known=f"{listed}（CSV、JSON 行可加 {_GZIP}）")


def _check_magic(path: Path, kind: str, tell: Teller, *, packed: bool) -> None:
    """A workbook that is called .csv is no text, and the other way round."""
    with path.open("rb") as file:
        head = file.read(8)
    if packed:
        return
    if kind in ("csv", "jsonl") and head.startswith((_ZIP, _OLE, _PARQUET)):
        raise tell.refuse("is_workbook", value=path.suffix)
