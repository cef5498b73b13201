"""A device that is none: tensors of the CPU that behave as those of another device would.

How the kernels of a device round, and which it lacks, they cannot show. They refuse what all
devices refuse: tensors of two places in one operation, a generator of another place, numpy's look
into the memory.
"""

from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

NAME = "pretended"
_INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
_MOVES = {"_to_copy", "copy_", "copy"}


def register():
    """Let torch know the name, once, and before this process takes any gradient."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)


class Pretended(torch.Tensor):
    """A tensor of the device, in truth `on_cpu`."""

    @staticmethod
    def __new__(cls, real):
        dense = real.layout == torch.strided
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            real.shape,
            strides=real.stride() if dense else None,
            storage_offset=real.storage_offset() if dense else 0,
            dtype=real.dtype,
            layout=real.layout,
            device=f"{NAME}:0",
        )
        made.on_cpu = real
        return made

    def __repr__(self):
        return f"Pretended({tuple(self.shape)}, {self.dtype})"

    __torch_function__ = torch._C._disabled_torch_function_impl  # what comes back to the CPU stays

    def as_subclass(self, cls):
        kind = Pretended if cls is torch.Tensor else type(cls.__name__, (cls, Pretended), {})
        return Pretended.__new__(kind, self.on_cpu)

    def tolist(self):
        return self.on_cpu.tolist()

    def numpy(self, *, force=False):
        if not force:
            raise TypeError("numpy cannot look into the memory of another device")
        return self.on_cpu.numpy()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _computed(func, args, kwargs or {})


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _computed(func, args, kwargs or {})


class _Kind(type(torch._C.Generator)):
    def __instancecheck__(cls, one):
        return isinstance(one, torch._C.Generator)


class _Generator(torch._C.Generator, metaclass=_Kind):
    """Generators of the CPU, of which some say that they are of the device."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls)
        _PLACES[made._cdata] = torch.device(device)
        return made

    @property
    def device(self):
        return _place_of(self)


_PLACES = {}  # of generators, by what stays the same of one that operations are given


def _place_of(generator):
    return _PLACES.get(generator._cdata, torch.device("cpu"))


def _computed(func, args, kwargs):
    """An operation: on the CPU, and refused where a device would refuse it."""
    name = func._overloadpacket.__name__
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
    there = any(isinstance(one, Pretended) for one in tensors)
    if name == "_fused_sdp_choice":
        return 0  # the plain products, of which all devices have kernels
    if there and name not in _MOVES:
        _check_places(name, args, tensors)
    if kwargs.get("device") is not None:
        there = torch.device(kwargs["device"]).type == NAME
        kwargs = kwargs | {"device": "cpu"}
    elif name in _MOVES:
        there = isinstance(args[0], Pretended)
    generator = kwargs.get("generator")
    if generator is not None and (_place_of(generator).type == NAME) != there:
        raise RuntimeError(f"a generator of another device in {name}")
    inner = tree_map_only(Pretended, lambda one: one.on_cpu, (args, kwargs))
    found = func(*inner[0], **inner[1])
    if not there:
        return found
    wrapped = tree_map_only(torch.Tensor, Pretended, found)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def _check_places(name, args, tensors):
    """Raise a RuntimeError for tensors of two places; a number, and an index, may be of the CPU."""
    given = [args[0], *args[2:]] if name in _INDEXED else tensors
    given = [one for one in given if isinstance(one, torch.Tensor)]
    strangers = [one for one in given if not isinstance(one, Pretended) and one.ndim]
    if strangers or (name in _INDEXED and not isinstance(args[0], Pretended)):
        raise RuntimeError(f"tensors of two devices in {name}")


@contextmanager
def pretended():
    """The block in which there is such a device, by its name."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # what is made of numbers is made here, then moved
    try:
        with patch.object(torch, "Generator", _Generator), _Operations():
            yield NAME
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
