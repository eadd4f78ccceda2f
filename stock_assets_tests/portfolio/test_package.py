import subprocess
import sys
from pathlib import Path

import yaml

from stock_assets.config.checks import bounds_problem
from stock_assets.config.portfolios import PortfoliosConfig

ROOT = Path(__file__).parents[2]


def test_the_package_itself_imports_nothing_heavy():
    code = (
        "import sys, stock_assets.portfolio; "
        "print([m for m in ('torch', 'skfolio', 'cvxpy', 'sklearn', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_samples_portfolios_are_valid_for_five_safe_and_eight_other_instruments():
    content = yaml.safe_load((ROOT / "configs/sample/portfolios.yaml").read_text(encoding="utf-8"))
    config = PortfoliosConfig.model_validate(content)
    assert config.profiles["stable"].bounds.min_safe == 0.4
    assert config.profiles["aggressive"].bounds.max_safe == 0.4
    for profile in config.profiles.values():
        assert bounds_problem(profile.bounds, safe=5, others=8) is None
