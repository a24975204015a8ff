"""An option, declared once: its name, what may stand there, its default, what it does; and the check of a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterable, Mapping, Optional, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.naming import closest_name, did_you_mean
from bsr_plugins.common.option_kinds import Kind

#: Text that was meant as a number: YAML reads 1e-3 as text.
NUMBER_AS_TEXT = re.compile(r'[-+]?(\d[\d_]*(\.\d*)?|\.\d+)([eE][-+]?\d+)?')


@dataclass(frozen=True)
class DescribedDefault:
    """A default that follows from something else, described in words."""

    text: str


#: The option has to be there.
REQUIRED = DescribedDefault('required')


@dataclass(frozen=True)
class Option:
    """One option. Its default and its range stand here and nowhere else.

    Attributes:
        path: Its keys joined by dots: from the section of the type, or, for models and BasicSR's own sections, from the
            top of the file. ``*`` stands for a name that the user gives.
        kind: What may stand there.
        default: The value where the option is absent, :data:`REQUIRED`, or a description.
        meaning: What it does, and its unit or range where the kind does not say it.
        reason: Why the default is what it is, where the paper leaves it open or has another value.
    """

    path: str
    kind: Kind
    default: Any
    meaning: str
    reason: str = ''

    @property
    def name(self) -> str:
        """The last key of the path."""
        return self.path.rpartition('.')[2]

    @property
    def comment(self) -> str:
        """Meaning and reason, as the reference page and the shipped option files show them."""
        return f'{self.meaning}; {self.reason}' if self.reason else self.meaning

    def checked(self, value: Any, where: str) -> Any:
        """Return ``value``.

        Args:
            value: What was given.
            where: How an error names the option.

        Raises:
            OptionError: It is not what the option takes.
        """
        if self.kind.accepts(value):
            return value
        raise OptionError(
            f"the option '{self.name}' has a wrong value",
            where=where,
            expected=self.kind.text,
            found=repr(value),
            remedy=self.remedy(value),
        )

    def read(self, given: Mapping[str, Any], where: str) -> Any:
        """Return the option's value in a section: the default where it is absent, or ``~`` where that is allowed.

        Raises:
            OptionError: It is absent and has no default, or is not what the option takes.
        """
        value = given.get(self.name)
        if value is None and (self.name not in given or self.kind.accepts(None) or self.default is REQUIRED):
            if self.default is REQUIRED:
                raise OptionError(
                    f"the option '{self.name}' is missing", where=where, expected=f'{self.kind.text}: {self.meaning}'
                )
            return None if isinstance(self.default, DescribedDefault) else self.default
        return self.checked(value, where)

    def remedy(self, value: Any) -> Optional[str]:
        """Return what to write instead of a wrong value: a plain number, the word most like it, or the default."""
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        text = next((text for text in texts if isinstance(text, str) and NUMBER_AS_TEXT.fullmatch(text)), None)
        if text is not None and self.kind.takes_numbers:
            return number_remedy(self.name, text) if isinstance(value, str) else f'write {text} as a plain number'
        word = value if isinstance(value, str) else 'none' if value is None else ''
        near = closest_name(word, self.kind.words)
        if near is not None:
            return f'{self.name}: {near}, unquoted' if near == word.lower() else f"did you mean '{near}'?"
        if isinstance(self.default, DescribedDefault):
            return f'give {self.name} a value: {self.kind.text} ({self.meaning})'
        return f'{self.name}: {yaml_value(self.default)} is the default'


@dataclass(frozen=True)
class OptionSet:
    """The options of one registered type, or of one section that BasicSR reads itself.

    Attributes:
        kind: ``dataset``, ``arch``, ``loss``, ``metric`` or ``model`` (as in the registration's table), ``augment`` (a
            type of ``train.augment``), or ``basicsr``.
        name: Name of the type, or of the section.
        about: One sentence.
        options: The options.
        inherits: For a model: another model, all of whose options it has too.
        relation: A check of the values that have to fit each other. It is given all of them by name, defaults put in,
            and raises OptionError, whose ``where`` is the name of the option to change.
    """

    kind: str
    name: str
    about: str
    options: Tuple[Option, ...]
    inherits: str = ''
    relation: Optional[Callable[[SimpleNamespace], None]] = None

    def __getitem__(self, path: str) -> Option:
        return next(option for option in self.options if option.path == path)

    @property
    def names(self) -> Tuple[str, ...]:
        """The last keys of the options' paths."""
        return tuple(option.name for option in self.options)

    @property
    def defaults(self) -> SimpleNamespace:
        """The defaults that are values, by name: what constructors write into their signatures."""
        return SimpleNamespace(
            **{each.name: each.default for each in self.options if not isinstance(each.default, DescribedDefault)}
        )

    def check(self, **values: Any) -> None:
        """Check values that a constructor or a function was called with.

        Raises:
            OptionError: One is not what its option takes, or they do not fit each other.
        """
        for name, value in values.items():
            self[name].checked(value, f'{self.name}.{name}')
        self.check_relation(values, f'{self.name}.')

    def check_relation(self, given: Mapping[str, Any], prefix: str) -> None:
        """Check that the given values, and the defaults of those that are absent, fit each other.

        Args:
            given: Values by name, each of which is what its option takes.
            prefix: What an error puts before the option's name.

        Raises:
            OptionError: They do not.
        """
        if self.relation is None:
            return
        values = SimpleNamespace(**dict.fromkeys(self.names))
        values.__dict__.update(self.defaults.__dict__)
        values.__dict__.update(given)
        try:
            self.relation(values)
        except OptionError as error:
            raise OptionError(
                error.problem,
                where=f'{prefix}{error.where}',
                expected=error.expected,
                found=error.found,
                remedy=error.remedy,
            ) from None


def read_section(
    options: Iterable[Option], given: Mapping[str, Any], owner: str, prefix: str, carried: Iterable[str] = ()
) -> Dict[str, Any]:
    """Return the values of all options of a section by name, those that are absent as their defaults.

    Args:
        options: What the section may hold.
        given: The section.
        owner: Whose section it is, for errors.
        prefix: What an error puts before the option's name.
        carried: Names that may stand there and are read by others.

    Raises:
        OptionError: An unknown name, an option that is missing, or a value that an option does not take.
    """
    by_name = {option.name: option for option in options}
    for name in given:
        if name not in by_name and name not in carried:
            raise OptionError(
                f"{owner} has no option '{name}'", where=f'{prefix}{name}', remedy=did_you_mean(str(name), by_name)
            )
    return {name: option.read(given, f'{prefix}{name}') for name, option in by_name.items()}


def number_remedy(name: str, text: str) -> str:
    """Return how to write a number that YAML reads as text."""
    return f'{name}: !!float {text} (YAML reads {text} as text)' if 'e' in text.lower() else f'{name}: {text}, unquoted'


def yaml_value(value: Any) -> str:
    """Return a default as an option file writes it."""
    if value is None:
        return '~'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f'[{", ".join(map(yaml_value, value))}]'
    # YAML reads 1e-05 as text.
    return f'!!float {value!r}' if isinstance(value, float) and 'e' in repr(value) else str(value)
