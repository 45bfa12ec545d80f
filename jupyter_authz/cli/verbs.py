"""Verbs: what a command about accounts takes, as data, and how it is read from the command line.

Beside `cli.accounts`, which runs them. traitlets reads no positional words and no option that is
given several times, so argparse does; what is not the verb's own is an option of the server.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_server.serverapp import aliases, flags

from jupyter_authz._version import __version__
from jupyter_authz.errors import AuthzError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class UsageError(AuthzError):
    """A command line that cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A word or an option.

    Parameters
    ----------
    name
        With ``--`` at its beginning it is an option, else a word at its place.
    options
        As `argparse.ArgumentParser.add_argument` takes them.
    """

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Options of which one is given at most.

    Parameters
    ----------
    arguments
        The options.
    is_needed
        Whether one must be given.
    """

    arguments: tuple[Argument, ...]
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that a command does.

    Parameters
    ----------
    does
        Module and function of this package that do it; imported only then, since they need what
        comes with the extra.
    help
        One line for people.
    arguments
        What it takes, beside the server's options.
    prints
        What ``--json`` prints, for its help.
    more
        Further help.
    looks
        Whether it changes nothing; then no store is made where there is none.
    """

    does: str
    help: str
    arguments: tuple[Argument | OneOf, ...] = ()
    prints: str = ""
    more: str = ""
    looks: bool = False


def word(name: str, shown: str, text: str, **options: Any) -> Argument:
    """Give a word at its place.

    Parameters
    ----------
    name
        What the function that does it calls it.
    shown
        In the help.
    text
        The help.
    **options
        As argparse takes them.
    """
    return Argument(name, {"metavar": shown, "help": text, **options})


def option(name: str, text: str, shown: str = "", **options: Any) -> Argument:
    """Give an option, with a value where there is something to show for it."""
    kind = {"metavar": shown} if shown else {"action": "store_true"}
    return Argument(f"--{name}", {**kind, "help": text, **options})


def days(text: str) -> int:
    """Read a number of days."""
    most = 36_500
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise argparse.ArgumentTypeError(f"expected a number of days, 1 to {most}, got {text!r}")
    return int(text)


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Tell that something is not known, what is, and what may have been meant."""
    expected = list(known)
    close = get_close_matches(given, expected, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown {what} {given!r}, expected {' or '.join(map(repr, expected))}{hint}"


# What every verb takes; the last two are passed on to the server.
_COMMON = (
    option("json", "Print JSON, for programs."),
    option("config", "The server's configuration, which tells where people are kept.", "FILE"),
    option("debug", "Log everything the server does while it is configured."),
)


def _names(options: Any) -> frozenset[str]:
    """Give the names of aliases or flags, of which some have several."""
    keys = (key if isinstance(key, tuple) else (key,) for key in options)
    return frozenset(name for names in keys for name in names)


_ALIASES, _FLAGS = _names(aliases), _names(flags)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def _parser(verb: Verb, program: str) -> _Parser:
    prints = f"--json prints\n{indent(dedent(verb.prints).strip(), '  ')}" if verb.prints else ""
    passed = "All options of `jupyter server` are taken as well, such as --Section.trait=value."
    parser = _Parser(
        program,
        description="\n\n".join(filter(None, [verb.help, dedent(verb.more).strip()])),
        epilog="\n\n".join(filter(None, [passed, prints])),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=__version__)
    for one in (*verb.arguments, *_COMMON):
        if isinstance(one, OneOf):
            group = parser.add_mutually_exclusive_group(required=one.is_needed)
            for each in one.arguments:
                group.add_argument(each.name, **each.options)
        else:
            parser.add_argument(one.name, **one.options)
    return parser


def read(verb: Verb, program: str, given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read a command line; ``--help`` is answered at once.

    Parameters
    ----------
    verb
        What is to be done.
    program
        What was typed before.
    given
        What was typed then.

    Returns
    -------
    tuple
        The verb's own words and options, and the server's options.

    Raises
    ------
    UsageError
        Something is missing, or nobody knows it.
    """
    own, others = _parser(verb, program).parse_known_args(list(given))
    passed = [_of_server(one, verb, program) for one in others]
    passed += [f"--config={own.config}"] if own.config is not None else []
    passed += ["--debug"] if own.debug else []
    return own, passed


def _of_server(given: str, verb: Verb, program: str) -> str:
    if not given.startswith("-"):
        raise UsageError(f"unexpected {given!r}; see `{program} --help`")
    name, equals, _ = given.partition("=")
    bare = name.lstrip("-")
    is_trait = "." in bare or bare in _ALIASES
    if is_trait and not equals:
        # Its value would be taken for a word of the verb.
        raise UsageError(f"expected {name}=VALUE, got {name!r} without a value")
    if not is_trait and bare not in _FLAGS:
        options = [one.name for one in _flat((*verb.arguments, *_COMMON)) if one.name[0] == "-"]
        raise UsageError(unknown("option", name, options))
    return given


def _flat(arguments: Iterable[Argument | OneOf]) -> Iterator[Argument]:
    for one in arguments:
        if isinstance(one, OneOf):
            yield from one.arguments
        else:
            yield one
