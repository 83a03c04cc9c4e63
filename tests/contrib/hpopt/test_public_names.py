import pytest

from agcore_contrib import hpopt


@pytest.mark.parametrize("name", hpopt.__all__)
def test_every_public_name_exists_and_is_described(name):
    assert getattr(hpopt, name).__doc__
