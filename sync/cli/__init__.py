"""``mulu-sync``: the sync job's command line. Commands load what they need when they run, so that help is quick."""

import sys

import typer

from sync.cli import parcels, targets, verbs

app = typer.Typer(
    name="mulu-sync",
    help="把可以外发的目录和数据推送到门户和交换平台，撤下的从那里撤下并回读确认；比对、修复、重建。\n\n"
    "退出码：0 一致，1 有失败或偏差，2 用法或配置，3 门户不可达。",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (targets, verbs, parcels):
    part.enter(app)


def main() -> None:
    """The console script: runs a command, words errors, sets the exit code (0, 1, 2 or 3)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # in the C locale every Chinese character would be an error; a log should have each line at once
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
