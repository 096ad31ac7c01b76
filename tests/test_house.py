"""The house itself: who provides our packages, what stands in the documents, sizes, migrations."""

import ast
import importlib.metadata
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlmodel import SQLModel
from typer.main import get_command

from catalog_specs import Specs, load
from registry.cli import app
from registry.db import Database
from registry.dictionary import PAGES
from registry.settings import Settings
from registry.web import create_app

ROOT = Path(__file__).parent.parent
PACKAGES = ("catalog_specs", "validators", "registry", "sync")
READMES = ("README.md", "README.zh-CN.md")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_each_of_our_packages_is_provided_by_us_alone(package: str) -> None:
    providers = importlib.metadata.packages_distributions().get(package, ["mulu"])
    assert set(providers) == {"mulu"}


def test_every_package_folder_is_listed_for_installation() -> None:
    listed = re.search(r"packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.DOTALL)
    assert listed is not None
    named = set(re.findall(r'"([a-z_.]+)"', listed.group(1)))
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in sources() if p.name == "__init__.py"}
    assert named == found


def test_files_and_functions_stay_small() -> None:
    for path in sources():
        if "migrations" in path.parts:
            continue  # generated
        text = path.read_text("utf-8")
        assert text.count("\n") <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 50, f"{path}: {node.name}"


@pytest.mark.parametrize("readme", READMES)
def test_every_command_stands_in_the_readmes(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"mulu {name}" not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_route_stands_in_the_readmes(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    paths = create_app(Settings("sqlite:///:memory:")).openapi()["paths"]
    assert [path for path in paths if path not in text] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_stands_in_the_readmes(readme: str) -> None:
    sources_of_settings = (ROOT / "registry" / "settings.py", ROOT / "catalog_specs" / "__init__.py")
    known = {
        v
        for path in sources_of_settings
        for v in re.findall(r'"(MULU_[A-Z_]+[A-Z])"', path.read_text("utf-8"))
    }
    text = (ROOT / readme).read_text("utf-8")
    assert len(known) >= 10
    assert sorted(v for v in known if v not in text) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_generated_documents_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name](load())


def test_the_lock_names_no_address_and_hashes_everything() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?==", text, re.MULTILINE | re.IGNORECASE)
    assert len(pinned) > 80
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_migrations_make_the_tables_of_the_models(database: Database) -> None:
    made = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    assert made == set(SQLModel.metadata.tables)


def test_the_migrations_leave_nothing_to_generate(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_migrations_go_down_and_up_again(database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from registry.migrate import FOLDER, upgrade

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    assert upgrade(database) == ScriptDirectory.from_config(config).get_current_head()


def test_python_holds_no_rule_text(specs: Specs) -> None:
    messages = {rule.message.zh for rule in specs.book.rules if len(rule.message.zh) > 12}
    for path in sources():
        text = path.read_text("utf-8")
        assert not [m for m in messages if m in text], path


def test_a_city_changes_a_value_by_an_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.yaml").write_text(
        "rules:\n  - id: W201\n    fix: {zh: 按本市要求写摘要, en: as the city asks}\n", "utf-8"
    )
    before = load("zunyi_2020")
    monkeypatch.setenv("MULU_SPECS", str(tmp_path))
    after = load("zunyi_2020")
    assert after.rules["W201"].fix.zh == "按本市要求写摘要"
    assert after.rules["W201"].checks == before.rules["W201"].checks
    assert after.digest != before.digest


def readme_blocks(readme: str) -> list[tuple[str, str]]:
    """The commands of a README with the output printed under them."""
    text = (ROOT / readme).read_text("utf-8")
    blocks = re.findall(r"^```\n\$ (\.venv/bin/mulu [^\n]+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(command, output) for command, output in blocks]


@pytest.mark.parametrize("readme", READMES)
def test_the_readmes_show_the_real_output(readme: str, tmp_path: Path) -> None:
    import sys

    blocks = readme_blocks(readme)
    assert len(blocks) == 2
    for command, output in blocks:
        words = command.split()[1:]
        words = [str(tmp_path / w) if w.endswith(".xlsx") and "/" not in w else w for w in words]
        script = Path(sys.executable).with_name("mulu")
        done = subprocess.run(
            [script, *words], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
        )
        assert done.stdout == output
