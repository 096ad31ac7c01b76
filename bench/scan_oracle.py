"""k and l of pycanon for the cases of the tests, in an environment of its own (it pins numpy 2.0.2, pandas 2.3.3).

Run: python -m bench.scan_oracle            compare ours and the committed values with pycanon, live
     python -m bench.scan_oracle --write    write what pycanon gives to tests/anonymity_oracle.json
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.anonymity_cases import cases

HERE = Path(__file__).parent
# 300 MB each that take a minute to install: kept between runs
INSTALLED = HERE / "out"
PINS = {"pycanon": "pycanon==1.3.5", "presidio": "presidio-analyzer==2.2.366"}
FIXTURE = HERE.parent / "tests" / "anonymity_oracle.json"
MADE = "by python -m bench.scan_oracle --write, with pycanon 1.3.5 (k_anonymity, l_diversity) in its own environment"


def interpreter(peer: str) -> Path:
    """The peer's own interpreter, installed on the first call."""
    import shutil

    folder = INSTALLED / peer
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if ready.is_file() and ready.read_text("utf-8") == PINS[peer]:
        return python
    if shutil.which("uv"):
        steps = [["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]]
        steps += [["uv", "pip", "install", "--quiet", "--python", str(python), PINS[peer]]]
    else:
        steps = [[sys.executable, "-m", "venv", "--clear", str(folder)]]
        steps += [[str(python), "-m", "pip", "install", "--quiet", PINS[peer]]]
    for step in steps:
        subprocess.run(step, check=True)
    ready.write_text(PINS[peer], "utf-8")
    return python


def ask(peer: str, asked: Any) -> Any:
    """What ``scan_PEER.py`` answers in its own environment; both sides speak JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "asked.json"
        path.write_text(json.dumps(asked, ensure_ascii=False), "utf-8")
        command = [str(interpreter(peer)), "-W", "ignore", str(HERE / f"scan_{peer}.py"), str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def digest(asked: Sequence[Any]) -> str:
    """SHA-256 of the cases, so that the values cannot drift away from what they were measured on."""
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true")
    asked = [case.asked for case in cases()]
    answers = [[row["k"], row["l"]] for row in ask("pycanon", asked)]
    if parser.parse_args().write:
        stored = {"made": MADE, "cases": digest(asked), "k_l": answers}
        FIXTURE.write_text(json.dumps(stored, ensure_ascii=False) + "\n", "utf-8")
        return 0
    from tests.test_anonymity_oracle import ours

    committed = json.loads(FIXTURE.read_text("utf-8"))["k_l"]
    rows = list(zip(cases(), answers, committed, strict=True))
    wrong = [(place, ours(c), a, k) for place, (c, a, k) in enumerate(rows) if not (ours(c) == a == k)]
    print(f"{len(rows)} tables, {len(wrong)} differ (place, ours, pycanon, committed): {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
