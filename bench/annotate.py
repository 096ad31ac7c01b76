"""Annotating a workbook of a million cells: `registry.annotate` beside openpyxl on the same file.

Run: python -m bench.annotate
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import xlsxwriter
from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.styles import PatternFill

from registry.annotate import Level, Mark, annotate

SHEETS = {"目录": (10_000, 45), "信息项": (50_000, 18)}
HEADER = 3
MARKS = 20_000
PALETTE = {"error": "FFC7CF", "warning": "FFEB9D", "note": "DDEBF8"}
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


def make_workbook(path: Path) -> None:
    """Half of the cells filled, a quarter blank with a border, a quarter not there."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        bold, border = book.add_format({"bold": True}), book.add_format({"border": 1})
        for name, (rows, columns) in SHEETS.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(HEADER, 2)
            for column in range(columns):
                sheet.write_string(HEADER - 1, column, f"字段{column + 1}", bold)
            for row in range(HEADER, HEADER + rows):
                for column in range(columns):
                    part = (row * 7 + column) % 4
                    if part < 2:
                        sheet.write(
                            row, column, f"数据资源 {row}-{column}" if part else row * 31 + column, border
                        )
                    elif part == 2:
                        sheet.write_blank(row, column, None, border)


def marks() -> list[Mark]:
    """Spread over both sheets, on filled, blank and missing cells."""
    found = []
    for number in range(MARKS):
        name = "目录" if number % 2 else "信息项"
        rows, columns = SHEETS[name]
        row, column = HEADER + 1 + number * 7919 % rows, number * 31 % columns
        found.append(Mark(name, row, column, f"E101：必填项为空（第 {row} 行）", LEVELS[number % 3]))
    return found


def with_annotate(path: Path) -> bytes:
    """The module under test."""
    wanted = marks()
    lines = {(mark.sheet, mark.row): mark.text for mark in wanted}
    headers = dict.fromkeys(SHEETS, HEADER)
    return annotate(path, headers=headers, lines=lines, marks=wanted, fills=[], palette=PALETTE)


def again(path: Path) -> bytes:
    """The module on a workbook that it has annotated before: everything old is taken out first."""
    earlier = path.with_suffix(".annotated.xlsx")
    if not earlier.exists():
        earlier.write_bytes(with_annotate(path))
    return with_annotate(earlier)


def with_openpyxl(path: Path) -> bytes:
    """The same marks by loading, changing and saving the whole workbook."""
    book = load_workbook(path)
    fills = {level: PatternFill("solid", fgColor=rgb) for level, rgb in PALETTE.items()}
    for mark in marks():
        cell = book[mark.sheet].cell(mark.row, mark.column + 1)
        cell.fill = fills[mark.level]
        cell.comment = Comment(mark.text, "目录校验")
        book[mark.sheet].cell(mark.row, SHEETS[mark.sheet][1] + 1, mark.text)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


WAYS: dict[str, Callable[[Path], bytes]] = {
    "annotate": with_annotate,
    "annotate again": again,
    "openpyxl": with_openpyxl,
}


def measure(way: str, path: Path) -> None:
    """One way in this process: seconds, peak memory of the process, size of the answer."""
    if way == "annotate again":
        subprocess.run([sys.executable, "-m", "bench.annotate", "prepare", str(path)], check=True)
    started = time.perf_counter()
    answer = WAYS[way](path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{way:<16}{seconds:>8.1f} s{peak:>8.0f} MB{len(answer) / 1e6:>8.1f} MB file")


def main() -> None:
    """Make the workbook once, then measure each way in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.xlsx"
        make_workbook(path)
        cells = sum(rows * columns for rows, columns in SHEETS.values())
        print(f"{cells:,} places, {MARKS:,} marks, {path.stat().st_size / 1e6:.1f} MB")
        for way in WAYS:
            subprocess.run([sys.executable, "-m", "bench.annotate", way, str(path)], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "prepare":
        again(Path(sys.argv[2]))
    else:
        measure(sys.argv[1], Path(sys.argv[2]))
