"""Configuration, calendars and cutoffs are read wherever Dagster loads definitions: they stay light."""

import subprocess
import sys
from pathlib import Path

import pytest

from stock_assets_tests.made_up import CONFIG_DIR

HEAVY = ("numpy", "pandas", "sqlalchemy", "torch", "exchange_calendars", "dagster", "skfolio")


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_a_universe_is_loaded_without_anything_heavy() -> None:
    code = (
        "from pathlib import Path\n"
        "from stock_assets.config import load_universe\n"
        f"load_universe(Path({str(CONFIG_DIR / 'made_up')!r}))"
    )
    assert modules_after(code).isdisjoint(HEAVY)


@pytest.mark.parametrize(("exchange", "builder"), [("XNYS", "exchange_calendars"), ("USGOV", "pandas")])
def test_stored_calendars_and_partition_keys_are_read_without_anything_heavy(
    tmp_path: Path, exchange: str, builder: str
) -> None:
    arguments = f"{exchange!r}, date(2020, 12, 1), date(2021, 1, 31), Path({str(tmp_path)!r})"
    built = modules_after(
        "from datetime import date\nfrom pathlib import Path\n"
        f"from stock_assets.calendars import load_calendar\nload_calendar({arguments})"
    )
    assert builder in built
    code = (
        "from datetime import date\nfrom pathlib import Path\n"
        "from stock_assets.calendars import load_calendar\n"
        "from stock_assets.trading_days import TradingDays\n"
        "from stock_assets.cutoffs import cutoffs_between\n"
        f"calendar = load_calendar({arguments})\n"
        "days = TradingDays.from_calendars([calendar], date(2020, 12, 28), date(2021, 1, 29))\n"
        "assert days.weekdays_off(days.first, days.last) == (date(2021, 1, 1), date(2021, 1, 18))\n"
        "assert cutoffs_between('0 0 1,15 * *', days.first, days.last)[0] == date(2020, 12, 15)"
    )
    assert modules_after(code).isdisjoint(HEAVY)
