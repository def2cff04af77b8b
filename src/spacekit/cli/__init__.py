"""The command line: the only place that prints and exits."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from spacekit import __version__
from spacekit.cli._lazy import LazyGroup
from spacekit.errors import SpacekitError

__all__ = ["app", "launch", "main"]

_JOBS = {
    "run": "Classify the visits below a folder: prep and predict in one go.",
    "demo": "Simulate six visits, three of them bad, and classify them.",
    "prep": "Read visits; write the table and the frames.",
    "predict": "Classify mosaics from a table and frames.",
    "report": "Write the page of earlier predictions again.",
    "train": "Train and evaluate a model on labelled mosaics.",
    "compare": "Compare the results of several trainings.",
    "explore": "Look at a table: distributions, correlation, outliers.",
    "corrupt": "Copy visits and corrupt the pointing of chosen exposures.",
    "simulate": "Simulate visits with known truth.",
    "label": "Join label and true offsets of simulated visits to a table.",
}


@click.group()
@click.version_option(__version__, prog_name="spacekit")
def app() -> None:
    """Find misaligned Hubble mosaics, and say how sure that is."""


@app.group(cls=LazyGroup, package="spacekit.cli", summaries=_JOBS)
def svm() -> None:
    """Single-visit mosaics: classify, train, simulate, corrupt."""


def launch(command: click.Command) -> NoReturn:
    """Run a command and exit with its status.

    0: all went well. 1: done, but some of the input had problems. 2: not done.
    """
    try:
        status = command.main(standalone_mode=False)
    except SpacekitError as error:
        click.secho(f"Error: {error}", err=True, fg="red")
        status = 2
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        click.echo("Stopped. What is done is kept; the same command goes on from there.", err=True)
        status = 130
    sys.exit(status if isinstance(status, int) else 0)


def main() -> NoReturn:
    """Entry point of the ``spacekit`` command."""
    launch(app)
