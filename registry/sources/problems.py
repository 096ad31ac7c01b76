"""What is wrong with a source, in words of scanning.yaml: place, reason and cure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog_specs import Specs
from catalog_specs.law_scanning import Inputs
from registry.errors import Unreadable
from validators.findings import Finding, word


@dataclass(frozen=True)
class SourceProblem:
    """One thing that is wrong with a source, worded in Chinese.

    ``rule`` is a key of the rules of scanning.yaml, empty where nothing could be read at all. ``unseen``: some of
    the data was not seen. ``key`` and ``params`` are the message of scanning.yaml, for other languages.
    """

    place: str
    reason: str
    cure: str
    rule: str
    unseen: bool = True
    key: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def told(self, specs: Specs, lang: str) -> tuple[str, str]:
        """Reason and cure in ``lang``, zh or en."""
        if lang == "zh" or self.key not in specs.scanning.inputs.messages:
            return self.reason, self.cure
        message = specs.scanning.inputs.messages[self.key]
        return message.reason.get(lang).format(**self.params), message.cure.get(lang).format(**self.params)


class SourceUnreadable(Unreadable):
    """A source that cannot be read at all: ``problem`` says where, why and what to do."""

    def __init__(self, problem: SourceProblem) -> None:
        told = f"{problem.place}：{problem.reason}；{problem.cure}"
        words = {"reason": told, "place": problem.place, "cure": problem.cure}
        super().__init__(Finding("E171", params=words))
        self.problem = problem
        self.message = told
        self.args = (told,)


@dataclass(frozen=True)
class Teller:
    """Words what is wrong at one place from the messages of ``inputs``."""

    inputs: Inputs
    place: str

    def problem(self, key: str, **params: object) -> SourceProblem:
        """The message ``key``, its texts filled with ``params``. Raises KeyError for an unknown key."""
        message = self.inputs.messages[key]
        filled = {name: str(value) for name, value in params.items()}
        reason, cure = message.reason.zh.format(**filled), message.cure.zh.format(**filled)
        return SourceProblem(self.place, reason, cure, message.rule, message.unseen, key, filled)

    def refuse(self, key: str, **params: object) -> SourceUnreadable:
        """The error for a source that cannot be read at all."""
        return SourceUnreadable(self.problem(key, **params))


def reworded(error: Unreadable, place: str, specs: Specs) -> SourceUnreadable:
    """An error of the readers of catalogue files (E171 with its reason) as ours, with the place."""
    if isinstance(error, SourceUnreadable):
        return error
    found = word(error.finding, specs)
    return SourceUnreadable(SourceProblem(place, found.message, found.fix, ""))
