"""The recurrent network of one instrument."""

from itertools import pairwise

from torch import Tensor, nn

from stock_assets.config.stage1 import NetworkConfig

_CELLS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "rnn": nn.RNN,
}


class RecurrentNetwork(nn.Module):
    """Stacked recurrent layers, of whose last step one linear output is made.

    Dropout, and batch normalisation if configured, follow every layer.

    Parameters
    ----------
    config : NetworkConfig
    n_features : int
    """

    def __init__(self, config: NetworkConfig, n_features: int) -> None:
        super().__init__()
        cell = _CELLS[config.cell]
        sizes = (n_features, *config.hidden_sizes)
        self.layers = nn.ModuleList(cell(size, hidden, batch_first=True) for size, hidden in pairwise(sizes))
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(hidden) if config.batch_norm else nn.Identity() for hidden in config.hidden_sizes
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(sizes[-1], 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map windows to standardised predictions.

        Parameters
        ----------
        inputs : Tensor of float32, shape (batch, lookback, n_features)

        Returns
        -------
        Tensor of float32, shape (batch,)
            Deviation from the mean training label, in its standard deviations.
        """
        steps = inputs  # (batch, lookback, n_features)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            steps, _ = layer(steps)  # (batch, lookback, hidden)
            steps = norm(steps.transpose(1, 2)).transpose(1, 2)  # (batch, lookback, hidden)
            steps = self.dropout(steps)  # (batch, lookback, hidden)
        return self.head(steps[:, -1])[:, 0]  # (batch, hidden) -> (batch, 1) -> (batch,)
