"""No bad value of an option ends in a traceback, and nearly every refusal names the option."""

import os

import pytest
from command_lines import Outcome, lines, report, sampled, survey

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
CLEAR = 0.95  # of refusals


def check(found):
    """The goals, with the lines that miss them."""
    said = "\n".join(report(found))
    kinds = [one.kind for one in found.values()]
    assert not {"traceback", "hang"} & {*kinds}, said
    assert not any(one.left for one in found.values()), said
    refused = [kind for kind in kinds if kind != "legal"]
    assert len(refused) > len(kinds) / 2  # or the values are not bad
    assert refused.count("clear") >= CLEAR * len(refused), said


def test_some_values_of_every_option_are_refused_clearly():
    check(survey(sampled(500)))


@pytest.mark.slow
def test_all_values_of_every_option_are_refused_clearly():
    check(survey(lines()))


@pytest.mark.parametrize(
    "bad", [Outcome("traceback", ""), Outcome("hang", ""), Outcome("clear", "", ("left",))]
)
def test_the_goals_can_be_missed(bad):
    some = sampled(1)
    good = dict.fromkeys(some, Outcome("clear", ""))
    check(good)
    with pytest.raises(AssertionError):
        check(good | {some[0]: bad})
    unnamed = dict.fromkeys(some[: len(some) // 10], Outcome("unnamed", ""))
    with pytest.raises(AssertionError):
        check(good | unnamed)
