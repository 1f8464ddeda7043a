"""Deserialise messages of bags whose message definitions nobody vouches for.

rosbags turns definitions into Python source and executes it. So a definition of a bag is used only
where ROS itself has no definition with the same fields, and only after every name in it has been
checked to be a plain identifier.
"""

import keyword
import re
from threading import Lock
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from sim2real_ros.bags.connection import BagConnection, BagMessage
from sim2real_ros.bags.damage import reason_of
from sim2real_ros.errors import DataError

USUAL_STORES = {'ros1': Stores.ROS1_NOETIC, 'cdr': Stores.ROS2_JAZZY}
MAX_DEFINITION_CHARACTERS = 1 << 18
MAX_MESSAGE_BYTES = 1 << 30
MAX_DEPTH = 50
# Code is written for each one, which takes a millisecond.
MAX_FIELDS = 3000
TYPE_NAME = re.compile(r'[A-Za-z]\w*/(msg|srv|action)/[A-Za-z]\w*', re.ASCII)
FIELD_NAME = re.compile(r'[A-Za-z]\w*', re.ASCII)

# Type name to (constants, [(field name, description)]), as rosbags parses definitions.
Fielddefs = dict[str, tuple[Any, list[tuple[str, Any]]]]


class MessageTypes:
    """The message types of one bag, made as they are asked for, from any thread."""

    def __init__(self) -> None:
        """Start with nothing; the types that ROS itself knows are loaded when needed."""
        self._known: dict[str, Any] = {}
        self._stores: dict[tuple[str, str, str], Any] = {}
        self._lock = Lock()

    def deserialize(self, message: BagMessage) -> Any:
        """Return the message as an object with the fields of its type.

        Raises:
            DataError: The bytes are damaged, or the type is unknown or not safe to use.
        """
        connection = message.connection
        store = self.store_of(connection)
        try:
            if connection.serialization == 'ros1':
                return store.deserialize_ros1(message.raw, connection.msgtype)
            return store.deserialize_cdr(message.raw, connection.msgtype)
        # Generated code stumbles over damaged bytes in many ways: struct, index, value, memory ...
        except Exception as error:
            raise DataError(
                f'A message on {connection.topic!r} is no readable {connection.msgtype}: '
                f'{reason_of(error)}.'
            ) from error

    def serialize(self, connection: BagConnection, message: Any) -> bytes:
        """Return the bytes of a message object, in the bag's own serialisation.

        Raises:
            DataError: The object has not the fields of the connection's type.
        """
        store = self.store_of(connection)
        try:
            if connection.serialization == 'ros1':
                return bytes(store.serialize_ros1(message, connection.msgtype))
            return bytes(store.serialize_cdr(message, connection.msgtype))
        except Exception as error:
            raise DataError(
                f'Cannot write a {connection.msgtype} for {connection.topic!r}: '
                f'{reason_of(error)}.'
            ) from error

    def store_of(self, connection: BagConnection) -> Any:
        """Return the typestore of rosbags that knows the connection's type.

        Raises:
            DataError: The type is unknown or not safe to use.
        """
        key = (connection.msgtype, connection.serialization, connection.definition)
        with self._lock:
            if key not in self._stores:
                self._stores[key] = self._make_store(connection)
            return self._stores[key]

    def _make_store(self, connection: BagConnection) -> Any:
        name = connection.msgtype
        if not TYPE_NAME.fullmatch(name):
            raise DataError(f'The message type {name[:200]!r} is no name that ROS would accept.')
        usual = self._usual_store(connection)
        known = name in usual.fielddefs
        if known and connection.definition_format != 'msg':
            return usual
        try:
            own = _parse(connection, usual.fielddefs)
            if known and all(_same_fields(each, own, usual.fielddefs) for each in own):
                return usual
            _check(own, name)
            store = get_typestore(Stores.EMPTY)
            store.register({each: own[each] for each in own if each not in store.fielddefs})
            # Code is generated at the first use: better now, and under the lock.
            store.get_msgdef(name)
        except Exception as error:
            if known and not isinstance(error, DataError):
                # A definition that cannot be parsed says nothing against the usual one.
                return usual
            raise DataError(
                f'The definition of {name!r} in the bag cannot be used: {reason_of(error)}.'
            ) from error
        return store

    def _usual_store(self, connection: BagConnection) -> Any:
        kind = connection.serialization
        if kind not in USUAL_STORES:
            raise DataError(
                f'The topic {connection.topic!r} is serialised as {kind!r}: '
                'expected cdr (ROS 2) or ros1.'
            )
        if kind not in self._known:
            self._known[kind] = get_typestore(USUAL_STORES[kind])
        return self._known[kind]


