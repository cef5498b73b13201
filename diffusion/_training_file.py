"""A training on disk: one file that holds all of its state, from which it goes on bit for bit."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffusion import checkpoints
from diffusion._trainer import Options, Trainer

_WHOLE = 2**24  # up to which Adam counts its steps, in single precision
_LATER = {f.name: f.default for f in fields(Options) if f.default is not MISSING}

State = tuple[int, dict[str, Tensor]]  # steps made, and all tensors by name


class TrainingFile:
    """The checkpoint of a training.

    Parameters
    ----------
    trainer : whose state it holds.
    path : a safetensors file.
    """

    def __init__(self, trainer: Trainer, path: str | Path) -> None:
        self.trainer, self.path = trainer, path

    def save(self) -> None:
        """All of the state, into the file."""
        trainer, tensors = self.trainer, self._tensors()
        for k, own in enumerate(trainer.network.parameters()):
            tensors |= {f"adam.{name}.{k}": v for name, v in trainer.optimizer.state[own].items()}
        checkpoints.write(self.path, tensors, self._record_of_file(trainer.step))

    def _tensors(self) -> dict[str, Tensor]:
        """All of the state by name, but that of Adam."""
        trainer = self.trainer
        tensors, _ = checkpoints.describe(trainer.denoiser())
        tensors["generator"] = trainer.generator.get_state()
        tensors["history"] = torch.tensor(trainer.entries, dtype=torch.float64).reshape(-1, 4)
        tensors |= {f"network.{name}": own for name, own in trainer.network.named_parameters()}
        for step, kept in trainer.snapshots.items():
            for k, value in enumerate(kept.network.parameters()):
                tensors[f"snapshot.{step}.{k}"] = value
        return tensors

    def _tensors_at(self, step: int) -> dict[str, Tensor]:
        """What a checkpoint at a step holds, by name: of its shapes and dtypes, not its values."""
        trainer = self.trainer
        tensors = self._tensors()
        marks = [mark for mark in trainer.options.marks if mark <= step]
        tensors["history"] = torch.zeros(len(marks), 4, dtype=torch.float64)
        for k, own in enumerate(trainer.network.parameters()):
            tensors[f"adam.step.{k}"] = torch.zeros(())
            tensors[f"adam.exp_avg.{k}"] = tensors[f"adam.exp_avg_sq.{k}"] = own
            kept = [f"snapshot.{at}.{k}" for at in trainer.options.snapshots if at <= step]
            tensors |= dict.fromkeys(kept, own)
        return tensors

    def _record_of_file(self, step: int) -> dict[str, Any]:
        """What a checkpoint says about this training."""
        trainer = self.trainer
        _, record = checkpoints.describe(trainer.denoiser())
        training = {"options": asdict(trainer.options), "step": step} | trainer.contents
        return record | {"training": training}

    def read(self) -> State:
        """The state in the file. Raises ValueError if it is of another training.

        All of the file is checked before any of it is taken: Adam's steps are compiled code,
        which trusts the shapes of what it is given.
        """
        tensors, record = checkpoints.read(self.path)
        step = self._step_of(record)
        checkpoints.fit(self.path, tensors, self._tensors_at(step))
        numbers = {k: v for k, v in tensors.items() if k not in ("generator", "history")}
        checkpoints.refuse_broken(self.path, numbers)
        fault = self._fault(step, tensors)
        if fault:
            raise ValueError(f"checkpoint {self.path} is not of this training: {fault}")
        return step, tensors

    def _step_of(self, record: dict[str, Any]) -> int:
        """The step of a checkpoint, once its record is that of this training."""
        trainer = self.trainer
        found = record.get("training")
        if found is None:
            raise ValueError(f"checkpoint {self.path} must be of a training, got a denoiser alone")
        step = found.get("step") if isinstance(found, dict) else None
        wanted, given = (_statements(one) for one in (self._record_of_file(0), record))
        different = [k for k in {**wanted, **given} if wanted.get(k) != given.get(k)]
        if different:
            raise ValueError(
                f"checkpoint {self.path} is of another training ({', '.join(different)} differ); "
                "choose another file, or the same arguments"
            )
        if type(step) is not int or step not in trainer.options.marks:
            raise ValueError(
                f"checkpoint {self.path} must be at one of the {len(trainer.options.marks)} steps "
                f"up to {trainer.options.steps} at which it is written, got {step!r:.40}"
            )
        return step

    def _fault(self, step: int, tensors: dict[str, Tensor]) -> str:
        """What the numbers of a checkpoint cannot be at its step, in words; "" if they can."""
        trainer = self.trainer
        at, loss, held_out, rate = tensors["history"].unbind(1)
        marks = [mark for mark in trainer.options.marks if mark <= step]
        if at.tolist() != marks or not loss.isfinite().all():
            return f"its history is not that of the {len(marks)} marks up to step {step}"
        if not (held_out.isnan() if trainer.validation is None else held_out.isfinite()).all():
            return f"its history is {'with' if trainer.validation is None else 'without'} held_out"
        if not torch.allclose(rate, rate.new_tensor([trainer.rate(mark) for mark in marks])):
            return "its history has other learning rates"
        if not torch.equal(tensors["denoiser.mean"], trainer.mean.cpu()):
            return "the mean of its data is another"
        for k, _ in enumerate(trainer.network.parameters()):
            if float(tensors[f"adam.step.{k}"]) != min(step, _WHOLE):
                return f"Adam has made {float(tensors[f'adam.step.{k}']):g} steps of {step}"
            if (tensors[f"adam.exp_avg_sq.{k}"] < 0).any():
                return "Adam has negative mean squares"
        try:
            torch.Generator(trainer.generator.device).set_state(tensors["generator"])
        except RuntimeError as error:
            return f"its random stream has no such state ({error})".splitlines()[0]
        return ""


def _statements(record: dict[str, Any]) -> dict[str, str]:
    """What a record says, each statement by its name: of options, data, network, in JSON."""
    training = record.get("training")
    said = dict(training) if isinstance(training, dict) else {}
    options = said.pop("options", {})
    options = options if isinstance(options, dict) else {}
    said.pop("step", None)
    rest = {"network" if k == "denoiser" else k: v for k, v in record.items() if k != "training"}
    found = _LATER | options | said | rest
    return {k: json.dumps(v, sort_keys=True) for k, v in found.items()}
