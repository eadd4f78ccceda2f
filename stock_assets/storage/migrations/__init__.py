"""The steps that bring a database to the tables of ``stock_assets.storage.schema``."""
