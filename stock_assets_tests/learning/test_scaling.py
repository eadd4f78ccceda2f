import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stock_assets.errors import ArtifactError
from stock_assets.learning.scaling import Scaler


def test_mean_and_population_deviation_of_each_feature() -> None:
    scaler = Scaler.fit(np.array([[1.0, 10.0], [3.0, 10.0]]))
    assert scaler.mean.tolist() == [2.0, 10.0]
    assert scaler.std.tolist() == [1.0, 1.0]
    assert scaler.transform(np.array([[[5.0, 11.0]]])).tolist() == [[[3.0, 1.0]]]


def test_constant_feature_whose_deviation_rounds_above_zero_gets_one() -> None:
    rows = np.full((7, 1), 0.1)
    assert rows.std(axis=0)[0] > 0
    assert Scaler.fit(rows).std.tolist() == [1.0]


@settings(derandomize=True, deadline=None)
@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)))
def test_inverse_undoes_transform(rows: np.ndarray) -> None:
    scaler = Scaler.fit(rows)
    # The scale of the rounding is that of the mean, which may be far above a feature's range.
    np.testing.assert_allclose(scaler.inverse(scaler.transform(rows)), rows, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rows", [np.empty((0, 2)), np.array([[1.0], [np.nan]]), np.array([1.0, 2.0])])
def test_rows_that_cannot_be_measured_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="cannot be standardised"):
        Scaler.fit(rows)


def test_tensors_carry_it_exactly() -> None:
    scaler = Scaler.fit(np.random.default_rng(1).normal(size=(20, 4)))
    again = Scaler.from_tensors(scaler.to_tensors())
    assert again.mean.tobytes() == scaler.mean.tobytes()
    assert again.std.tobytes() == scaler.std.tobytes()


@pytest.mark.parametrize(
    "tensors",
    [
        {"scaler.mean": torch.zeros(2)},
        {"scaler.mean": torch.zeros(2), "scaler.std": torch.zeros(2)},
        {"scaler.mean": torch.zeros(2), "scaler.std": torch.ones(3)},
        {"scaler.mean": torch.tensor([torch.nan]), "scaler.std": torch.ones(1)},
    ],
)
def test_tensors_of_no_scaler_are_refused(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ArtifactError):
        Scaler.from_tensors(tensors)
