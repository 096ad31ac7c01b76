"""Commands on the installation: init, demo, serve, work, version."""

from typing import Annotated

import typer

from registry.cli.terminal import database, now, progress_bar, say, tell, worded


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("init")(init)
    app.command("demo")(demo)
    app.command("serve")(serve)
    app.command("work")(work)
    app.command("version")(version)


@worded
def init() -> None:
    """建立数据库，或把已有数据库升级到当前版本；可以重复执行。"""
    from registry.db import Database
    from registry.heads import sign_quietly
    from registry.list_lines import fill_lines
    from registry.migrate import upgrade
    from registry.settings import read_settings

    settings = read_settings()
    opened = Database(settings.database_url)
    try:
        revision = upgrade(opened)
        with opened.write() as session:
            # what was announced before lists were kept stands on them, too
            fill_lines(session)
        sign_quietly(opened, now=now())
    finally:
        opened.close()
    say(f"数据库已就绪（版本 {revision}）：{settings.sqlite_path or '服务器'}")


@worded
def demo(
    seed: Annotated[int, typer.Option("--seed", help="随机种子；同一种子结果相同")] = 2026,
) -> None:
    """载入演示数据：两市约 12 个部门、30 个系统、300 条目录，其中一部分按各条规则写错；另有经证明的开放数据。"""
    from registry.demo import load_demo
    from registry.heads import sign_quietly
    from registry.settings import read_settings

    files = read_settings().files
    with database(create=True) as opened, progress_bar("演示数据") as progress:
        summary = load_demo(opened, files=files, seed=seed, now=now(), progress=progress)
        sign_quietly(opened, now=now())
    say(summary)


@worded
def serve(
    host: Annotated[str, typer.Option("--host", help="监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="监听端口")] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="服务进程数；一般与处理器核数相同")
    ] = 1,
) -> None:
    """启动页面和接口。"""
    import uvicorn

    with database(create=True):
        pass
    tell(f"打开 http://{host}:{port}/  （停止：Ctrl+C）")
    # by its name, so that each process makes its own
    app = "registry.web:app_of_environment"
    uvicorn.run(app, factory=True, workers=workers, host=host, port=port, log_level="warning")


@worded
def work(
    threads: Annotated[int, typer.Option("--threads", min=1, max=16, help="同时办理几个任务")] = 1,
) -> None:
    """办理任务（导入大文件、清理过期数据），直到停止；可与 serve 分开运行。"""
    import signal
    import threading

    from registry.settings import read_settings
    from registry.work import RECURRING, works
    from registry.workers import Worker

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with database() as opened:
        worker = Worker(opened, works(read_settings().files), RECURRING, threads=threads)
        worker.start()
        tell("正在办理任务（停止：Ctrl+C）")
        stopped.wait()
        worker.stop()


@worded
def version() -> None:
    """打印版本。"""
    from importlib.metadata import version as installed

    from catalog_specs import load, profiles

    digests = "，".join(f"{key} {load(key).digest[:12]}" for key in profiles())
    say(f"mulu {installed('mulu')}（规则：{digests}）")
