"""Save the state of a fit to a checkpoint, and resume from it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfapps.errors import Diverged
from tfapps.processes import signals
from tfapps.train.checkpoint import Checkpoint, State, packed, unpacked
from tfapps.train.history import History, short


class Resume:
    """Resumes a fit from its checkpoint, and saves checkpoints of it.

    Args:
        checkpoint: None saves nothing.
        log_dir: TensorBoard files; those of a loaded checkpoint are restored there.
        retries: how often a diverged fit restarts at half the learning rate.

    Attributes:
        slower: factor of the learning rate.
    """

    def __init__(self, checkpoint: Checkpoint | None, log_dir: Path | None, retries: int) -> None:
        self.checkpoint, self.log_dir, self.retries = checkpoint, log_dir, retries
        self.state = None if checkpoint is None else checkpoint.load()
        self.slower = 1.0 if self.state is None else self.state.notes["slower"]
        self._begin: State | None = None
        if self.state is not None and log_dir is not None:
            checkpoint.logs(log_dir)

    def interruptible(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which signals wait for `pause`, if there is a checkpoint."""
        return contextlib.nullcontext() if self.checkpoint is None else signals.deferred()

    def take(self, run: Any) -> int:
        """Restore the state of a fit that has begun; return the epoch that it resumes with."""
        if self.state is None:
            run.epoch = 1
            self._begin = self._state(run) if self.retries else None
            return 1
        arrays, notes = self.state
        for variable, value in zip(_variables(run), unpacked("variables", arrays), strict=True):
            variable.assign(value)
        patient_from = run.history.patient_from  # of the config: older states do not have it
        run.history = History.of({**notes["history"], "patient_from": patient_from})
        run.best.take(_below("best/", arrays))
        run.steps.take(_below("steps/", arrays), notes["steps"])
        for number, callback in enumerate(_keeping(run)):
            callback.take(_below(f"callbacks/{number}/", arrays))
        self.state = None  # the arrays are no longer needed
        run.progress.say(
            f"resumes at step {run.steps.done} of {run.config.epochs * run.updates}, epoch "
            f"{short(run.steps.done / run.updates)}"
        )
        return notes["epoch"]

    def retry(self, run: Any, error: Diverged) -> None:
        """Make the next fit start from the last checkpoint, or from the beginning.

        Raises: the error, if there are no retries left.
        """
        if self.slower <= 0.5**self.retries:
            raise error
        saved = None if self.checkpoint is None else self.checkpoint.load()
        self.state = saved or self._begin
        if self.state is None:  # the checkpoint that it resumed from is missing
            raise error
        self.slower /= 2
        run.progress.say(f"{error}; retrying at {self.slower:g} of the learning rate")

    def pause(self, run: Any) -> None:
        """Save a checkpoint between two steps if one is due, and stop if a signal asked for it."""
        if self.checkpoint is None:
            return
        if signals.pending():
            self._save(run)
            raise signals.Stopped(_stopped_message(run))
        if self.checkpoint.due:
            self._save(run)

    @contextlib.contextmanager
    def saving(self, run: Any) -> Iterator[None]:
        """Stop on a signal inside this context, and save the state from before it."""
        if self.checkpoint is None:
            yield
            return
        evaluated = len(run.history.records)
        try:
            with signals.undeferred():
                yield
        except signals.Stopped:
            if len(run.history.records) == evaluated:
                self._save(run)
                raise signals.Stopped(_stopped_message(run)) from None
            raise

    def _save(self, run: Any) -> None:
        run.writer.flush()
        self.checkpoint.save(self._state(run), self.log_dir)

    def _state(self, run: Any) -> State:
        steps, notes = run.steps.state()
        arrays = packed("variables", [np.asarray(v.value.numpy()) for v in _variables(run)])
        arrays |= _above("best/", run.best.state()) | _above("steps/", steps)
        for number, callback in enumerate(_keeping(run)):
            arrays |= _above(f"callbacks/{number}/", callback.state())
        state_notes = {"epoch": run.epoch, "steps": notes, "history": run.history.state()}
        return State(arrays, {**state_notes, "slower": self.slower})


def _variables(run: Any) -> list[Any]:
    """Return all variables that a step reads and writes, also those of random generators."""
    of_step = run.steps.step.variables
    inside = {id(variable) for variable in run.model.variables}
    more = [variable for variable in of_step if id(variable) not in inside]
    return [*run.model.variables, *more, *run.model.optimizer.variables]


def _keeping(run: Any) -> list[Any]:
    """Return the callbacks that have a state."""
    return [callback for callback in run.callbacks.callbacks if hasattr(callback, "state")]


def _above(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {prefix + name: np.asarray(array) for name, array in arrays.items()}


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _stopped_message(run: Any) -> str:
    done, total = run.steps.done, run.config.epochs * run.updates
    return f"stopped at step {done} of {total}, saved; the same command resumes it"
