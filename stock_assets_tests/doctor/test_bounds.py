"""What may hang is left behind; what ends is handed on as it is."""

import threading

import pytest

from stock_assets.doctor.bounds import within
from stock_assets.errors import StorageError


def test_a_result_and_an_error_come_as_they_are() -> None:
    assert within(60.0, lambda: None) is None
    error = StorageError("It is locked.")
    assert within(60.0, lambda: error) is error

    def fail() -> None:
        raise error

    with pytest.raises(StorageError) as raised:
        within(60.0, fail)
    assert raised.value is error


def test_what_hangs_is_left_behind() -> None:
    closing = threading.Event()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 seconds"):
        within(0.01, closing.wait)
    closing.set()
