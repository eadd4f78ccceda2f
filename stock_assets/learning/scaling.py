"""Standardisation with the mean and standard deviation of given rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from stock_assets.errors import ArtifactError


@dataclass(frozen=True, eq=False)
class Scaler:
    """Subtracts a mean and divides by a standard deviation, feature by feature.

    Attributes
    ----------
    mean, std : ndarray of float64, shape (n_features,)
        In the units of the features; ``std`` is positive.
    """

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray) -> Self:
        """Measure the rows, and only these.

        Parameters
        ----------
        rows : ndarray of float64, shape (n_rows, n_features)
            A feature that is constant in them gets the standard deviation 1.

        Raises
        ------
        ValueError
            If there is no row, or a value that is not finite.
        """
        if rows.ndim != 2 or len(rows) == 0 or not np.isfinite(rows).all():
            bad = int((~np.isfinite(rows)).sum())
            raise ValueError(
                f"rows of shape {rows.shape} with {bad} values that are not finite cannot be standardised; "
                "give at least one row of finite values."
            )
        std = rows.std(axis=0)
        # Rounding gives a constant a deviation of about 1e-16 of its size; underflow gives tiny numbers none.
        varies = std > np.maximum(1e-12 * np.abs(rows).max(axis=0), np.finfo(np.float64).tiny)
        return cls(rows.mean(axis=0), np.where(varies, std, 1.0))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the standardised values; the last axis is the features."""
        return (values - self.mean) / self.std

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return what ``transform`` was given."""
        return values * self.std + self.mean

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the two arrays as float64 tensors, for an artefact."""
        return {"scaler.mean": torch.tensor(self.mean), "scaler.std": torch.tensor(self.std)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """Return the scaler that ``to_tensors`` made these tensors from.

        Raises
        ------
        ArtifactError
            If a tensor is missing, or they are no scaler's.
        """
        try:
            mean, std = tensors["scaler.mean"].numpy(), tensors["scaler.std"].numpy()
        except KeyError as error:
            raise ArtifactError(f"the artefact has no tensor {error}; it holds {sorted(tensors)}.") from error
        if mean.ndim != 1 or mean.shape != std.shape or not np.isfinite(mean).all() or not (std > 0).all():
            raise ArtifactError(
                f"the artefact's scaler has a mean of shape {mean.shape} and a std of shape {std.shape}; "
                "both must be one finite value a feature, the std positive."
            )
        return cls(mean, std)
