import subprocess
import sys


def test_the_package_itself_loads_nothing_heavy() -> None:
    code = "import sys, stock_assets.storage; print({'pandas', 'sqlalchemy', 'alembic'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert loaded == "set()\n"
