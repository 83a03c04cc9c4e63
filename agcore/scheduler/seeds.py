"""The seeds of trials."""

from __future__ import annotations

import hashlib


def trial_seed(experiment_seed: int, trial_id: int) -> int:
    """A 32-bit seed that depends on experiment and trial only."""
    digest = hashlib.blake2b(f"{experiment_seed}:{trial_id}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")
