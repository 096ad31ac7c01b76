"""Run by pycanon's own interpreter, never imported: k and l of tables of strings.

``python scan_pycanon.py ASKED.json``: [{"columns": {name: [...]}, "quasi": [...], "sensitive": [...]}]; prints a
list of {"k", "l", "wall", "cpu"} as JSON, where ``l`` is null without sensitive columns; the seconds are those of k.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


def measured(case: dict[str, Any]) -> dict[str, Any]:
    """One table."""
    import pandas
    from pycanon import anonymity

    frame = pandas.DataFrame(case["columns"], dtype=str)
    wall, cpu = time.perf_counter(), time.process_time()
    k = anonymity.k_anonymity(frame, case["quasi"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    l_of = [int(anonymity.l_diversity(frame, case["quasi"], [name])) for name in case["sensitive"]]
    return {"k": int(k), "l": min(l_of, default=None), "wall": wall, "cpu": cpu}


if __name__ == "__main__":
    print(json.dumps([measured(case) for case in json.loads(Path(sys.argv[1]).read_text("utf-8"))]))
