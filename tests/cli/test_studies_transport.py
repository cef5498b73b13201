"""The study of unlearning as transport, small, as a user runs it."""

import pytest
from terminal import measured, run, summary


def test_dreams_share_out_the_starts_of_the_plane_and_of_digits():
    text = run(
        "unlearning_transport",
        "--sigmas 0.05,1 --starts 3000 --steps 40 --loads 10 --ratios 0.4 --doses 0,1 "
        "--noises 0.6 --trials 100 --samples 2 --jobs 1 --out run",
    )
    assert "rms error of the dreamt potentials" in text
    known = {0.05: [0.125, 0.186, 0.250, 0.239, 0.200], 1.0: [0.184, 0.192, 0.225, 0.213, 0.187]}
    for sigma, masses in known.items():
        for k, mass in enumerate(masses):
            where = {"sigma": sigma, "memory": k}
            error = 4 * (mass * (1 - mass) / 6000) ** 0.5 + 1e-3  # and 0.05 is not 0
            assert abs(measured(quantity="before", **where)[0] - mass) < error
            assert measured(quantity="after", **where)[0] == pytest.approx(0.2, abs=1e-4)
            assert abs(measured(quantity="own", **where)[0] - 0.2) < 4 * (0.16 / 6000) ** 0.5
    assert measured(quantity="entropy", of="after")[0] == pytest.approx(1, abs=1e-3)
    assert measured(quantity="entropy", of="before")[0] < 0.95
    digits = summary()["digits"]["P=10 ratio=0.4"]
    assert digits["basins"]["change"]["mean"] > 0
