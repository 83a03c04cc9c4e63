"""The integrations as a user types them; mypy reads this file, nothing runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import agcore as ag
from agcore_contrib import hpopt, otx
from agcore_contrib.vision import Evaluation, ImageDataset, ImagePredictor

search = hpopt.create(
    full_dataset_size=1000,
    num_full_iterations=20,
    search_space={"lr": hpopt.SearchSpace("loguniform", [1e-4, 1e-1])},
    search_alg="asha",
    num_workers=2,
)
assert_type(search, hpopt.HpOpt)
assert_type(search.get_next_sample(), dict[str, Any] | None)
assert_type(search.subset_ratio, float)
hpopt.create(full_dataset_size="many")  # type: ignore[call-arg, arg-type]

bands = otx.HyperBand({"lr": otx.SingleSearchSpace("loguniform", 1e-4, 1e-1)}, num_trials=9)
assert_type(bands.get_next_sample(), otx.Trial | None)
assert_type(bands.report_score(0.9, 3, "0"), otx.TrialStatus)
assert_type(bands.get_best_config(), dict[str, Any] | None)
otx.HyperBand({}, num_trial=9)  # type: ignore[call-arg]

train, valid, test = ImagePredictor.Dataset.from_folders("flowers.zip")
assert_type(train, ImageDataset)
predictor = ImagePredictor(path="flowers").fit(
    train, time_limit=120, hyperparameters={"lr": ag.Real(1e-4, 1e-2, log=True)}
)
assert_type(predictor, ImagePredictor)
assert_type(predictor.evaluate(test), Evaluation)
assert_type(predictor.fit_summary(), dict[str, Any])
assert_type(predictor.path, Path)
predictor.fit(train, num_trials="many")  # type: ignore[arg-type]
