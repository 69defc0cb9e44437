"""Whether a command line is one that `tenthman` understands, without running it."""

from collections.abc import Iterator

import typer
import typer.main

from tenthman.cli.app import app

UsageError = typer.BadParameter.__mro__[1]
"""The base of all complaints about a command line; typer keeps the class itself private."""


def every_command() -> Iterator[str]:
    """Every command by its words, without the program's name."""
    waiting = [("", typer.main.get_command(app))]
    for words, command in waiting:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield words
        else:
            waiting += [(f"{words} {name}".strip(), found) for name, found in inner.items()]


def understand(arguments: list[str]) -> None:
    """Parse `arguments` (without the program's name) down to the last subcommand; UsageError when they do not fit."""
    command = typer.main.get_command(app)
    context = command.make_context("tenthman", list(arguments))
    while hasattr(command, "resolve_command"):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        try:
            inner = found.make_context(name, rest, parent=context)
        except typer.Exit:
            return  # --help was asked for
        command, context = found, inner
