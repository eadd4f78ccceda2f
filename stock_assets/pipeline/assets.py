"""Keys of the daily assets, their parts joined by ``/``, as the table ``outcomes`` has them."""

from stock_assets.config.portfolios import PortfolioModel


def prediction_asset(instrument: str) -> str:
    """Return the asset of an instrument's predictions."""
    return f"stage1_prediction/{instrument}"


def weights_asset(model: PortfolioModel) -> str:
    """Return the asset of a model's portfolios."""
    return f"portfolio_weights/{model}"
