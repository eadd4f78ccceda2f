"""Benchmarks silence logging for their process, which the tests share with others."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    before = logging.root.manager.disable
    yield
    logging.disable(before)
