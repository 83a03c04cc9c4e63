"""``agcore train``: a search if it is wanted, then one training with the best values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agcore.cli.page import counted
from agcore.cli.target import is_file_target, load_function, split_target
from agcore.errors import MissingExtraError, SpecError
from agcore.executor.resources import gpu_ids
from agcore_contrib.otx.config import read_hpo_config
from agcore_contrib.otx.display import TrialDisplay
from agcore_contrib.otx.dotted import get_nested
from agcore_contrib.otx.final_training import FinalTraining
from agcore_contrib.otx.image_task import IMAGE_TASK, can_train_images, has_class_folders
from agcore_contrib.otx.loop import run_hpo_loop
from agcore_contrib.otx.models import METRIC
from agcore_contrib.otx.search import Places, Search, best_file, is_distributed
from agcore_contrib.otx.train_settings import SettingsCall
from agcore_contrib.otx.workspace import replace_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agcore_contrib.otx.search import Best
    from agcore_contrib.otx.workspace import Subset, Template, Workspace


@dataclass(frozen=True)
class TrainRequest:
    """What ``agcore train`` is asked for.

    Attributes:
        workspace: Where to work.
        task: ``FILE.py:FN`` or ``MODULE:FN``; None for that of the template.
        enable_hpo: Whether to search first.
        hpo_time_ratio: Time for the search in units of a training.
        num_parallel_trials: Trials at once on CPUs; on GPUs as many as there are.
        load_weights: What all trainings start from, or None.
        resume: Whether to go on with a search that was cut off.
        seed: Of the search.
        quiet: Whether to show no progress.
    """

    workspace: Workspace
    task: str | None
    enable_hpo: bool
    hpo_time_ratio: float
    num_parallel_trials: int | None
    load_weights: Path | None
    resume: bool
    seed: int
    quiet: bool


def run_training(request: TrainRequest) -> None:
    """Search if that is wanted, train once, and print where everything is.

    Raises:
        SpecError: A file of the workspace or an argument breaks a rule.
        TrialFailed: No trial has reported a score, or the training has failed.
        JournalError: A file cannot be read or written, or another command works in the workspace.
        MissingExtraError: PyYAML is not installed, or what trains on images is not.
    """
    request.workspace.read_template()  # a folder that is none gets no lock
    with request.workspace.locked():
        _run_training(request)


def _run_training(request: TrainRequest) -> None:
    workspace = request.workspace
    template, data = workspace.read_template(), workspace.read_data()
    function = load_function(_task(request, template, data["train"].folder))
    places = Places("gpu" if gpu_ids() else "cpu", request.num_parallel_trials)
    search = _wanted_search(request, template, data, function, places)
    goal = _goal(workspace)
    best = None if search is None else _search(search, request)
    load_from = request.load_weights
    if best is not None:
        _write_back(workspace, template, best)
        template = workspace.read_template()
        load_from = best.weights or load_from
    call = SettingsCall(
        function,
        template.hyper_parameters,
        data["train"].folder,
        data["val"].root,
        load_from,
        model_name=template.name,
        shared_dir=workspace.shared,
    )
    training, kept = _train(request, template, call, places, goal)
    _show_saved(workspace, best is not None, training, kept, goal)


def _task(request: TrainRequest, template: Template, data: Path) -> str:
    """What trains the model; a file in the template is named from its folder on."""
    if request.task is not None:
        return request.task
    if template.task is not None:
        place, name = split_target(template.task)
        is_file = is_file_target(place)
        return f"{request.workspace.path / place}:{name}" if is_file else template.task
    if not has_class_folders(data):
        raise SpecError(
            "nothing says what trains the model; pass --task FILE.py:FN, or write it into "
            f"{request.workspace.template}"
        )
    if not can_train_images():
        raise MissingExtraError("training on images without --task", "vision")
    return IMAGE_TASK


def _wanted_search(
    request: TrainRequest,
    template: Template,
    data: Mapping[str, Subset],
    function: Callable[..., Any],
    places: Places,
) -> Search | None:
    """The search, checked; None if there is to be none."""
    if not request.enable_hpo:
        return None
    if is_distributed():
        click.echo("Warning: torchrun has started this process, so there is no search", err=True)
        return None
    search = Search(
        request.workspace,
        template,
        data,
        function,
        places,
        load_from=request.load_weights,
        time_ratio=request.hpo_time_ratio,
        seed=request.seed,
        resume=request.resume,
    )
    # Whether the best values can be put there is better known before they are searched.
    request.workspace.changed_template(_values(template, search.names))
    return search


def _search(search: Search, request: TrainRequest) -> Best | None:
    """The best of a search, shown while it runs and at its end."""
    config = search.config
    click.echo(f"HPO starts: {', '.join(search.names)}")
    with TrialDisplay("HPO", config.metric, config.mode, request.quiet) as display:
        algorithm = search.prepare()
        if algorithm is None:
            return None
        display.follow(algorithm)
        search.run(algorithm, display.progress)
    best = search.best(algorithm)
    click.echo("HPO is complete")
    algorithm.print_result()
    if best is None:
        click.echo("Warning: no trial has a score; the present values are kept", err=True)
    elif best.weights is None:
        click.echo("Warning: the best trial has saved nothing to start from", err=True)
    return best


def _train(
    request: TrainRequest, template: Template, call: SettingsCall, places: Places, goal: _Goal
) -> tuple[FinalTraining, Path | None]:
    """The training with the values of the template, and where its weights are."""
    folder = request.workspace.training
    training = FinalTraining(template.hyper_parameters, template.num_epochs, goal.mode, folder)
    training.forget_earlier_attempts()
    click.echo(f"Training starts: {counted(template.num_epochs, 'epoch')}")
    with TrialDisplay("Training", goal.metric, goal.mode, request.quiet, False) as display:
        display.follow(training)
        run_hpo_loop(
            training,
            call,
            places.resource_type,
            num_parallel_trial=1,
            progress_callback=display.progress,
        )
    training.check()
    return training, training.keep_weights()


@dataclass(frozen=True)
class _Goal:
    """What makes one epoch better than another."""

    metric: str
    mode: str


def _goal(workspace: Workspace) -> _Goal:
    """That of ``hpo_config.yaml``, if there is one."""
    if not workspace.hpo_config.exists():
        return _Goal(METRIC, "max")
    config = read_hpo_config(workspace.hpo_config)
    return _Goal(config.metric, config.mode)


def _values(template: Template, names: Iterable[str]) -> dict[str, Any]:
    return {name: get_nested(template.hyper_parameters, name) for name in names}


def _write_back(workspace: Workspace, template: Template, best: Best) -> None:
    """Put the best values into the template, and print what has changed."""
    replace_text(workspace.template, workspace.changed_template(best.configuration))
    click.echo(f"Best values, now in {_shown(workspace.template)}:")
    old = _values(template, best.configuration)
    for name, value in best.configuration.items():
        was = "" if old[name] == value else f" (was {old[name]})"
        click.echo(f"  {name}: {value}{was}")


def _show_saved(
    workspace: Workspace,
    has_searched: bool,
    training: FinalTraining,
    kept: Path | None,
    goal: _Goal,
) -> None:
    """Print how the training went, and where everything is."""
    trial, epoch = training.trial, training.best_epoch
    score = "no finite score" if epoch is None else f"{trial.score[epoch]:g} at epoch {epoch}"
    click.echo(f"Trained for {counted(trial.progress, 'epoch')}: {goal.metric} {score}")
    click.echo("Saved:")
    rows = [("values", workspace.template), ("training", training.result_file)]
    if kept is not None:
        rows.append(("weights", kept))
    if has_searched:
        rows += [("search", workspace.search), ("best of it", best_file(workspace))]
    for what, path in rows:
        click.echo(f"  {what:<11}{_shown(path)}")


def _shown(path: Path) -> str:
    """A path as short as it can be pasted."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
