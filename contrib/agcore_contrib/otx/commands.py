"""``agcore build`` and ``agcore train``: OTX's two commands.

Entry points make them commands of agcore. What costs time to import is imported when they run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agcore_contrib.otx.models import Model

_EXIT_INTERRUPTED = 130
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(
    short_help="Make a workspace to tune and train a model in.",
    epilog="""\b
Examples:
  agcore build --train-data-roots data/flowers --model MobileNet-V3-large-1x
  agcore build --train-data-roots data/flowers --model efficientnet_lite0
  agcore build --train-data-roots data/digits --model my-net \\
      --task train.py:train --workspace work

\b
What it writes:
  data.yaml        where the data are
  template.yaml    the model and its hyperparameters
  hpo_config.yaml  what agcore train --enable-hpo tunes, to be edited
""",
)
@click.option("--train-data-roots", metavar="DIR", type=_FOLDER, required=True, help="The data.")
@click.option(
    "--val-data-roots", metavar="DIR", type=_FOLDER, help="Data to validate with, if apart."
)
@click.option(
    "--model",
    metavar="NAME",
    required=True,
    help="A classification model of OTX, a network for images, or with --task any name.",
)
@click.option(
    "--workspace",
    metavar="DIR",
    help="By default ./otx-workspace-CLASSIFICATION-<model>.",
)
@click.option(
    "--task",
    metavar="FILE.py:FN",
    help="What trains the model; not needed for images in one folder for each class.",
)
def build(
    train_data_roots: Path,
    val_data_roots: Path | None,
    model: str,
    workspace: str | None,
    task: str | None,
) -> None:
    """Make a workspace: a folder with the files that say what to train."""
    from agcore_contrib.otx.workspace import Workspace, default_path

    task = _default_task(train_data_roots, model) if task is None else _located(task)
    chosen = _model(model, task)
    shown = workspace or default_path(model)
    made = Workspace(Path(shown))
    made.make(chosen, train_data_roots, val_data_roots, task)
    click.echo(f"[*] Load Model Template ID: {chosen.template_id}")
    click.echo(f"[*] Load Model Name: {chosen.name}")
    click.echo(f"[*] Saving data configuration file to: {shown.rstrip('/')}/{made.data.name}")


@click.command(
    short_help="Train the model of a workspace, after a search if wanted.",
    epilog="""\b
Examples:
  agcore train --enable-hpo
  agcore train --task train.py:train
  agcore train --enable-hpo --hpo-time-ratio 2
  agcore train --enable-hpo --resume

\b
A train function, in train.py:
  from agcore_contrib.otx import TrialStatus

\b
  def train(settings, report):
      rate = settings.learning_parameters.learning_rate
      model = make_model(settings.data_root, rate)
      if settings.load_from:
          model.load(settings.load_from / "model")
      for epoch in range(settings.first_epoch, settings.epochs + 1):
          ...
          model.save(settings.save_to / "model")
          if report(accuracy, epoch) is TrialStatus.STOP:
              return
""",
)
@click.option(
    "--workspace",
    metavar="DIR",
    type=_FOLDER,
    default=".",
    help="What agcore build has made; by default the working directory.",
)
@click.option(
    "--task",
    metavar="FILE.py:FN",
    help="What trains the model, or MODULE:FN; by default that of template.yaml.",
)
@click.option("--enable-hpo", is_flag=True, help="Search for the best values of hpo_config.yaml.")
@click.option(
    "--hpo-time-ratio",
    metavar="X",
    type=click.FloatRange(min=1),
    help="Time for the search, in units of the training's; by default 4.",
)
@click.option(
    "--num-parallel-trials",
    metavar="N",
    type=click.IntRange(min=1),
    help="Trials at once where there is no GPU, by default 1; with GPUs there is one on each.",
)
@click.option("--resume", is_flag=True, help="Go on with a search that was cut off.")
@click.option(
    "--load-weights",
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    help="What all trainings start from: settings.load_from.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same configs.",
)
@click.option("--quiet", is_flag=True, help="Show no progress, only the result.")
def train(
    workspace: Path,
    enable_hpo: bool,
    hpo_time_ratio: float | None,
    num_parallel_trials: int | None,
    resume: bool,
    load_weights: Path | None,
    **options: Any,
) -> None:
    """Train the model of a workspace, with --enable-hpo after a search.

    The search takes four times as long as the training, or as --hpo-time-ratio says. It begins
    with the present values and uses all GPUs.
    """
    from agcore_contrib.otx.search import can_go_on
    from agcore_contrib.otx.training import TrainRequest, run_training
    from agcore_contrib.otx.workspace import Workspace

    needs_hpo = {
        "--hpo-time-ratio": hpo_time_ratio is not None,
        "--num-parallel-trials": num_parallel_trials is not None,
        "--resume": resume,
    }
    for option, is_given in needs_hpo.items():
        if is_given and not enable_hpo:
            raise click.UsageError(f"{option} has no effect without --enable-hpo; pass both")
    request = TrainRequest(
        workspace=Workspace(workspace.absolute()),
        enable_hpo=enable_hpo,
        hpo_time_ratio=4 if hpo_time_ratio is None else hpo_time_ratio,
        num_parallel_trials=num_parallel_trials,
        resume=resume,
        load_weights=None if load_weights is None else load_weights.absolute(),
        **options,
    )
    try:
        run_training(request)
    except KeyboardInterrupt:
        hint = ""
        if enable_hpo and can_go_on(request.workspace):
            hint = " The search goes on with: agcore train --enable-hpo --resume"
        click.echo(f"Interrupted; all trials have ended.{hint}", err=True)
        click.get_current_context().exit(_EXIT_INTERRUPTED)


def _model(name: str, task: str | None) -> Model:
    """The model of that name; with a task there is one for any name."""
    from agcore_contrib.otx.models import KNOWN_MODELS, generic_model, known_model

    return known_model(name) if task is None or name in KNOWN_MODELS else generic_model(name)


def _default_task(data: Path, model: str) -> str | None:
    """What trains on images in class folders, if it has that network; else None."""
    from agcore_contrib.otx.image_task import (
        IMAGE_TASK,
        can_train_images,
        has_class_folders,
        is_network,
    )

    if not has_class_folders(data):
        return None
    if not can_train_images():
        hint = "pip install 'agcore[vision]' brings what trains on these images, or pass --task"
        click.echo(f"Note: {hint}", err=True)
        return None
    return IMAGE_TASK if is_network(model) else None


def _located(task: str) -> str:
    """The task, with the whole path of a file: it is called from another folder.

    Raises:
        SpecError: There is no such file, or the name has not two parts.
    """
    from agcore.cli.target import is_file_target, split_target
    from agcore.errors import SpecError

    place, name = split_target(task)
    if not is_file_target(place):
        return task
    if not Path(place).is_file():
        raise SpecError(f"--task {task}: there is no file {place!r}; correct the path")
    return f"{Path(place).absolute()}:{name}"
