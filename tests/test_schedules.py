"""Warm-up and the way down."""

import math

import numpy as np
import pytest

from tfapps.errors import InputError
from tfapps.train.optimizers.schedules import WarmUp, make


def curve(schedule, steps):
    return np.array([float(schedule(step)) for step in range(steps)])


@pytest.mark.parametrize("shape", ["linear", "cosine", "constant"])
def test_warm_up_is_a_straight_line_to_the_peak(shape):
    np.testing.assert_allclose(
        curve(WarmUp(0.5, 20, 5, shape), 5), [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6
    )


def test_linear_falls_straight_and_the_last_step_still_moves():
    values = curve(WarmUp(1.0, 10, 0, "linear"), 11)
    np.testing.assert_allclose(values, np.linspace(1.0, 0.0, 11), atol=1e-6)
    assert values[9] > 0


def test_cosine_follows_half_a_wave():
    values = curve(WarmUp(2.0, 12, 2, "cosine"), 12)[2:]
    expected = [1.0 + math.cos(math.pi * step / 10) for step in range(10)]
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_constant_stays_at_the_peak():
    np.testing.assert_allclose(curve(WarmUp(0.3, 8, 2, "constant"), 9)[2:], 0.3, rtol=1e-6)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_nothing_is_left_after_the_end(shape):
    assert float(WarmUp(1.0, 10, 3, shape)(10)) == pytest.approx(0, abs=1e-7)
    assert float(WarmUp(1.0, 10, 3, shape)(1000)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("total", "warmup"), [(1, 0.0), (1, 1.0), (3, 1.0), (2, 0.5)])
def test_short_runs_have_finite_positive_rates(total, warmup):
    values = curve(make("linear", 1.0, total, warmup), total)
    assert (values > 0).all()
    assert (values <= 1).all()


def test_warmup_is_a_fraction_of_all_steps():
    assert make("linear", 1.0, 200, 0.1).warmup == 20


def test_config_builds_an_equal_schedule():
    schedule = WarmUp(0.5, 20, 5, "cosine")
    twin = WarmUp.from_config(schedule.get_config())
    np.testing.assert_array_equal(curve(schedule, 20), curve(twin, 20))


def test_an_unknown_shape_names_the_known_ones():
    with pytest.raises(InputError, match="got 'lin', expected one of linear, cosine, constant"):
        WarmUp(1.0, 10, 0, "lin")
