"""Factors between times: Student's table, errors of a factor, and what is known of all samples."""

import math

import numpy as np
import pytest
from reports.leads import Leads


@pytest.mark.parametrize(("n", "critical"), [(4, 5.841), (5, 4.604), (10, 3.250)])
def test_four_samples_or_more_decide_beyond_students_table(n, critical):
    """Two-sided, 1 %, n − 1 degrees of freedom, as printed tables have it."""
    spread = np.arange(n) - (n - 1) / 2.0
    spread /= math.sqrt((spread**2).sum() / (n - 1) / n)  # of standard error 1
    for t, decided in ((0.99 * critical, 0), (1.01 * critical, 1)):
        for scale in (0.01, 1.0):  # however small the factor is
            lead = Leads.measured(scale * (t + spread))
            assert (lead.decided, (-lead).decided) == (decided, -decided)


def test_the_error_of_a_factor_is_its_own_and_not_of_its_logarithm():
    lead = Leads.measured(math.log(10) + np.array([-0.1, 0.1]))  # s.e. 0.1, of 10: 1
    assert str(lead) == "10.0(10)"
    assert str(-lead) == "0.10(1)"


def test_bounds_are_those_that_hold_in_all_samples():
    never = np.full(2, math.nan)
    late = Leads.of(np.array([100.0, 50.0]), never, 1000.0)  # above 10, and above 20
    assert (str(late), str(-late)) == ("> 10", "< 0.1")
    one = Leads.of(np.array([100.0, 50.0]), np.array([300.0, math.nan]), 1000.0)
    assert (str(one), str(-one)) == ("> 3", "< 0.333")  # 3, and above 20
