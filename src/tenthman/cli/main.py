"""The command `tenthman`: every way in which it can end is told here."""

import io
import sys
from typing import TYPE_CHECKING

from tenthman.cli.interrupts import hearing_ctrl_c

if TYPE_CHECKING:
    from typer.exceptions import TyperException

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
MOST_SHOWN = 100


def main() -> None:
    """Run the command line; errors the desk knows become one message on standard error and a non-zero exit.

    Everything is imported in here, so that a Ctrl-C during the second which that takes ends like any other.
    """
    try:
        with hearing_ctrl_c():
            _run()
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as leaving:
        # Typer turns a KeyboardInterrupt into this exit code and says nothing.
        if leaving.code == EXIT_INTERRUPTED:
            _interrupted()
        raise


def _run() -> None:
    import structlog
    from typer.exceptions import TyperException

    from tenthman.cli.app import app
    from tenthman.cli.output import complain
    from tenthman.domain.errors import ConfigError, SetupError, TenthManError

    _show_what_the_terminal_can()
    try:
        code = app(prog_name="tenthman", standalone_mode=False)
    except TyperException as error:
        if message := _misuse(error):
            complain(message)
        sys.exit(EXIT_BAD_INPUT)
    except (ConfigError, SetupError) as error:
        complain(str(error))
        sys.exit(EXIT_BAD_INPUT)
    except TenthManError as error:
        complain(str(error))
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if structlog.is_configured():
            structlog.get_logger(__name__).exception("the system refused")
        complain(f"{error.filename or 'the system refuses'}: {error.strerror or error}")
        sys.exit(EXIT_FAILED)
    except UnicodeEncodeError as error:
        complain(f"what is given must be text in {sys.getfilesystemencoding()}, was {error.object[:MOST_SHOWN]!a}")
        sys.exit(EXIT_BAD_INPUT)
    if isinstance(code, int):
        sys.exit(code)


def _show_what_the_terminal_can() -> None:
    """A character that the encoding of standard output does not have is shown by its number, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _misuse(error: "TyperException") -> str:
    """What is wrong with a command line, in one line; empty where the help was shown instead."""
    from pydantic_core import ValidationError

    told = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".?")
    context = getattr(error, "ctx", None)
    if not told or context is None:
        return told
    if isinstance(error.__cause__, ValidationError):
        given = str(error.__cause__.errors()[0]["input"])
        told += "" if given in told else f", was {given!r}"
    return f"{told[0].lower()}{told[1:]}; see `{context.command_path} --help`"


def _interrupted() -> None:
    message = "error: interrupted; everything decided so far is kept. Run the same command again to go on.\n"
    sys.stderr.write(message)
    sys.exit(EXIT_INTERRUPTED)
