"""CUDA pretended on the CPU: code that would fail on a GPU because it mixes devices fails here too.

A tensor "on CUDA" is an ordinary tensor of the class `Pretend`, which says cuda:0 of itself. Every call of
torch passes through `_Calls`, which raises where CUDA would and marks what comes out. Only devices are
pretended: numbers, speed and memory are the CPU's. Other threads, and C++ code below one call, go unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganmath.records import environment

CUDA = torch.device("cuda:0")
# calls that take tensors of two devices: copies, and derivatives along them
ACROSS = {
    "copy_",
    "to",
    "type_as",
    "as_tensor",
    "tensor",
    "grad",
    "backward",
    "_has_compatible_shallow_copy_type",
}
# calls that refuse even a number that lies on the CPU; elementwise operations take one
NO_NUMBERS = {"cat", "concat", "stack", "hstack", "vstack", "index_select", "gather", "searchsorted"}


class Pretend(Tensor):
    """A tensor that says it is on CUDA; inside torch's own functions it is an ordinary one."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: Tensor.device.__get__(self) if _Calls.inside else CUDA)
    is_cuda = property(lambda self: not _Calls.inside)
    is_cpu = property(lambda self: bool(_Calls.inside))

    def get_device(self) -> int:
        return 0

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.detach().cpu().numpy()
        raise TypeError("can't convert cuda:0 device type tensor to numpy: use Tensor.cpu() first")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.numpy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        twin = memo[id(self)] = self.detach().clone().requires_grad_(self.requires_grad)
        twin._is_param = isinstance(self, nn.Parameter)
        return twin


class Generator(torch.Generator):
    """A generator of random numbers that remembers on which device it was made."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls)
        made.kind = torch.device(device).type
        return made

    device = property(lambda self: CUDA if self.kind == "cuda" else torch.device(self.kind))

    def set_state(self, state: Tensor) -> Generator:
        if isinstance(state, Pretend):
            raise TypeError("RNG state must be a torch.ByteTensor on the CPU")
        return super().set_state(state)


class _Calls(TorchFunctionMode):
    """Every call of torch in this thread: checks the devices, calls, and marks the results."""

    inside = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = list(_tensors((args, kwargs or {})))
        asked, func, args, kwargs = _translated(func, args, dict(kwargs or {}))
        target = asked or ("cuda" if any(isinstance(t, Pretend) for t in given) else "cpu")
        _check_generator(kwargs.get("generator"), target)
        _check_tensors(func, args, given)
        _Calls.inside = True
        try:
            out = func(*args, **kwargs)
            if asked and isinstance(out, Tensor) and any(out is t for t in given) and _kind(out) != asked:
                out = out.clone()  # the CPU has nothing to do here; CUDA would copy
        finally:
            _Calls.inside = False
        _mark_results(func, args, out, given, target)
        return out


def _tensors(values: Any) -> Iterator[Tensor]:
    """All tensors in nested arguments or results."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list, dict)):
        for value in values.values() if isinstance(values, dict) else values:
            yield from _tensors(value)


def _kind(tensor: Tensor) -> str:
    return "cuda" if isinstance(tensor, Pretend) else "cpu"


def _mark(tensor: Tensor, kind: str) -> None:
    if _kind(tensor) != kind:
        is_weight = isinstance(tensor, nn.Parameter)
        tensor.__class__ = Pretend if kind == "cuda" else nn.Parameter if is_weight else Tensor
        tensor._is_param = is_weight  # by which torch knows a Parameter of another class


def _mark_results(func: Any, args: tuple, out: Any, given: list[Tensor], target: str) -> None:
    """Results lie on the target, derivatives with their variables; what was given stays where it is."""
    if func == Tensor.data.__set__:  # by which modules move
        _mark(args[0], _kind(args[1]))
    elif func is torch.autograd.grad:
        for variable, slope in zip(_tensors(args[1]), out, strict=True):
            for tensor in _tensors(slope):
                _mark(tensor, _kind(variable))
    else:
        for tensor in _tensors(out):
            if not any(tensor is t for t in given):
                _mark(tensor, target)


def _translated(func: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[str | None, Any, tuple, dict]:
    """The kind of device that a call asks for, if any, and the call with the CPU in its place."""
    if func in (Tensor.cpu, Tensor.cuda):
        return func.__name__, Tensor.cpu, args[:1], {}
    if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is None:
        return _kind(args[0]), func, args, kwargs
    if func in (Tensor.to, Tensor.type_as) and len(args) > 1 and isinstance(args[1], Tensor):
        return _kind(args[1]), func, args, kwargs
    if func == Tensor.to and len(args) > 1 and isinstance(args[1], (str, torch.device)):
        return torch.device(args[1]).type, func, (args[0], "cpu", *args[2:]), kwargs
    if kwargs.get("device") is not None and func is not torch._C._nn._parse_to:  # which only reads it
        return torch.device(kwargs["device"]).type, func, args, kwargs | {"device": "cpu"}
    return None, func, args, kwargs


def _check_generator(generator: Any, target: str) -> None:
    if generator is not None and generator.device.type != target:
        found = generator.device.type
        raise RuntimeError(f"Expected a '{target}' device type for generator but found '{found}'")


def _check_tensors(func: Any, args: tuple, given: list[Tensor]) -> None:
    """RuntimeError where CUDA raises one: CPU tensors beside others, except numbers that are only read."""
    name = func.__name__
    if name in ACROSS or func == Tensor.data.__set__ or len({_kind(t) for t in given}) < 2:
        return
    own = _kind(args[0]) if isinstance(args[0], Tensor) else "cuda"
    if name in ("__getitem__", "__setitem__"):  # a slice is copied to; an index may lie on the CPU
        index, value = (list(_tensors(part)) for part in (args[1], args[2:]))
        wrong = own == "cpu" and any(_kind(t) == "cuda" for t in index)
        wrong |= bool(index) and any(_kind(t) != own and t.ndim for t in value)
    else:
        writes = name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))
        wrong = name in NO_NUMBERS or (writes and own == "cpu")
        wrong |= any(t.ndim for t in given if _kind(t) == "cpu")
    if wrong:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} got cuda:0 and cpu")


@contextmanager
def pretend_cuda(capability: tuple[int, int] = (7, 5)) -> Iterator[None]:
    """CUDA is pretended within, with the compute capability of a T4; from (8, 0) on, bfloat16 is used."""
    answers = {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "is_current_stream_capturing": False,
        "get_device_name": "pretended CUDA",
        "get_device_capability": capability,
        "get_rng_state": torch.zeros(16, dtype=torch.uint8),
        "set_rng_state": None,
        "synchronize": None,
    }
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, mock.Mock(return_value=answer)))
        stack.enter_context(mock.patch.object(torch, "Generator", Generator))
        cpu_autocast = partial(torch.autocast, "cpu")
        autocast = mock.Mock(side_effect=lambda device_type, **settings: cpu_autocast(**settings))
        stack.enter_context(mock.patch.object(torch, "autocast", autocast))
        no_driver = mock.Mock(current_accelerator=mock.Mock(return_value=None))  # Adam asks for its streams
        stack.enter_context(mock.patch.object(torch, "accelerator", no_driver, create=True))
        environment.cache_clear()  # it remembers the device
        stack.callback(environment.cache_clear)
        stack.enter_context(_Calls())
        yield
