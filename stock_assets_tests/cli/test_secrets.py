"""A password in the database's URL reaches no output and no file."""

import pytest

from stock_assets_tests.commands import Workplace

SECRET = "hunter2-of-nobody"
URL = f"mysql+mysqlconnector://somebody:{SECRET}@127.0.0.1:1/stock_assets"


@pytest.mark.parametrize("command", ["init", "run", "weights", "ui"])
def test_a_server_that_does_not_answer_is_one_sentence_without_the_password(
    workplace: Workplace, command: str
) -> None:
    if command == "weights":
        assert workplace.run("init").status == 0
    ended = workplace.with_variables(STOCK_ASSETS_DATABASE_URL=URL).run(command)
    sentence = ended.fails_with_one_sentence()
    assert "mysql+mysqlconnector://somebody:***@127.0.0.1:1/stock_assets cannot be opened" in sentence
    assert SECRET not in ended.said
    assert_in_no_file(workplace)


@pytest.mark.parametrize("url", [SECRET, f"postgresql://somebody:{SECRET}@127.0.0.1/stock_assets"])
def test_a_url_that_cannot_be_used_is_one_sentence_without_the_password(
    workplace: Workplace, url: str
) -> None:
    ended = workplace.with_variables(STOCK_ASSETS_DATABASE_URL=url).run("init")
    assert "mysql+mysqlconnector://USER:PASSWORD@HOST:PORT/DATABASE" in ended.fails_with_one_sentence()
    assert SECRET not in ended.said
    assert_in_no_file(workplace)


def assert_in_no_file(workplace: Workplace) -> None:
    files = [path for path in workplace.folder.rglob("*") if path.is_file()]
    assert files and [path for path in files if SECRET.encode() in path.read_bytes()] == []
