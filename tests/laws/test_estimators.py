"""Every estimator that is found keeps every law, and every code serves it."""

from dataclasses import fields, replace
from typing import get_args

import numpy as np
import pytest

import plexgrad.codes
import plexgrad.estimators
from plexgrad.core.code import AbstractCode
from plexgrad.core.contracts import AbstractEstimator
from plexgrad.core.probe import Reference
from plexgrad.core.spec import concrete
from plexgrad.estimators import WeightPerturbation
from tests.laws.estimator_laws import CODE_LAWS, FEW, LAWS, LAYOUT, Told, flat, linear


def variants():
    """The demo of every class, with every reference where it has one."""
    for cls in concrete(plexgrad.estimators, AbstractEstimator):
        demo = cls.demo()
        if "reference" not in {field.name for field in fields(demo)}:
            yield pytest.param(demo, id=cls.__name__)
            continue
        for reference in get_args(Reference):
            name = f"{cls.__name__}-{reference}"
            yield pytest.param(replace(demo, reference=reference), id=name)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("estimator", list(variants()))
def test_law(estimator, law):
    law(estimator)


@pytest.mark.parametrize("law", CODE_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("cls", list(concrete(plexgrad.codes, AbstractCode)))
def test_weight_perturbation_with_every_code(cls, law):
    law(cls.demo())


@pytest.mark.parametrize("shrink", ["norm", "mmse"])
def test_shrinking_is_one_factor_for_the_whole_estimate(shrink):
    plain = WeightPerturbation.demo()
    shrunk = replace(plain, shrink=shrink)
    (factor,) = set(shrunk.shrinkage(FEW, LAYOUT))
    assert 0 < factor < 1
    raw, found = (flat(Told(linear), each, FEW) for each in (plain, shrunk))
    np.testing.assert_allclose(found, factor * raw, rtol=1e-4, atol=1e-5)
