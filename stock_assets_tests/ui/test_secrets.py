"""The password of a database server is shown by nothing that the UI serves, prints or writes."""

from urllib.parse import quote

import pytest
import sqlalchemy as sa

from stock_assets_tests.commands import Workplace, needs_proc
from stock_assets_tests.servers import PASSWORD, MariaDbServer
from stock_assets_tests.ui.served import Ui, served

LAUNCH = """mutation {launchRun(executionParams: {
  selector: {repositoryLocationName: "stock_assets", repositoryName: "__repository__", jobName: "history"}
  runConfigData: "execution: {config: {in_process: true}}"
}) {... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
STATUS = "query ($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
PAGES = (
    "{instance {info daemonHealth {allDaemonStatuses {daemonType healthy}}}}",
    """{allTopLevelResourceDetailsOrError(repositorySelector: {
      repositoryLocationName: "stock_assets", repositoryName: "__repository__"
    }) {... on ResourceDetailsList {results {
      name description configFields {name description} configuredValues {key value type}
    }}}}""",
    "{runsOrError {... on Runs {results {runConfigYaml tags {key value}}}}}",
    """{runsOrError {... on Runs {results {eventConnection {
      events {... on MessageEvent {message eventType}}
    }}}}}""",
    """{workspaceOrError {... on Workspace {locationEntries {displayMetadata {key value}}}}}""",
)


@needs_proc
@pytest.mark.needs_binary
def test_the_password_of_a_server_is_nowhere_to_be_seen(workplace: Workplace, mariadb: MariaDbServer) -> None:
    url = mariadb.create_database("stock_assets")
    secrets = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD))
    place = workplace.with_variables(STOCK_ASSETS_DATABASE_URL=url)

    with served(place) as ui:
        run_the_history(ui)
        shown = {page: ui.ask_raw(page) for page in PAGES}
        assert all('"errors"' not in answer for answer in shown.values()), shown
        commands = place.processes()
    ended = ui.command.end()

    shown |= {f"process {pid}": command for pid, command in commands.items()}
    shown |= {"standard output": ended.out, "standard error": ended.err}
    shown |= {
        str(path): path.read_bytes().decode(errors="replace")
        for path in place.folder.rglob("*")
        if path.is_file()
    }
    shown |= stored_rows(url)
    assert "MySQL" in shown[PAGES[0]] or "InstanceStorage" in shown[PAGES[0]]
    assert {where for where, text in shown.items() for secret in secrets if secret in text} == set()


def run_the_history(ui: Ui) -> None:
    run = ui.ask(LAUNCH)["launchRun"]["run"]["runId"]
    ui.wait_until(
        lambda: ui.ask(STATUS, id=run)["runOrError"]["status"] in ("SUCCESS", "FAILURE"), "no end of the run"
    )
    assert ui.ask(STATUS, id=run)["runOrError"]["status"] == "SUCCESS"


def stored_rows(url: str) -> dict[str, str]:
    """All rows of all tables, the project's and Dagster's, by table."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"collation": "utf8mb4_general_ci"})
    with engine.connect() as connection:
        return {
            name: repr(connection.execute(sa.text(f"SELECT * FROM `{name}`")).fetchall())
            for name in sa.inspect(connection).get_table_names()
        }
