"""What ``agcore replay`` prints: the recorded run beside the simulated ones, late bloomers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from agcore.cli.page import Page, aligned, counted, seconds_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from agcore.whatif import LateBloomer, ReplayResult, RunFigures

_BLOOMERS_SHOWN = 10
_REWARD_CHARS = 14


class ReplayReport(Page):
    """Writes about a replay to standard output.

    Args:
        result: The replay.
        run: The directory of the run.
        configs: Which configs were proposed, in words.
        restarts: Whether promoted trials began anew.
        console: Where to write; by default standard output.
    """

    def __init__(
        self,
        result: ReplayResult,
        run: Path,
        configs: str,
        *,
        restarts: bool = False,
        console: Console | None = None,
    ) -> None:
        super().__init__(console)
        self._result = result
        self._run = run
        self._configs = configs
        self._restarts = restarts
        settings = result.settings
        self._reward = str(settings.get("reward_attr", "reward"))
        self._resource = str(settings.get("time_attr", "epoch"))
        self._short = self._reward if len(self._reward) <= _REWARD_CHARS else "reward"

    def write(self) -> None:
        """Write everything there is to say."""
        self._write_title()
        self._write_figures()
        for figures in self._result.simulated:
            self._write_late_bloomers(figures)

    def _write_title(self) -> None:
        result, settings = self._result, self._result.settings
        name = " ".join(str(settings[k]) for k in ("scheduler", "searcher") if k in settings)
        self._heading(f"{self._run}: {name}, {counted(result.recorded.started, 'trial')}")
        promoted = "promoted trials begin anew" if self._restarts else "promoted trials go on"
        self._say(
            f"Simulated from its curves: {counted(result.num_workers, 'worker')}, "
            f"{self._resource} up to {result.max_t}, {self._configs}, {promoted}."
        )
        if "simulated" in settings:
            self._say(
                f"Note: the run was simulated itself, with the curves of {settings['simulated']}."
            )
        if not result.has_ended:
            self._say(
                "Note: the run has no end on record. It still runs, or was killed; its trials are "
                "known up to where they are."
            )
        if result.num_left_out:
            self._say(
                f"Note: {counted(result.num_left_out, 'trial')} without a report cannot be "
                "replayed."
            )
        self._out.line()

    def _write_figures(self) -> None:
        result = self._result
        self._heading(f"Best {self._reward} and what it took")
        runs = result.figures
        rewards = iter(aligned([r.best_reward for r in runs if r.best_reward is not None]))
        longest_s = max(run.total_s for run in runs)
        self._table(
            (
                "",
                self._short,
                "trial",
                "found s",
                "total s",
                f"{self._resource}s",
                "started",
                "stopped",
                "unknown",
            ),
            [
                (
                    run.scheduler,
                    "-" if run.best_reward is None else next(rewards),
                    "-" if run.best_trial is None else str(run.best_trial),
                    "-" if run.found_s is None else seconds_text(run.found_s, longest_s),
                    seconds_text(run.total_s, longest_s),
                    f"{run.resource:,}",
                    f"{run.started:,}",
                    f"{run.stopped:,}",
                    "-" if run is result.recorded else f"{len(run.unknown):,}",
                )
                for run in runs
            ],
            first_is_text=True,
        )
        self._say(
            "found: when the best was first reported. stopped: stopped early, or paused and never "
            "resumed. unknown: asked to go on where their record ends, and ended there."
        )
        self._out.line()

    def _write_late_bloomers(self, run: RunFigures) -> None:
        late = run.late_bloomers
        if not run.stopped:
            return
        if not late:
            self._heading(f"Late bloomers: {run.scheduler} stopped none of the best")
            self._write_rule(run)
            return
        self._heading(f"Late bloomers: {run.scheduler} stopped {len(late):,} of the best early")
        self._table(
            ("trial", f"stopped at {self._resource}", "rank there", "final rank", self._short),
            self._rows(late),
        )
        if len(late) > _BLOOMERS_SHOWN:
            self._line(f"... and {len(late) - _BLOOMERS_SHOWN:,} more")
        self._write_rule(run)

    def _write_rule(self, run: RunFigures) -> None:
        """Say what the best are, and what cannot be known."""
        result = self._result
        known = f"of {counted(result.num_known, 'trial')} recorded to the end"
        text = f"The best: final ranks 1 to {result.top} {known}, or better than its best."
        if run.not_judged:
            text += (
                f" Of {counted(run.not_judged, 'stopped trial')} the end is not on record; there "
                "may be late bloomers among them."
            )
        self._say(text)
        self._out.line()

    def _rows(self, late: Sequence[LateBloomer]) -> list[tuple[str, ...]]:
        shown = late[:_BLOOMERS_SHOWN]
        rewards = aligned([bloomer.final_reward for bloomer in shown])
        return [
            (
                str(bloomer.trial_id),
                str(bloomer.stopped_at),
                f"{bloomer.rank_there:,} of {bloomer.size_there:,}",
                str(bloomer.final_rank),
                reward,
            )
            for bloomer, reward in zip(shown, rewards, strict=True)
        ]

    def _say(self, text: str) -> None:
        self._prose(Text(text))
