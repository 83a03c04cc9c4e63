import itertools

import numpy as np
import pytest
from scipy import stats

import agcore as ag
from agcore.encoding import Encoding
from agcore.searcher.parzen import (
    NumberKernels,
    OptionKernels,
    Parzen,
    is_active,
    is_number,
    options_of,
)
from agcore.space import SearchSpace

SPACE = SearchSpace(
    {
        "x": ag.Real(0, 1),
        "net": ag.Categorical("flat", ag.Dict(rate=ag.Real(0, 1), kind=ag.Categorical("a", "b"))),
        "on": ag.Bool(),
        "only": ag.Categorical("one"),
    }
)
ENCODING = Encoding(SPACE)
BLOCKS = {block.name: block for block in ENCODING.blocks}
CONFIGS = [
    {"x": 0.25, "net": "flat", "on": True, "only": "one"},
    {"x": 0.5, "net": 1, "net.1.rate": 0.8, "net.1.kind": "b", "on": False, "only": "one"},
]
ROWS = ENCODING.encode_all(CONFIGS)


def numbers(name, centres, spreads, known=None, *, is_truncated=True):
    known = np.ones(len(centres), bool) if known is None else np.array(known)
    centres, spreads = np.array(centres), np.array(spreads)
    return NumberKernels(BLOCKS[name], centres, spreads, known, is_truncated=is_truncated)


def options(name, *shares):
    return OptionKernels(BLOCKS[name], np.array(shares))


def mixture():
    return Parzen(
        [
            numbers("x", [0.25, 0.9], [0.1, 0.5]),
            options("net", [0.7, 0.3], [0.2, 0.8]),
            numbers("net.1.rate", [0.5, 0.8], [0.1, 0.2], [False, True]),
            options("net.1.kind", [0.5, 0.5], [0.1, 0.9]),
            options("on", [0.4, 0.6], [0.9, 0.1]),
        ],
        np.array([1.0, 3.0]),
    )


def test_categories_are_those_without_more_than_two_ordered_values():
    assert [is_number(BLOCKS[name]) for name in ("x", "net", "on")] == [True, False, False]
    block = Encoding(SearchSpace({"size": ag.Ordinal(1, 2, 3)})).blocks[0]
    assert is_number(block)


def test_rows_say_which_parameters_are_active_and_which_options_are_chosen():
    assert is_active(BLOCKS["x"], ROWS).tolist() == [True, True]
    assert is_active(BLOCKS["net.1.rate"], ROWS).tolist() == [False, True]
    assert options_of(BLOCKS["net"], ROWS).tolist() == [0, 1]
    assert options_of(BLOCKS["on"], ROWS).tolist() == [1, 0]


@pytest.mark.parametrize("is_truncated", [False, True])
def test_kernels_of_numbers_are_gaussians(is_truncated):
    found = numbers("x", [0.25, 0.9], [0.1, 0.5], is_truncated=is_truncated).log_density(ROWS)
    for i, x in enumerate((0.25, 0.5)):
        for j, (centre, spread) in enumerate(((0.25, 0.1), (0.9, 0.5))):
            ends = (0 - centre) / spread, (1 - centre) / spread
            cut = stats.truncnorm(*ends, loc=centre, scale=spread)
            kernel = cut if is_truncated else stats.norm(centre, spread)
            assert found[i, j] == pytest.approx(kernel.logpdf(x))


def test_the_density_is_the_mixture_of_products_over_active_parameters():
    def x(centre, spread, value):
        ends = (0 - centre) / spread, (1 - centre) / spread
        return stats.truncnorm(*ends, loc=centre, scale=spread).pdf(value)

    rate = stats.truncnorm((0 - 0.8) / 0.2, (1 - 0.8) / 0.2, loc=0.8, scale=0.2).pdf(0.8)
    first = 0.25 * x(0.25, 0.1, 0.25) * 0.7 * 0.6 + 0.75 * x(0.9, 0.5, 0.25) * 0.2 * 0.1
    even = 0.25 * x(0.25, 0.1, 0.5) * 0.3 * 1.0 * 0.5 * 0.4
    second = even + 0.75 * x(0.9, 0.5, 0.5) * 0.8 * rate * 0.9 * 0.9
    np.testing.assert_allclose(mixture().log_density(ROWS), np.log([first, second]))


def test_the_density_integrates_to_one_over_all_branches():
    cells = (np.arange(200) + 0.5) / 200
    total = 0.0
    for on in (False, True):
        flat = [{"x": x, "net": "flat", "on": on, "only": "one"} for x in cells]
        total += np.exp(mixture().log_density(ENCODING.encode_all(flat))).mean()
        for kind in "ab":
            deep = [
                {"x": x, "net": 1, "net.1.rate": r, "net.1.kind": kind, "on": on, "only": "one"}
                for x, r in itertools.product(cells, cells)
            ]
            total += np.exp(mixture().log_density(ENCODING.encode_all(deep))).mean()
    assert total == pytest.approx(1.0, rel=1e-3)


def test_draws_follow_the_density():
    rows = np.zeros((20_000, ENCODING.num_columns))
    mixture().draw_into(rows, np.random.default_rng(0))
    assert rows.min() >= 0
    assert rows.max() <= 1
    found = ENCODING.decode_all(rows)
    assert np.mean([c["net"] == 1 for c in found]) == pytest.approx(0.675, abs=0.015)
    assert np.mean([c["on"] for c in found]) == pytest.approx(0.225, abs=0.015)
    cells = (np.arange(400) + 0.5) / 400
    grid = [{"x": x, "net": "flat", "on": True, "only": "one"} for x in cells]
    density = np.exp(mixture().log_density(ENCODING.encode_all(grid)))
    here = [c["x"] for c in found if c["net"] == "flat" and c["on"]]
    expected = np.sum(density * cells) / density.sum()
    assert np.mean(here) == pytest.approx(expected, abs=0.01)
    assert len(here) / len(found) == pytest.approx(density.mean(), abs=0.01)
