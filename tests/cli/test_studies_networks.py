"""The studies of trained networks, small, as a user runs them."""

import numpy as np
import pytest
from terminal import measured, rows, run, summary


def test_the_sphere_is_memorized_then_generalized_and_a_file_may_stand_beside_it():
    np.save("mine.npy", np.random.default_rng(0).normal(size=(200, 8)))
    words = "--data mine.npy --loads 3,60 --steps 500 --width 64 --count 100 --held-out 80"
    run("memorization_to_generalization", words, "--samples 1 --jobs 1 --out run")
    sets = {row["data"] for row in rows()}
    assert len(sets) == 2
    for data in sets:
        for quantity, sign in (("memorized", 1), ("dimension", -1)):
            few, many = (measured(data=data, patterns=P, quantity=quantity)[0] for P in (3, 60))
            assert sign * few > sign * many
        share = measured(data=data, patterns=3, quantity="memorized")[0]
        assert 0 <= share <= 1
    assert summary()["thresholds"]["sphere"]["delta_memorized"]["mean"] == pytest.approx(
        0.2, abs=0.01
    )


def test_a_training_learns_its_data_by_heart_in_time():
    words = "--patterns 4 --steps 600 --snapshots 3 --width 64 --count 60 --held-out 80"
    run("training_time", words, "--rate 0.003 --samples 1 --jobs 1 --out run")

    def along(quantity):
        """Step → value."""
        found = rows(data="sphere", quantity=quantity)
        return {float(row["step"]): float(row["value"]) for row in found}

    first, _, last = sorted(along("memorized"))
    assert along("memorized")[first] < 0.2 < 0.5 < along("memorized")[last]
    assert along("gap")[first] < along("gap")[last]
    assert first not in along("kept")
    assert 0 <= along("kept")[last] <= 1
    assert summary()["least_held_out_loss"]["sphere"]["mean"] < 600


@pytest.mark.parametrize(
    ("study", "words", "message"),
    [
        ("memorization_to_generalization", "--device tpu", "device must be one of 'auto'"),
        ("training_time", "--rate 1e20 --patterns 4 --steps 100", "let the loss become"),
    ],
)
def test_what_only_training_finds_out_is_refused_in_one_line(study, words, message):
    text = run(study, words, "--samples 1 --jobs 1", code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert message in error
