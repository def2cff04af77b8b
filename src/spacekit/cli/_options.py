"""Options that several commands have alike."""

from __future__ import annotations

import click

__all__ = ["OUTPUT_HELP", "prevalence_option"]

#: What `-o` says where it has no default of its own.
OUTPUT_HELP = "Where to write [default: the working directory]."

#: Whom probabilities are for; predict and run.
prevalence_option = click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of misaligned mosaics that probabilities are for (the model's, 0.02).",
)
