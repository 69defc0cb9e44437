"""The command `tenthman`: every way in which it can end is told here."""

import sys

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors the desk knows become one message on standard error and a non-zero exit.

    Everything is imported in here, so that a Ctrl-C during the two seconds which that takes ends like any other.
    """
    try:
        _run()
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as leaving:
        # Typer turns a KeyboardInterrupt into this exit code and says nothing.
        if leaving.code == EXIT_INTERRUPTED:
            _interrupted()
        raise


def _run() -> None:
    from tenthman.cli.app import app
    from tenthman.cli.output import complain
    from tenthman.domain.errors import ConfigError, SetupError, TenthManError

    try:
        app(standalone_mode=True)
    except (ConfigError, SetupError) as error:
        complain(str(error))
        sys.exit(EXIT_BAD_INPUT)
    except TenthManError as error:
        complain(str(error))
        sys.exit(EXIT_FAILED)


def _interrupted() -> None:
    message = "error: interrupted; everything decided so far is kept. Run the same command again to go on.\n"
    sys.stderr.write(message)
    sys.exit(EXIT_INTERRUPTED)
