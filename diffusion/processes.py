"""The processes of a training: one, or several that each take a part of every batch.

`torchrun` starts several and tells each its rank. All of them draw the same batch from the same
stream and hold the same weights; each computes the loss of its part, and the gradients are added
up. The first process writes, and what it decides or has read holds for all.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

_T = TypeVar("_T")


class Processes:
    """Those that torch.distributed knows, or this one alone.

    Attributes
    ----------
    rank : of this process, from 0.
    count : how many there are.
    """

    def __init__(self, device: torch.device) -> None:
        if dist.is_available() and _started(device):
            self.rank, self.count = dist.get_rank(), dist.get_world_size()
        else:
            self.rank, self.count = 0, 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def part(self, rows: int) -> slice:
        """The rows of a batch that are for this process."""
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor the sum of those of all processes, in place, in one message."""
        if self.count > 1 and tensors:
            message = torch.cat([one.reshape(-1) for one in tensors])
            dist.all_reduce(message)
            parts = message.split([one.numel() for one in tensors])
            for one, part in zip(tensors, parts, strict=True):
                one.copy_(part.view_as(one))

    def copy(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the tensors of the first, in place."""
        for one in tensors if self.count > 1 else ():
            message = one.detach().contiguous()
            dist.broadcast(message, 0)
            with torch.no_grad():
                one.copy_(message)

    def said(self, value: _T | Exception) -> _T:
        """What the first process says; an error that it has is raised in all."""
        if self.count > 1:
            message = [value]
            dist.broadcast_object_list(message, 0)
            value = message[0]
        if isinstance(value, Exception):
            raise value
        return value


def _started(device: torch.device) -> bool:
    """Whether there is a group of processes; torchrun's is started here."""
    if dist.is_initialized():
        return True
    if not dist.is_torchelastic_launched() or int(os.environ.get("WORLD_SIZE", 1)) < 2:
        return False
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    atexit.register(dist.destroy_process_group)
    return True
