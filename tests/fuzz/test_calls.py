"""Every public function, one argument at a time: refused in one sentence, or taken as it is meant.

The whole campaign (`-m slow`) is some 50 000 calls; the tests of each day draw one in sixty.
"""

from collections import Counter
from zlib import crc32

import calls
import calls_of_bridges
import pytest
from fuzz import bad, counts, good

import bridges
import bridges.data
import diffusion
import hopfield
from bridges import equivalence
from diffusion import guidance, theory as of_noise
from hopfield import theory as of_memory

CALLS = calls.CALLS | calls_of_bridges.CALLS
WITHOUT = calls.WITHOUT | calls_of_bridges.WITHOUT
FEW = 60
CLEAR = 0.95  # share of refusals that name the argument and what is allowed


def some(*names):
    """One in `FEW` of all cases, the same in each run."""
    return crc32("".join(names).encode()) % FEW == 0


def campaign(trial, **chosen):
    return [
        one for name, (call, given) in CALLS.items() for one in trial(name, call, given, **chosen)
    ]


def say(outcomes, *verdicts):
    return "\n".join(str(one) for one in outcomes if one.verdict in verdicts)


def check_refusals(outcomes):
    found = counts(outcomes)
    print(dict(found))
    assert found["accepted"] == 0, say(outcomes, "accepted")
    assert found["slow"] == 0, say(outcomes, "slow")
    refused = sum(found.values()) - found["fine"]
    share = found["clear"] / refused
    assert share >= CLEAR, f"{share:.3f}\n" + say(outcomes, "unnamed", "inside")


def check_conversions(outcomes):
    found = counts(outcomes)
    print(dict(found))
    assert found["differs"] == 0, say(outcomes, "differs")
    taken = found["fine"] + found["clear"]
    assert taken >= CLEAR * len(outcomes), say(outcomes, "inside", "unnamed", "refused", "slow")


def test_bad_arguments_are_refused_by_name():
    check_refusals(campaign(bad, chosen=some))


def test_the_same_in_another_type_is_taken():
    check_conversions(campaign(good, chosen=some))


@pytest.mark.slow
def test_all_bad_arguments_are_refused_by_name():
    check_refusals(campaign(bad))


@pytest.mark.slow
def test_all_of_the_same_in_another_type_is_taken():
    check_conversions(campaign(good))


@pytest.mark.parametrize(
    "room",
    [hopfield, of_memory, diffusion, guidance, of_noise, bridges, bridges.data, equivalence],
)
def test_every_public_callable_is_called(room):
    names = getattr(room, "__all__", None) or [
        name
        for name, value in vars(room).items()
        if callable(value)
        and name[0].islower()
        and getattr(value, "__module__", "").startswith(room.__name__)
    ]
    called = {name.removeprefix(f"{room.__name__}.").split()[0] for name in CALLS}
    called |= {name.split(".")[0] for name in CALLS if name[0].isupper()}
    there = {name: getattr(room, name) for name in names if callable(getattr(room, name))}
    elsewhere = {
        name for name, one in there.items() if any(one is call for call, _ in CALLS.values())
    }
    left = there.keys() - called - elsewhere - WITHOUT.keys()
    assert not left


def test_the_fuzzer_tells_the_verdicts_apart():
    def function(x, y=1):
        if x == 0:
            raise ValueError("x must be above 0, got 0")
        if x == -1:
            raise ValueError("something is wrong")
        return [][5] if x == 0.5 else 2 * x

    found = {one.value: one.verdict for one in bad("f", function, {"x": 2.0})}
    wanted = {"0": "clear", "-1": "unnamed", "0.5": "inside", "inf": "fine", "True": "accepted"}
    assert {name: found[name] for name in wanted} == wanted
    verdicts = Counter(one.verdict for one in good("f", lambda x: type(x) is int, {"x": 2.0}))
    assert verdicts["differs"] == 1  # int: numpy's kinds are none
    assert verdicts["fine"] > 3
