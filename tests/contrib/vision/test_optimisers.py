"""Optimisers by name."""

import pytest
import torch

from agcore.errors import SpecError
from agcore_contrib.vision.optimisers import OPTIMISERS, make_optimiser

OPTIONS = {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.9}


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_each_goes_downhill(kind):
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimiser = make_optimiser(kind, [weight], **OPTIONS)
    for _ in range(60):
        optimiser.zero_grad()
        (weight**2).sum().backward()
        optimiser.step()
    assert abs(weight.item()) < 1


def test_nag_looks_ahead_and_sgd_does_not():
    weight = torch.nn.Parameter(torch.zeros(1))
    assert make_optimiser("nag", [weight], **OPTIONS).param_groups[0]["nesterov"]
    assert not make_optimiser("sgd", [weight], **OPTIONS).param_groups[0]["nesterov"]


def test_frozen_weights_are_left_out():
    weights = [torch.nn.Parameter(torch.zeros(1), requires_grad=k > 0) for k in range(3)]
    groups = make_optimiser("sgd", weights, **OPTIONS).param_groups
    assert len(groups[0]["params"]) == 2


def test_a_function_of_the_parameters_makes_its_own():
    weight = torch.nn.Parameter(torch.zeros(1))
    made = make_optimiser(lambda weights: torch.optim.RMSprop(weights, lr=7), [weight], **OPTIONS)
    assert made.param_groups[0]["lr"] == 7


def test_an_unknown_name_is_answered_with_a_known_one():
    with pytest.raises(SpecError, match="did you mean 'adamw'"):
        make_optimiser("adamww", [], **OPTIONS)
