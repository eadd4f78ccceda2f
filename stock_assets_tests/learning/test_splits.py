import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assets.learning.splits import split


def consecutive_days(count):
    return np.datetime64("2020-01-01") + np.arange(count)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    count=st.integers(0, 120),
    gap=st.integers(0, 12),
    fraction=st.floats(0.05, 0.8),
    stride=st.integers(1, 9),
    holes=st.integers(0, 1000),
)
def test_no_split_lets_a_training_label_reach_into_validation(count, gap, fraction, stride, holes):
    days = consecutive_days(count + gap)
    usable = np.random.default_rng(holes).uniform(size=count) < 0.8
    train, validation = split(days[:count], days[gap:], usable, fraction, stride)
    assert usable[train].all()
    assert usable[validation].all()
    assert len(validation) == np.ceil(fraction * usable.sum())
    if len(train) and len(validation):
        assert days[gap:][train].max() < days[validation[0]]
        assert train[-1] < validation[0]


def test_the_stride_counts_back_from_the_newest_window():
    days = consecutive_days(20)
    train, validation = split(days[:18], days[2:], np.ones(18, dtype=bool), 0.25, 4)
    # Validation: 13 to 17. Labels known before day 13: up to 10, then every fourth back from there.
    np.testing.assert_array_equal(validation, [13, 14, 15, 16, 17])
    np.testing.assert_array_equal(train, [2, 6, 10])
