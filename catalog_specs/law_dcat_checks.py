"""Cross-checks of dcat.yaml: what anybody reads of a dataset is what a portal is sent of it, and nothing else."""

from catalog_specs.law_release_checks import Law, Problems


def check_dcat(law: Law) -> Problems:
    """Every property comes from a place that ckan.yaml sends, a table is there where one is meant."""
    sent = {row.source for row in (*law.ckan.package, *law.ckan.extras)}
    for row in law.dcat.dataset:
        place = f"dcat.yaml: dataset {row.to}"
        if row.source not in sent:
            yield f"{place}: ckan.yaml does not send “{row.source}”; add it there or remove it here"
        if bool(row.table) != (row.kind == "table"):
            yield f"{place}: `as: table` and `table` go together; add the one that is missing"
        if row.to.startswith("mulu:") and row.kind in ("text", "table"):
            yield f"{place}: a property of ours is `plain` or `label`; change `as`"
    for code, theme in law.dcat.themes.items():
        if theme.rpartition("/")[2] not in law.dcat.theme_labels:
            yield f"dcat.yaml: themes {code}: theme_labels does not name {theme}; add it"
