"""A space, trainings that take no time, and the loop round them."""

import math

from agcore_contrib import hpopt


def make_space():
    return {
        "lr": hpopt.SearchSpace("loguniform", [1e-4, 1]),
        "bs": hpopt.SearchSpace("quniform", [8, 64, 8]),
    }


def quality(params):
    """At most 0; the best learning rate is 0.01."""
    return -abs(math.log10(params["lr"]) + 2) - params.get("bs", 0) / 1000


def train(config, score_of=quality, limit=math.inf):
    """Epochs that a training reported; as PyTorch's it has no memory for larger batches."""
    if config["params"].get("bs", 0) > limit:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    for epoch in range(1, config["iterations"] + 1):
        score = score_of(config["params"]) - 1 / epoch
        if hpopt.report(config=config, score=score) == hpopt.Status.STOP:
            break
    return epoch


def play(hpo, training=train):
    """The trials of a search, in order."""
    configs = []
    while (config := hpo.get_next_sample()) is not None:
        configs.append(config)
        try:
            training(config)
        except RuntimeError as error:
            assert str(error).startswith("CUDA out of memory")
            hpopt.reportOOM(config)
    return configs
