from agcore.encoding import Encoding
from agcore.searcher.listed import ListedConfigs
from tests.searcher.dialogues import LINE, PLANE


def test_the_nearest_config_that_may_be_proposed_is_found():
    taken = []
    configs = [{"x": x} for x in (0.9, 0.1, 0.5, 0.3)]
    listed = ListedConfigs(Encoding(LINE), configs, lambda config: config not in taken)
    found = []
    while (config := listed.nearest({"x": 0.42})) is not None:
        taken.append(config)
        found.append(config["x"])
    assert found == [0.5, 0.3, 0.1, 0.9]


def test_distances_are_those_of_the_unit_cube_and_of_equals_the_first_counts():
    configs = [PLANE.config_from_units(units) for units in ([0.5, 0.1], [0.5, 0.6], [0.5, 0.6])]
    listed = ListedConfigs(Encoding(PLANE), configs, lambda config: True)
    assert listed.nearest(PLANE.config_from_units([0.5, 0.4])) is configs[1]
