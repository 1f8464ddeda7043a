"""The pickle inside of a weights file of PyTorch, read as a description of tensors and no more."""

import pickletools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from sim2real_ros.errors import ModelError

MAX_STEPS = 2_000_000
"""Opcodes of one file: thousands of times what a network's description takes."""

STORAGE_TYPES = {
    'FloatStorage': '<f4',
    'DoubleStorage': '<f8',
    'HalfStorage': '<f2',
    'LongStorage': '<i8',
    'IntStorage': '<i4',
    'ShortStorage': '<i2',
    'CharStorage': '<i1',
    'ByteStorage': '<u1',
    'BoolStorage': '<b1',
}
"""NumPy's name of the numbers in each kind of storage."""


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file that tensors are views of.

    Attributes:
        key: Its name in the file.
        dtype: NumPy's name of its numbers, little-endian.
        count: How many.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class TensorView:
    """A tensor: which numbers of a storage it takes.

    Attributes:
        storage: The numbers.
        offset: Of its first number in the storage.
        shape: Its shape.
        strides: In numbers, one for each axis.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_description(file: BinaryIO) -> Any:
    """Read one pickle from where a file stands, and leave the file behind it.

    No part of Python's own unpickler runs. The few opcodes that tensors need are carried out here,
    on plain values; any other opcode and any other name than those of tensors ends the reading.
    So a file can neither call nor import anything.

    Args:
        file: Binary, at the start of a pickle.

    Returns:
        None, bool, int, str, tuple, list or dict with keys of text, ``Storage``, ``TensorView``.

    Raises:
        ModelError: The pickle is damaged, or is more than a description of tensors.
    """
    machine = _Machine()
    try:
        for steps, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if steps > MAX_STEPS:
                raise ModelError(f'its description has more than {MAX_STEPS} steps')
            machine.step(opcode.name, argument)
        return machine.result()
    except (ValueError, TypeError, LookupError, struct.error, EOFError) as error:
        raise ModelError(f'its description of the tensors is damaged ({error})'[:300]) from error


@dataclass(frozen=True)
class _Name:
    """A name that the pickle may mention; it stands for nothing but itself."""

    text: str


_MARK = object()

_ORDERED_DICT = _Name('collections OrderedDict')
_TENSOR = _Name('torch._utils _rebuild_tensor_v2')
_PARAMETER = _Name('torch._utils _rebuild_parameter')
_STORAGES = {_Name(f'torch {name}'): dtype for name, dtype in STORAGE_TYPES.items()}
_KNOWN = {_ORDERED_DICT, _TENSOR, _PARAMETER, *_STORAGES}


class _Machine:
    """Carries out opcodes on a stack, as pickletools documents them."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in _IGNORED:
            return
        if opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode]())
        elif opcode in _LITERALS:
            self._stack.append(argument)
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        else:
            raise ModelError(f'it holds {opcode}, which no description of tensors needs')

    def result(self) -> Any:
        (result,) = self._stack
        return result

    def put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def memoise(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def mention(self, name: str) -> None:
        found = _Name(name)
        if found not in _KNOWN:
            raise ModelError(f'it asks for {name[:100]!r}, which is no part of a tensor')
        self._stack.append(found)

    def mention_from_stack(self, _: Any) -> None:
        module, name = self._take(2)
        self.mention(f'{module} {name}')

    def tuple_of(self, count: int) -> None:
        self._stack.append(tuple(self._take(count)))

    def tuple_from_mark(self, _: Any) -> None:
        self._stack.append(tuple(self._take_to_mark()))

    def append(self, _: Any) -> None:
        self._extend(self._take(1))

    def append_all(self, _: Any) -> None:
        self._extend(self._take_to_mark())

    def set_item(self, _: Any) -> None:
        self._update(self._take(2))

    def set_items(self, _: Any) -> None:
        self._update(self._take_to_mark())

    def build(self, _: Any) -> None:
        # Attributes of a dictionary: versions of its modules, which numbers do not depend on.
        self._take(1)
        if not isinstance(self._stack[-1], dict):
            raise ModelError('it sets attributes of something that is no dictionary')

    def persistent(self, _: Any) -> None:
        (reference,) = self._take(1)
        kind, name, key, _device, count, *view = reference
        # Hashed only when it is a name: deep tuples, which would end the process, never are.
        is_storage = isinstance(name, _Name) and name in _STORAGES
        if kind != 'storage' or view not in ([], [None]) or not is_storage:
            raise ModelError('it refers to something that is no storage of its own')
        self._stack.append(Storage(_text(key), _STORAGES[name], _size(count)))

    def reduce(self, _: Any) -> None:
        name, arguments = self._take(2)
        if name == _ORDERED_DICT and isinstance(arguments, tuple):
            self._stack.append({})
            for pair in arguments[0] if arguments else ():
                self._update(pair)
        elif name == _TENSOR:
            self._stack.append(_tensor(*arguments[:4]))
        elif name == _PARAMETER and isinstance(arguments[0], TensorView):
            self._stack.append(arguments[0])
        else:
            raise ModelError('it calls something that makes no tensor')

    def _extend(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise ModelError('it appends to something that is no list')
        self._stack[-1].extend(items)

    def _update(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not dict or len(items) % 2:
            raise ModelError('it sets items of something that is no dictionary')
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._stack[-1][_text(key)] = value

    def _take(self, count: int) -> list[Any]:
        taken = self._stack[-count:]
        if len(taken) < count or any(each is _MARK for each in taken):
            raise ModelError('its description takes more than it has')
        del self._stack[-count:]
        return taken

    def _take_to_mark(self) -> list[Any]:
        taken: list[Any] = []
        while self._stack and self._stack[-1] is not _MARK:
            taken.append(self._stack.pop())
        if not self._stack:
            raise ModelError('its description takes more than it has')
        self._stack.pop()
        return taken[::-1]


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> TensorView:
    if not isinstance(storage, Storage) or not isinstance(shape, tuple):
        raise ModelError('it makes a tensor of something that is no storage')
    if not isinstance(strides, tuple) or len(shape) != len(strides):
        raise ModelError('it makes a tensor whose axes and strides differ in number')
    sizes, steps = tuple(map(_size, shape)), tuple(map(_size, strides))
    return TensorView(storage, _size(offset), sizes, steps)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ModelError(f'it has a name that is no text but {type(value).__name__}')
    return value


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**48:
        raise ModelError('it has a size or place that is no sensible number')
    return value


_IGNORED = {'PROTO', 'FRAME', 'STOP'}

_CONSTANTS: dict[str, Callable[[], Any]] = {
    'NONE': lambda: None,
    'NEWTRUE': lambda: True,
    'NEWFALSE': lambda: False,
    'EMPTY_DICT': dict,
    'EMPTY_LIST': list,
    'EMPTY_TUPLE': tuple,
    'MARK': lambda: _MARK,
}

_LITERALS = {
    *('BININT', 'BININT1', 'BININT2', 'LONG1'),
    *('BINUNICODE', 'SHORT_BINUNICODE', 'SHORT_BINSTRING', 'BINSTRING'),
}

_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    'BINPUT': _Machine.put,
    'LONG_BINPUT': _Machine.put,
    'MEMOIZE': _Machine.memoise,
    'BINGET': _Machine.get,
    'LONG_BINGET': _Machine.get,
    'GLOBAL': _Machine.mention,
    'STACK_GLOBAL': _Machine.mention_from_stack,
    'TUPLE1': lambda machine, _: machine.tuple_of(1),
    'TUPLE2': lambda machine, _: machine.tuple_of(2),
    'TUPLE3': lambda machine, _: machine.tuple_of(3),
    'TUPLE': _Machine.tuple_from_mark,
    'APPEND': _Machine.append,
    'APPENDS': _Machine.append_all,
    'SETITEM': _Machine.set_item,
    'SETITEMS': _Machine.set_items,
    'BUILD': _Machine.build,
    'BINPERSID': _Machine.persistent,
    'REDUCE': _Machine.reduce,
}


def tensors_below(description: Any) -> Iterator[tuple[str, TensorView]]:
    """Yield name and place of every tensor of a flat state dictionary.

    Args:
        description: What ``read_description`` returned.

    Raises:
        ModelError: It is something else.
    """
    if not isinstance(description, dict) or not description:
        raise ModelError('it is no state dictionary: expected tensors by name')
    for name, value in description.items():
        if not isinstance(value, TensorView):
            raise ModelError(
                f'{name[:100]!r} in it is no tensor; save the state_dict() of the network alone'
            )
        yield name, value
