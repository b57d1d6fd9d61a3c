"""Every effect that is found keeps every law."""

import pytest

import plexgrad.chips
from plexgrad.chips import AbstractEffect
from plexgrad.core.spec import concrete
from tests.laws.effect_laws import LAWS


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("cls", list(concrete(plexgrad.chips, AbstractEffect)))
def test_law(cls, law):
    law(cls)
