"""Learning curves of a network on the letter data, recorded and shipped inside the package."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from typing import Any


def load_letter_curves() -> list[dict[str, Any]]:
    """500 random configs of the demo's search space, each trained for 27 epochs.

    Really measured, nothing is a surrogate: a two-layer perceptron in NumPy with Adam, dropout
    and uniform first weights, on the 12,060 training rows of ``agcore.demo.letter_mlp``. Each
    call parses the file afresh (some 20 ms). ``agcore.curves.CurveTable.from_rows`` takes them.

    Returns:
        One dict for each config: ``id`` from 0; ``config``, eight hyperparameters by name; and
        lists of 27 numbers: ``val_acc``, share of the 5,940 validation rows classified rightly;
        ``train_loss``, cross entropy; ``elapsed``, seconds of one CPU core since the training
        began.
    """
    packed = resources.files("agcore.datasets").joinpath("letter_mlp_curves.jsonl.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]
