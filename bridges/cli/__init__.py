"""The `bridges` command: the shared measurements on any memory.

Heavy imports are inside the commands, so that help answers at once.
"""

from __future__ import annotations

import gc

import click

from bridges.cli import generative, memories, runs
from bridges.study.command import HELP, Command

_OBJECTS = 20_000
"""New objects between two looks for what is not used any more. The libraries that a verb loads make
a million that stay, and looking through them time and again is a tenth of the time they take."""


class Verbs(click.Group):
    """The verbs, which remember the words they were given."""

    command_class = Command


@click.group(cls=Verbs, context_settings=HELP)
@click.version_option(package_name="hopfield-diffusion")
def main() -> None:
    """What a network remembers, and how far a cue may be from a memory and still come home.

    Hopfield networks, dense memories and diffusion models, measured by the same tools.

    Words: a sample is one independent set of patterns (errors are standard errors between
    samples); a trial is one cue; a draw is one noised data point; a start is one state from
    which a survey of basins begins.
    """
    gc.set_threshold(_OBJECTS, 50, 100)


for _verb in (
    *(runs.models, memories.retrieve, memories.capacity, memories.basins, memories.compare),
    memories.recall,
    *(generative.memorization, memories.graph, generative.guide, generative.train),
    *(runs.convert, runs.show, runs.merge),
):
    main.add_command(_verb)
