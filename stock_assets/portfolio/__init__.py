"""Portfolio weights from prices and predictions."""
