"""``mulu``: the registry's command line. Commands load what they need when they run, so that help is quick."""

import sys

import typer

from registry.cli import (
    acceptance,
    agencies,
    audit,
    catalogue,
    copies,
    duties,
    files,
    grants,
    inspection,
    laws,
    lists,
    people,
    promises,
    proof,
    queue,
    rectify,
    requests,
    retirement,
    review,
    reviewing,
    scan,
    server,
    systems,
    tokens,
    wipes,
)

app = typer.Typer(
    name="mulu",
    help="政务数据目录与共享责任登记：校验、登记、导出目录，给出每条错误的依据和改法。",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    files,
    scan,
    catalogue,
    review,
    proof,
    queue,
    requests,
    grants,
    lists,
    promises,
    duties,
    audit,
    laws,
    people,
    tokens,
    wipes,
    inspection,
    agencies,
    systems,
    acceptance,
    copies,
    rectify,
    reviewing,
    retirement,
    server,
):
    part.enter(app)


def main() -> None:
    """The console script: runs a command, words errors, sets the exit code (0, 1 or 2)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # a terminal in the C locale would turn every Chinese character into an error
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
