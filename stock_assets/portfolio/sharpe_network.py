"""The Sharpe net's network and its loss."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: Added in quadrature to a portfolio's daily volatility: one basis point. Without it the ratio of a portfolio
#: that hardly moves has no bound, and its gradient none at zero.
VOLATILITY_FLOOR = 1e-4


class SharpeNetwork(nn.Module):
    """An LSTM over the returns of all instruments, with softmax weights.

    Parameters
    ----------
    n_instruments : int
        Width of input and output.
    hidden_size : int
        Width of the LSTM.
    dropout : float
        Share of the LSTM's last outputs that is dropped in training.
    """

    def __init__(self, n_instruments: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_instruments, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.scores = nn.Linear(hidden_size, n_instruments)

    def forward(self, returns: Tensor) -> Tensor:
        """Map standardised returns to weights.

        Parameters
        ----------
        returns : Tensor, shape (batch, lookback, n_instruments)

        Returns
        -------
        Tensor, shape (batch, n_instruments)
            Positive, each row with a sum of one.
        """
        outputs, _ = self.lstm(returns)  # (batch, lookback, hidden_size)
        last = self.dropout(outputs[:, -1])  # (batch, hidden_size)
        return torch.softmax(self.scores(last), dim=-1)  # (batch, n_instruments)


@dataclass(frozen=True)
class NegativeSharpeRatio:
    """Sample loss: minus the daily Sharpe ratio of the label's days, at weights held constant.

    Constant weights mean daily rebalancing. Not annualised, so that losses are of order 0.1.

    Attributes
    ----------
    risk_free : float
        Decimal risk-free return per session.
    """

    risk_free: float = 0.0

    def __call__(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return one loss a sample.

        Parameters
        ----------
        output : Tensor, shape (batch, n_instruments)
            Weights.
        targets : Tensor, shape (batch, horizon, n_instruments)
            Decimal daily returns.

        Returns
        -------
        Tensor, shape (batch,)
        """
        returns = torch.einsum("bn,bhn->bh", output, targets) - self.risk_free  # (batch, horizon)
        variance = returns.var(dim=1, correction=0)  # (batch,)
        return -returns.mean(dim=1) / torch.sqrt(variance + VOLATILITY_FLOOR**2)