def _parse(connection: BagConnection, usual: Fielddefs) -> Fielddefs:
    """Parse a definition; keep the types that the connection's own type is made of."""
    text, name = connection.definition, connection.msgtype
    if connection.definition_format != 'msg':
        # The parser of rosbags computes constant expressions of any size: 1 << 10**12.
        raise DataError('ROS has no type of this name, and only .msg definitions are read')
    if len(text) > MAX_DEFINITION_CHARACTERS:
        raise DataError(f'it is {len(text)} characters long')
    # ROS 1 does not spell out time and duration, and some recorders leave out more.
    found: Fielddefs = {**usual, **get_types_from_msg(text, name)}
    wanted: Fielddefs = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in wanted:
            if each not in found:
                raise DataError(f'the type {each[:200]!r} inside it is not defined')
            wanted[each] = found[each]
            waiting += [sub for _, field in found[each][1] if (sub := _type_inside(field))]
    return wanted


def _same_fields(name: str, types: Fielddefs, others: Fielddefs) -> bool:
    return name in others and list(types[name][1]) == list(others[name][1])


def _type_inside(field: Any) -> str:
    """Name the message type of a field or of its elements; '' for numbers and strings."""
    kind, detail = field
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        kind, detail = detail[0]
    return str(detail) if kind == Nodetype.NAME else ''


def _check(types: Fielddefs, name: str) -> None:
    """Refuse names that are not plain, and types that no message can be read by."""
    for each, (constants, fields) in types.items():
        if not TYPE_NAME.fullmatch(each):
            raise DataError(f'the type name {each[:200]!r} is not plain')
        for field in (*(c[0] for c in constants), *(f[0] for f in fields)):
            plain = FIELD_NAME.fullmatch(field) and not field.startswith('__')
            if not plain or keyword.iskeyword(field):
                raise DataError(f'the field name {field[:200]!r} is not plain')
    _least_bytes(types, name, (), {})
    if sum(_pieces(field) for _, fields in types.values() for _, field in fields) > MAX_FIELDS:
        raise DataError(f'it has more than {MAX_FIELDS} fields')


def _pieces(field: Any) -> int:
    """Count the pieces of code that a field takes: one for each text or message in an array."""
    kind, detail = field
    if kind != Nodetype.ARRAY:
        return 1
    (inner, what), length = detail
    return int(length) if inner == Nodetype.NAME or what[0] == 'string' else 1


def _least_bytes(
    types: Fielddefs, name: str, outer: tuple[str, ...], known: dict[str, int]
) -> int:
    """Return the smallest size of a message; arrays of nothing would be read for ever."""
    if name in known:
        return known[name]
    if name in outer or len(outer) > MAX_DEPTH:
        raise DataError(f'the type {name!r} contains itself, or too much')
    total = 0
    for field_name, (kind, detail) in types[name][1]:
        count = 1
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            count = detail[1] if kind == Nodetype.ARRAY else 0
            kind, detail = detail[0]
        size = 1 if kind == Nodetype.BASE else _least_bytes(types, detail, (*outer, name), known)
        if not size:
            raise DataError(f'the field {field_name!r} is of an empty type')
        total += size * count
        if not 0 <= total <= MAX_MESSAGE_BYTES:
            raise DataError(f'the field {field_name!r} makes it larger than any message')
    known[name] = total
    return total
