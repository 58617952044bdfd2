"""The command line: `longtailor COMMAND`."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from longtailor import __version__
from longtailor.cli import cache
from longtailor.cli.compare import compare
from longtailor.cli.curve import curve
from longtailor.cli.demo import demo
from longtailor.cli.evaluate import evaluate
from longtailor.cli.export import export
from longtailor.cli.fit import fit
from longtailor.cli.inspect import inspect
from longtailor.cli.objectives import objectives
from longtailor.cli.options import message
from longtailor.cli.predict import predict
from longtailor.cli.serve import serve
from longtailor.cli.suggest import suggest
from longtailor.errors import LongtailorError, UsageError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


class _Commands(TyperGroup):
    """Commands whose failures are told in one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LongtailorError as error:
            message(f"longtailor: {error}")
            raise typer.Exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED) from None
        except KeyboardInterrupt:
            message("longtailor: interrupted; the same command goes on with what was finished")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            message(f"longtailor: {where}{error.strerror or error}")
            raise typer.Exit(FAILED) from None
        except MemoryError:
            message("longtailor: out of memory; give it fewer products or labels at once")
            raise typer.Exit(FAILED) from None


app = typer.Typer(
    name="longtailor",
    help="Learn rare attributes from the labels a catalogue already has.",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _command in (
    demo,
    inspect,
    fit,
    evaluate,
    predict,
    export,
    serve,
    compare,
    curve,
    suggest,
    objectives,
):
    app.command()(_command)
app.add_typer(cache.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            # Called by itself: a group runs its own function only with a command.
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    # Threads that wait by spinning make a fit eight times slower on a machine that others use too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()
