"""KerasTuner runs the search: its oracle chooses, its tuner keeps account of trials on disk."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfapps.errors import Failure

Judge = Callable[[str, Mapping[str, Any]], float]
EPOCHS = "tuner/epochs"  # how KerasTuner tells what Hyperband wants


def common(hyperparameters: Any, seed: int) -> dict[str, Any]:
    """Return what every oracle is made with."""
    import keras_tuner

    return {
        "objective": keras_tuner.Objective("headline", "max"),
        "hyperparameters": hyperparameters,
        "seed": seed or 1,  # 0 is for KerasTuner what None is for others: another one each time
        "allow_new_entries": False,
        "max_consecutive_failed_trials": None,
    }


def drive(make: Callable[[], Any], folder: Path, judge: Judge, failed: float = math.nan) -> None:
    """Judge trials until the oracle has enough, from where an earlier call on `folder` stopped.

    Args:
        make: the oracle.
        judge: (name of a trial, what the oracle chose) -> the higher, the better.
        failed: what the oracle is told of a trial that failed; NaN has it left out.

    Raises: what `judge` raises, but for Failure, which is a trial that failed.
    """
    import keras_tuner
    from keras_tuner.engine import base_tuner

    class Tuner(base_tuner.BaseTuner):
        def run_trial(self, trial: Any) -> float:
            try:
                return judge(trial.trial_id, trial.hyperparameters.values)
            except Failure:
                return failed  # of an exception KerasTuner would print the traceback
            except Exception as error:
                # Any other would be a failed trial for KerasTuner, and the search would go on.
                raise keras_tuner.errors.FatalError(str(error)) from error

    def tuner() -> Tuner:
        oracle = make()
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from ..."
            return Tuner(oracle, directory=str(folder.parent), project_name=folder.name)

    with warnings.catch_warnings():
        for package in ("keras_tuner", "sklearn"):
            warnings.filterwarnings("ignore", module=package)
        try:
            _opened(tuner, folder).search()
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ or error from None


def _opened(tuner: Callable[[], Any], folder: Path) -> Any:
    """The tuner with what it did before.

    KerasTuner writes in place: what a kill cut short is thrown away. The oracle then starts anew,
    from the same seed, and `judge` may know the answers.
    """
    try:
        made = tuner()
    except (ValueError, KeyError, RuntimeError):
        for file in (*folder.glob("*/trial.json"), folder / "oracle.json", folder / "tuner0.json"):
            file.unlink(missing_ok=True)
        made = tuner()
    # A trial that was noted for itself and not yet by the oracle would never be run.
    for name in set(made.oracle.trials) - set(made.oracle.start_order):
        del made.oracle.trials[name]
    return made
