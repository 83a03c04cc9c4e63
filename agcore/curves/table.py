"""`CurveTable`: recorded learning curves, looked up by config."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.checks import one_of, whole_number
from agcore.curves.neighbours import Neighbourhood, blended
from agcore.curves.recording import (
    RecordedCurve,
    curve_of_row,
    curves_of_run,
    row_of_curve,
    time_attr_of,
)
from agcore.errors import SpecError
from agcore.history import RunHistory
from agcore.journal import read_history
from agcore.json_values import with_names
from agcore.run_directory import RunDirectory
from agcore.space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agcore.curves.source import Step
    from agcore.jobs import Config

_BETWEEN = ("error", "nearest", "interpolate")


class CurveTable:
    """The reports of recorded configs and the seconds each of them cost, to be played again.

    Where a config was recorded several times, a trial's seed says which of its curves is played;
    those that were cut off are left out if there are others. A trial that is to go on where its
    curve was cut off fails, so that no half curve is taken for a whole.

    Args:
        curves: What was recorded.
        space: The search space: a `SearchSpace`, a train function, or a dict of spaces; needed
            for configs between those recorded.
        time_attr: Name of the resource in reports; each has one, and they increase.
        between: What stands for a config that was not recorded: ``'error'``: nothing, its trial
            fails; ``'nearest'``: the curve of the nearest one; ``'interpolate'``: the mean of the
            nearest ones, each weighted by the inverse of its distance. Distances are those in the
            unit cube of `agcore.encoding.Encoding`; curves that were cut off take no part.
        neighbours: How many ``'interpolate'`` takes.

    Raises:
        SpecError: There are no curves, one of them is not in the space, or the space is needed
            and missing.
    """

    def __init__(
        self,
        curves: Iterable[RecordedCurve],
        space: Any = None,
        *,
        time_attr: str = "epoch",
        between: str = "error",
        neighbours: int = 5,
    ) -> None:
        one_of("between", between, _BETWEEN)
        self.time_attr = time_attr
        self.between = between
        self._neighbours = whole_number("neighbours", neighbours)
        self._space = None if space is None else as_space(space)
        self._curves = tuple(curves)
        if not self._curves:
            raise SpecError("a table needs at least one curve; no trial has reported anything")
        self._by_key: dict[str, list[RecordedCurve]] = {}
        for number, curve in enumerate(self._curves):
            self._by_key.setdefault(self._key_of(curve, number), []).append(curve)
        for same in self._by_key.values():
            same[:] = [curve for curve in same if not curve.cut] or same
        self._whole = [same for same in self._by_key.values() if not same[0].cut]
        self._neighbourhood = self._find_neighbourhood()

    # -- where curves come from ------------------------------------------------------------

    @classmethod
    def from_run(
        cls,
        run: Any,
        space: Any = None,
        *,
        metrics: Sequence[str] | None = None,
        between: str = "error",
        neighbours: int = 5,
    ) -> CurveTable:
        """What the trials of a run have reported, and when.

        Trials that were stopped early have curves that were cut off; record with a
        `FIFOScheduler` to have whole ones.

        Args:
            run: A scheduler that has run, or the directory of a run.
            space: As for the class; by default that of the scheduler.
            metrics: Those to play, the reward among them; by default all. Times that the train
                function has reported itself are played as they were then.
            between: As for the class.
            neighbours: As for the class.

        Raises:
            JournalError: There is no run in the directory, or it cannot be read.
            SpecError: The run holds no reports.
        """
        if isinstance(run, (str, os.PathLike)):
            history = read_history(RunDirectory(Path(run)).journal, RunHistory())
        elif isinstance(getattr(run, "history", None), RunHistory):
            history = run.history
            space = run.train_fn.cs if space is None else space
        else:
            raise SpecError(f"run={run!r} must be a scheduler, or the directory of a run")
        time_attr = time_attr_of(history)
        curves = _selected(curves_of_run(history, time_attr), metrics, time_attr)
        return cls(curves, space, time_attr=time_attr, between=between, neighbours=neighbours)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, Any]],
        space: Any = None,
        *,
        time_attr: str = "epoch",
        metrics: Sequence[str] | None = None,
        between: str = "error",
        neighbours: int = 5,
    ) -> CurveTable:
        """Curves given as dicts, one for each, as `agcore.datasets.load_letter_curves` has them.

        Args:
            rows: Each with ``config``; ``seconds``, a list of what each report cost, or
                ``elapsed``, the seconds until it; and a list for each metric.
            space: As for the class.
            time_attr: Name of the resource; counted from 1 where the rows have no list of it.
            metrics: Those to play; by default all.
            between: As for the class.
            neighbours: As for the class.

        Raises:
            SpecError: A row is incomplete; names it.
        """
        recorded = (curve_of_row(row, time_attr, f"row {i}") for i, row in enumerate(rows))
        curves = _selected(recorded, metrics, time_attr)
        return cls(curves, space, time_attr=time_attr, between=between, neighbours=neighbours)

    @classmethod
    def from_jsonl(
        cls,
        path: str | os.PathLike[str],
        space: Any = None,
        *,
        time_attr: str = "epoch",
        metrics: Sequence[str] | None = None,
        between: str = "error",
        neighbours: int = 5,
    ) -> CurveTable:
        """The rows of a file, one JSON object a line; compressed if its name ends in ``.gz``.

        The arguments are those of `from_rows`.

        Raises:
            OSError: The file cannot be read.
            SpecError: A line is no JSON object, or incomplete; names it.
        """
        return cls.from_rows(
            _rows_of(Path(path)),
            space,
            time_attr=time_attr,
            metrics=metrics,
            between=between,
            neighbours=neighbours,
        )

    def to_jsonl(self, path: str | os.PathLike[str]) -> None:
        """Write a file that `from_jsonl` reads; compressed if its name ends in ``.gz``."""
        lines = [json.dumps(with_names(row_of_curve(curve))) for curve in self._curves]
        data = ("\n".join(lines) + "\n").encode()
        target = Path(path)
        # Without the time in its header a compressed file depends on its content only.
        target.write_bytes(gzip.compress(data, mtime=0) if target.suffix == ".gz" else data)

    def up_to(self, resource: int) -> CurveTable:
        """This table without what comes after ``resource``; curves that reach it are whole."""
        whole_number("resource", resource)
        return CurveTable(
            (curve.up_to(resource, self.time_attr) for curve in self._curves),
            self._space,
            time_attr=self.time_attr,
            between=self.between,
            neighbours=self._neighbours,
        )

    # -- what it holds ---------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of configs."""
        return len(self._by_key)

    @property
    def curves(self) -> tuple[RecordedCurve, ...]:
        """All that was recorded, in that order."""
        return self._curves

    @property
    def configs(self) -> list[Config]:
        """The configs, each once, in the order in which they were recorded."""
        return [dict(same[0].config) for same in self._by_key.values()]

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what was reported, the resource left out."""
        names = dict.fromkeys(n for c in self._curves for report in c.reports for n in report)
        return tuple(name for name in names if name != self.time_attr)

    @property
    def max_resource(self) -> int:
        """The largest resource in the table; 0 if nothing was reported."""
        last = (curve.reports[-1][self.time_attr] for curve in self._curves if curve.reports)
        return max(last, default=0)

    @property
    def description(self) -> str:
        """What is in the table, and what stands for configs that are not."""
        cut = sum(bool(curve.cut) for curve in self._curves)
        repeats = len(self._curves) - len(self)
        extra = (f", {repeats} repeats" if repeats else "") + (f", {cut} cut off" if cut else "")
        return (
            f"{len(self)} configs{extra}, {self.time_attr} up to {self.max_resource}, "
            f"{', '.join(self.metrics)}; other configs: {self._rule()}"
        )

    def _rule(self) -> str:
        if self.between == "error":
            return "none"
        if self.between == "nearest":
            return "that of the nearest in the encoded unit cube"
        return (
            f"mean of the {self._neighbours} nearest in the encoded unit cube, weighted by the "
            "inverse distance"
        )

    def __repr__(self) -> str:
        return f"CurveTable({self.description})"

    # -- playing ---------------------------------------------------------------------------

    def curve(self, config: Config, seed: int = 0) -> Iterator[Step]:
        """The reports of a config and the seconds that each of them cost.

        Raises:
            SpecError: The config is not in the table, and ``between='error'``; or it is not in
                the search space. At the end of a curve that was cut off: it was.
        """
        same = self._by_key.get(_key(config))
        if same is None and self._space is not None:
            config = self._space.complete(config)
            same = self._by_key.get(_key(config))
        if same is not None:
            yield from _played(_choice(same, seed))
            return
        if self._neighbourhood is None:
            raise SpecError(
                f"config={config!r} is not among the {len(self)} configs of the table; pass "
                "between='nearest' or 'interpolate' (and space=), or have the searcher propose "
                "recorded ones only: search_options={'candidates': table.configs}"
            )
        count = 1 if self.between == "nearest" else self._neighbours
        near = self._neighbourhood.nearest(config, count)
        curves = [_choice(self._whole[index], seed) for _, index in near]
        if near[0][0] == 0 or count == 1:
            yield from _played(curves[0])
        else:
            yield from blended(curves, [distance for distance, _ in near], self.time_attr)

    # -- inside ----------------------------------------------------------------------------

    def _key_of(self, curve: RecordedCurve, number: int) -> str:
        """The key of a config, which is checked, and its resources too."""
        last = 0
        for report in curve.reports:
            resource = report.get(self.time_attr)
            if type(resource) is not int or resource <= last:
                raise SpecError(
                    f"curve {number} has {self.time_attr}={resource!r} after {last}; resources "
                    "must be whole numbers that increase: pass time_attr=, the metric that is one"
                )
            last = resource
        if self._space is None:
            return _key(curve.config)
        try:
            return _key(self._space.complete(curve.config))
        except SpecError as error:
            raise SpecError(f"curve {number} is not in the search space: {error}") from None

    def _find_neighbourhood(self) -> Neighbourhood | None:
        if self.between == "error":
            return None
        if self._space is None:
            raise SpecError(
                f"between={self.between!r} needs the search space; pass space=, as "
                "space=train_function"
            )
        if not self._whole:
            raise SpecError(
                f"between={self.between!r} needs curves that were not cut off, and there are "
                "none; record with a FIFOScheduler, or pass between='error'"
            )
        complete = self._space.complete
        return Neighbourhood(self._space, [complete(same[0].config) for same in self._whole])


def as_space(space: Any) -> SearchSpace:
    """``space`` as a search space.

    Args:
        space: A `SearchSpace`, a train function, or a dict of spaces.

    Raises:
        SpecError: It is none of these.
    """
    if isinstance(space, SearchSpace):
        return space
    of_function = getattr(space, "cs", None)
    if isinstance(of_function, SearchSpace):
        return of_function
    if isinstance(space, Mapping):
        return SearchSpace(space)
    raise SpecError(f"space={space!r} must be a train function, a SearchSpace or a dict of spaces")


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _choice(same: Sequence[RecordedCurve], seed: int) -> RecordedCurve:
    return same[seed % len(same)]


def _played(curve: RecordedCurve) -> Iterator[Step]:
    yield from zip(curve.reports, curve.seconds, strict=True)
    if curve.cut:
        raise SpecError(
            f"the recorded curve of {curve.config!r} was cut off after {len(curve.reports)} "
            f"reports ({curve.cut}); record whole curves, as with a FIFOScheduler, or ask for less"
        )


def _selected(
    curves: Iterable[RecordedCurve], metrics: Sequence[str] | None, time_attr: str
) -> Iterable[RecordedCurve]:
    if metrics is None:
        return curves
    if isinstance(metrics, str):
        raise SpecError(f"metrics={metrics!r} must be a list of names, as [{metrics!r}]")
    return (curve.only([time_attr, *metrics]) for curve in curves)


def _rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SpecError(f"line {number} of {path} is no JSON: {error}") from None
        if not isinstance(row, Mapping):
            raise SpecError(f"line {number} of {path} is no JSON object: {line[:80]!r}")
        yield row
