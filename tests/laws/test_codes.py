"""Every code that is found keeps every law of its contract."""

import pytest

import plexgrad.codes
from plexgrad.core.code import AbstractCode
from plexgrad.core.spec import concrete
from tests.laws.code_laws import LAWS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("cls", list(concrete(plexgrad.codes, AbstractCode)))
def test_law(cls, law):
    law(cls.demo())
