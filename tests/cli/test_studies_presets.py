"""What `--help` says of a preset can be typed."""

import shlex

import click
import pytest
from terminal import SCRIPTS, script


@pytest.mark.parametrize("study", SCRIPTS)
def test_the_words_of_a_preset_are_its_options(study):
    module = script(study)
    for paragraph in module.main.epilog.split("\n\n"):
        preset, words = paragraph.split(": ", 1)
        given = module.main.make_context(study, shlex.split(words)).params
        for name, value in module.PRESETS[preset].items():
            typed = given[name] or (False if value is False else given[name])  # no flag
            assert _plain(typed) == _plain(value), (preset, name)


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("study", SCRIPTS)
def test_no_option_of_a_study_names_a_default_that_its_presets_replace(study):
    module = script(study)
    replaced = set(module.PRESETS["quick"])
    context = click.Context(module.main)
    for option in module.main.params:
        if option.name in replaced:
            assert "default" not in option.get_help_record(context)[1], option.name
