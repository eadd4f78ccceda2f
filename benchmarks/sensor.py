"""How long the sensor ``daily`` takes to decide: ``python -m benchmarks.sensor [LOOKS]``.

It looks at the tables of the universe of the environment, as often as it is told, and writes nothing. The
first look imports the database's packages and connects, which a code server does once.
"""

import statistics
import sys
import time
from datetime import UTC, datetime


def main(looks: int) -> None:
    """Decide so often, and print the seconds."""
    from stock_assets.pipeline.deployment import current_deployment

    deployment = current_deployment()
    engine, seconds = None, []
    for _ in range(looks + 1):
        started = time.perf_counter()
        from stock_assets.pipeline.due_days import decide
        from stock_assets.pipeline.due_trainings import decide_trainings
        from stock_assets.storage.engine import create_engine

        engine = engine or create_engine(deployment.settings.database_url)
        now = datetime.now(UTC)
        decision = decide(deployment, engine, now, lambda attempts: {})
        decide_trainings(deployment, engine, now, lambda attempts: {})
        seconds.append(time.perf_counter() - started)
    heavy = {"numpy", "pandas", "torch", "requests"} & set(sys.modules)
    first, *others = (1000 * second for second in seconds)
    median, most = statistics.median(others), max(others)
    sys.stdout.write(
        f"{deployment.universe.name}: {decision.reason}\n"
        f"first look {first:.0f} ms, then {median:.0f} ms, at most {most:.0f} ms; heavy packages imported: "
        f"{', '.join(heavy) or 'none'}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
