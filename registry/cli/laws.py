"""Commands on the specification: rules, fields, schema."""

import typer

from registry.cli.terminal import JsonOption, LangOption, ProfileOption, language, say, say_json, worded


def enter(app: typer.Typer) -> None:
    """Enter the commands of this module into the application."""
    app.command("rules")(rules)
    app.command("fields")(fields)
    app.command("schema")(schema)


@worded
def rules(profile: ProfileOption = None, as_json: JsonOption = False, lang: LangOption = None) -> None:
    """列出全部规则：级别、含义、改法、依据，以及由谁判定。"""
    from catalog_specs import load
    from registry.dictionary import rules_json

    specs, spoken = load(profile), language(lang)
    rows = rules_json(specs, spoken)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        say(f"{row['id']}  {row['title']}  [{specs.say('level_' + row['level'], spoken)}]  {row['decided']}")
        say(f"      {specs.say('fix', spoken)}{row['fix']}")
        say(f"      {specs.say('source', spoken)}{row['source']}")


@worded
def fields(profile: ProfileOption = None, as_json: JsonOption = False, lang: LangOption = None) -> None:
    """列出全部字段：含义、类型、是否必填、改动类别、依据。"""
    from catalog_specs import load
    from registry.dictionary import fields_json

    specs, spoken = load(profile), language(lang)
    rows = fields_json(specs, spoken)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        say(f"{row['key']}  {row['name']}  {row['type']}  {row['obligation']}  {row['source']}")
        if row["help"]:
            say(f"      {row['help']}")


@worded
def schema(profile: ProfileOption = None) -> None:
    """打印目录条目的 JSON Schema。"""
    from catalog_specs import load
    from catalog_specs.schema import entry_schema

    say_json(entry_schema(load(profile)))
