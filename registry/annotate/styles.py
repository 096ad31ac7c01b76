"""Cell styles: the same style with the colour of a mark, without it again, or with wrapped text.

A mark's fill is solid, in one of the caller's exact colours. The fill that was there before is remembered in
its background colour, which no program shows while the fill is solid.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy

from registry.annotate.xml import (
    Element,
    add,
    child,
    children,
    likeness,
    local_name,
    parse,
    tag_like,
    to_bytes,
    whole,
)

Colour = frozenset[tuple[str, str]]  # the attributes of a colour: rgb, theme and tint, indexed or auto
FillKey = tuple[object, Colour, Colour]  # look, front, memory (only for our own fills)

AUTOMATIC: Colour = frozenset({("indexed", "64")})
NO_COLOUR: Colour = frozenset()
_NOTHING = (NO_COLOUR, AUTOMATIC, frozenset({("indexed", "65")}), frozenset({("auto", "1")}))
NO_FILL: FillKey = ("none", NO_COLOUR, NO_COLOUR)
_ORDER = ("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs")
_EMPTY = {
    "fonts": '<font><sz val="11"/><name val="Calibri"/></font>',
    "fills": "".join(f'<fill><patternFill patternType="{name}"/></fill>' for name in ("none", "gray125")),
    "borders": "<border><left/><right/><top/><bottom/><diagonal/></border>",
    "cellStyleXfs": "<xf/>",
    "cellXfs": '<xf xfId="0"/>',
    "cellStyles": '<cellStyle name="Normal" xfId="0" builtinId="0"/>',
}


def empty_styles(namespace: str) -> bytes:
    """A styles part for a workbook that came without one."""
    inside = "".join(f"<{name}>{inner}</{name}>" for name, inner in _EMPTY.items())
    return f'<styleSheet xmlns="{namespace}">{inside}</styleSheet>'.encode()


class StyleBook:
    """The cell styles of a workbook; `undo` maps each style that carries a mark's fill to the one without it.

    `palette`: level -> RGB such as "FFC7CE". `rewrites`: whether the program of the workbook puts its own
    background colours into solid fills (LibreOffice does); then only "no fill" is left to go back to.
    Raises: WorkbookError for a part that is not XML.
    """

    def __init__(self, data: bytes, palette: Mapping[str, str], *, rewrites: bool) -> None:
        self._root = parse(data)
        self._palette = {level: f"FF{rgb[-6:].upper()}" for level, rgb in palette.items()}
        self._rewrites = rewrites
        self._fill_list = self._section("fills")
        self._xf_list = self._section("cellXfs")
        self._fills: list[FillKey] = [self._fill_key(each) for each in _entries(self._fill_list, "fill")]
        self._xfs: list[Element] = _entries(self._xf_list, "xf")
        self._known: dict[tuple[object, FillKey], int] = {}
        for index, xf in enumerate(self._xfs):
            self._known.setdefault((_rest(xf), self._fill_of(xf)), index)
        self._cache: dict[tuple[int, str], int] = {}
        self.changed = False
        self.undo = self._find_ours()

    def shaded(self, style: int, level: str) -> int:
        """The style with the fill of that level."""
        key = (style, level)
        if key not in self._cache:
            base = self._xf(self.undo.get(style, style))
            look, front, _ = self._fill_of(base)
            memory = _cased(front, str.lower) if look == "solid" else AUTOMATIC
            front = frozenset({("rgb", self._palette[level])})
            self._cache[key] = self._refilled(base, ("ours", front, memory))
        return self._cache[key]

    def wrapped(self, style: int) -> int:
        """The style with wrapped text at the top of the cell."""
        key = (style, "wrap")
        if key not in self._cache:
            xf = deepcopy(self._xf(style))
            alignment = child(xf, "alignment")
            if alignment is None:
                alignment = add(xf, "alignment")
                xf.insert(0, alignment)
            alignment.attrib.update({"wrapText": "1", "vertical": "top"})
            xf.set("applyAlignment", "1")
            self._cache[key] = self._stored(xf)
        return self._cache[key]

    def to_bytes(self) -> bytes:
        """The styles part."""
        return to_bytes(self._root)

    def _xf(self, style: int) -> Element:
        """A cell that names a style which isn't there is shown with the first one."""
        return self._xfs[style if style < len(self._xfs) else 0]

    def _find_ours(self) -> dict[int, int]:
        marked = [index for index, xf in enumerate(self._xfs) if self._fill_of(xf)[0] == "ours"]
        return {index: self._refilled(self._xfs[index], self._before(self._xfs[index])) for index in marked}

    def _before(self, xf: Element) -> FillKey:
        memory = self._fill_of(xf)[2]
        rgb = dict(memory).get("rgb", "")
        # We write the memory in small letters, programs in capitals: so it shows who wrote this one.
        if memory in _NOTHING or (self._rewrites and rgb != rgb.lower()):
            return NO_FILL
        return ("solid", _cased(memory, str.upper), NO_COLOUR)

    def _refilled(self, xf: Element, fill: FillKey) -> int:
        known = self._known.get((_rest(xf), fill))
        if known is not None:
            return known
        twin = deepcopy(xf)
        twin.attrib.pop("applyFill", None)
        if fill != NO_FILL:
            twin.set("applyFill", "1")
        twin.set("fillId", str(self._fill_id(fill)))
        return self._stored(twin)

    def _stored(self, xf: Element) -> int:
        key = (_rest(xf), self._fill_of(xf))
        if key not in self._known:
            self._known[key] = len(self._xfs)
            self._xfs.append(xf)
            self._xf_list.append(xf)
            self._xf_list.set("count", str(len(self._xfs)))
            self.changed = True
        return self._known[key]

    def _fill_id(self, key: FillKey) -> int:
        if key in self._fills:
            return self._fills.index(key)
        if key == NO_FILL:
            return 0  # reserved for it by the standard, whatever stands there
        _, front, memory = key
        pattern = add(add(self._fill_list, "fill"), "patternFill", {"patternType": "solid"})
        add(pattern, "fgColor", dict(front))
        add(pattern, "bgColor", dict(memory or AUTOMATIC))
        self._fills.append(key)
        self._fill_list.set("count", str(len(self._fills)))
        return len(self._fills) - 1

    def _fill_of(self, xf: Element) -> FillKey:
        index = whole(xf.get("fillId"))
        return self._fills[index] if index < len(self._fills) else NO_FILL

    def _fill_key(self, fill: Element) -> FillKey:
        pattern = child(fill, "patternFill")
        kind = "none" if pattern is None else pattern.get("patternType", "none")
        if len(fill) == 0 or (pattern is not None and kind == "none"):
            return NO_FILL
        if kind != "solid":
            return (likeness(fill), NO_COLOUR, NO_COLOUR)
        front = _cased(_colour(child(pattern, "fgColor")), str.upper)
        back = _colour(child(pattern, "bgColor"))
        ours = dict(front).get("rgb", "")[-6:] in {rgb[-6:] for rgb in self._palette.values()}
        if ours and len(front) == 1:
            return ("ours", frozenset({("rgb", f"FF{dict(front)['rgb'][-6:]}")}), back)
        return ("solid", front, NO_COLOUR)

    def _section(self, name: str) -> Element:
        """A section of the part; made in its place with what the standard reserves, when it is missing."""
        found = child(self._root, name)
        if found is not None and len(found):
            return found
        if found is not None:
            self._root.remove(found)
        namespace = tag_like(self._root, "").strip("{}")
        section = child(parse(empty_styles(namespace)), name)
        before = [each for early in _ORDER[: _ORDER.index(name)] for each in children(self._root, early)]
        self._root.insert(self._root.index(before[-1]) + 1 if before else 0, section)
        return section


def _rest(xf: Element) -> tuple[object, ...]:
    """All of a style but its fill."""
    attributes = frozenset(
        (key, value) for key, value in xf.attrib.items() if key not in ("fillId", "applyFill")
    )
    return (attributes, *(likeness(each) for each in xf))


def _entries(section: Element, name: str) -> list[Element]:
    """The numbered entries of a section; one with alternatives (Hancom's way) counts once, as its last."""
    found: list[Element] = []
    for each in section:
        variants = [inner for variant in each for inner in children(variant, name)]
        if local_name(each) == name:
            found.append(each)
        elif local_name(each) == "AlternateContent" and variants:
            found.append(variants[-1])
    return found


def _colour(element: Element | None) -> Colour:
    return NO_COLOUR if element is None else frozenset(element.attrib.items())


def _cased(colour: Colour, change: Callable[[str], str]) -> Colour:
    return frozenset((key, change(value) if key == "rgb" else value) for key, value in colour)
