"""No part of a password is taken for a host, a database or a parameter."""

from urllib.parse import quote

import pytest

from stock_assets.storage.database_url import read_url

DRIVER = "mysql+mysqlconnector"


@pytest.mark.parametrize("password", ["plain", "p@ss/w:rd%#?&=", "한국", "a b+c"])
def test_an_escaped_password_is_read_as_it_is(password: str) -> None:
    url = read_url(f"{DRIVER}://user:{quote(password, safe='')}@host:3307/base")
    assert url is not None
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "user",
        password,
        "host",
        3307,
        "base",
    )


@pytest.mark.parametrize("password", ["p@ss", "p@ss:word", "p@ss/word", "p@ss?word", "p@ss#w@rd"])
def test_an_at_sign_that_is_not_escaped_is_refused(password: str) -> None:
    assert read_url(f"{DRIVER}://user:{password}@host/base") is None


@pytest.mark.parametrize("name", ["password", "passwd", "user"])
def test_an_account_among_the_parameters_is_refused(name: str) -> None:
    assert read_url(f"{DRIVER}://host/base?{name}=secret") is None


def test_a_file_may_be_called_what_it_likes() -> None:
    url = read_url("sqlite:////home/a@b/c@d.db")
    assert url is not None
    assert url.database == "/home/a@b/c@d.db"
