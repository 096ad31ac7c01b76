"""The application: tables, deeds, web pages, REST API, command line."""

import validators

# PyPI has a distribution "validators" with the same import name, and pip overwrites silently.
if not getattr(validators, "MULU_VALIDATORS", False):
    raise ImportError(
        f"“validators”被另一个同名软件包占用：{validators.__file__}。"
        "请在新的虚拟环境中安装 mulu，或先执行 pip uninstall validators 再重新安装 mulu。"
    )
