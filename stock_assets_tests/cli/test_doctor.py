"""``stock-assets doctor`` as an operator runs it: lines, exit status, and nothing left behind."""

from stock_assets_tests.commands import Workplace

SECRETS = {
    "STOCK_ASSETS_SLACK_TOKEN": "xoxb-hunter2",
    "STOCK_ASSETS_SLACK_URL": "http://127.0.0.1:1/api",
    "STOCK_ASSETS_DATABASE_URL": "mysql+mysqlconnector://somebody:hunter2@127.0.0.1:1/stock_assets",
}


def test_before_anything_was_prepared_nothing_fails_and_nothing_is_made(workplace: Workplace) -> None:
    before = sorted(workplace.folder.rglob("*"))
    ended = workplace.run("doctor", "--all")
    assert (ended.status, ended.err) == (0, ""), ended
    lines = ended.out.splitlines()
    assert sum(line.startswith("ok      source csv ") for line in lines) == 6
    (database,) = (line for line in lines if line.split()[:2] == ["warning", "database"])
    assert " yet. Run `stock-assets init`" in database
    assert lines[-1].startswith("made_up: 0 failed, ")
    assert sorted(workplace.folder.rglob("*")) == before


def test_what_fails_is_told_by_the_exit_status_and_without_secrets(workplace: Workplace) -> None:
    ended = workplace.with_variables(**SECRETS).run("doctor")
    assert (ended.status, ended.err) == (1, ""), ended
    failed = [line for line in ended.out.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == ["database", "Slack"]
    assert "hunter2" not in ended.said and "Traceback" not in ended.said
