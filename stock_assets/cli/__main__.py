"""``python -m stock_assets.cli`` is the command ``stock-assets``."""

from stock_assets.cli.main import main

if __name__ == "__main__":
    main(prog_name="stock-assets")
