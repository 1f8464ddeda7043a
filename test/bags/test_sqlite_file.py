import shutil
import sqlite3
from contextlib import closing

import pytest
from bag_variants import data_file, expected, messages, write_rosbag2
from rosbags.rosbag2 import StoragePlugin

from sim2real_ros.bags import open_bag
from sim2real_ros.errors import DataError


@pytest.fixture
def database(tmp_path):
    path = write_rosbag2(tmp_path / 'bag', storage=StoragePlugin.SQLITE3)
    file = tmp_path / 'drive.db3'
    shutil.move(data_file(path), file)
    return file


def change(file, *statements):
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def read(file):
    with open_bag(file) as reader:
        return [m.raw for m in reader.messages()], reader.problems


RAWS = [raw for *_, raw in expected()]


def killed_recorder(database, folder, mode, tmp_path):
    """Copy the files of a database in the middle of writing, as they are after a kill -9."""
    folder.mkdir()
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f'PRAGMA journal_mode = {mode}')
        connection.execute('PRAGMA wal_autocheckpoint = 0')
        connection.execute('PRAGMA cache_size = 1')
        connection.execute('BEGIN')
        for number in range(46, 60):
            row = (number, 1, expected()[-1][2] + number, bytes(4000))
            connection.execute('INSERT INTO messages VALUES (?, ?, ?, ?)', row)
        if mode == 'WAL':
            connection.execute('COMMIT')
        for each in tmp_path.glob('drive.db3*'):
            shutil.copy(each, folder / each.name)
        connection.execute('ROLLBACK') if mode != 'WAL' else None
    return folder / database.name


def test_messages_in_a_write_ahead_log_are_read(database, tmp_path):
    file = killed_recorder(database, tmp_path / 'killed', 'WAL', tmp_path)
    before = {p.name: p.read_bytes() for p in file.parent.iterdir()}
    assert 'drive.db3-wal' in before
    found, problems = read(file)
    assert found[:45] == RAWS
    assert len(found) == 59
    assert problems == []
    assert {p.name: p.read_bytes() for p in file.parent.iterdir()} == before


def test_half_a_transaction_is_undone_in_a_copy(database, tmp_path):
    file = killed_recorder(database, tmp_path / 'killed', 'DELETE', tmp_path)
    before = {p.name: p.read_bytes() for p in file.parent.iterdir()}
    assert before['drive.db3-journal']
    assert before['drive.db3'] != database.read_bytes()
    assert read(file) == (RAWS, [])
    assert {p.name: p.read_bytes() for p in file.parent.iterdir()} == before


def test_no_room_for_the_copy_is_a_data_error(database, tmp_path, monkeypatch):
    file = killed_recorder(database, tmp_path / 'killed', 'WAL', tmp_path)

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('shutil.copyfile', full)
    with pytest.raises(DataError, match='No space left on device'), open_bag(file):
        pass


def test_old_schemas_without_qos_and_definitions_are_read(database):
    change(
        database,
        'DROP TABLE schema',
        'DROP TABLE metadata',
        'DROP TABLE message_definitions',
        'DROP INDEX timestamp_idx',
        'ALTER TABLE topics DROP COLUMN type_description_hash',
        'ALTER TABLE topics DROP COLUMN offered_qos_profiles',
    )
    assert read(database) == (RAWS, [])
    with open_bag(database) as reader:
        assert [(c.qos, c.definition_format) for c in reader.connections] == [('', '')] * 3


def test_order_is_that_of_time_and_not_of_rows(database):
    last = expected()[-1][2]
    change(database, f'UPDATE messages SET timestamp = 2 * {last} - timestamp')
    assert read(database) == (RAWS[::-1], [])


@pytest.mark.parametrize(
    ('statement', 'reason'),
    [
        ('UPDATE messages SET data = 7 WHERE id = 3', '1 messages are damaged'),
        ("UPDATE messages SET data = 'text' WHERE id = 3", '1 messages are damaged'),
        ("UPDATE messages SET data = x'' WHERE id = 3", ''),
        ("UPDATE messages SET timestamp = 'noon' WHERE id = 3", "has the time 'noon'"),
        ('UPDATE messages SET topic_id = 99 WHERE id = 3', 'unknown topic 99'),
        ("UPDATE topics SET name = CAST(x'ff00fe' AS TEXT) WHERE id = 1", ''),
        ("INSERT INTO topics VALUES (7, '../../x', 'evil', 'json', 1, 2)", ''),
    ],
)
def test_odd_values_cost_only_their_own_message(database, statement, reason):
    change(database, statement)
    found, problems = read(database)
    assert len(found) >= 44
    assert set(found) - {b''} <= set(RAWS)
    assert [reason in each for each in problems] == [True] * bool(reason)


@pytest.mark.parametrize(
    'statements',
    [
        ['DROP TABLE messages'],
        ['DROP TABLE topics'],
        ['ALTER TABLE messages RENAME COLUMN data TO other'],
        ['DROP TABLE messages', 'CREATE VIEW messages AS SELECT 1 id, 1 topic_id, 1 timestamp'],
        [
            'DROP TABLE messages',
            'CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id, timestamp, '
            'data AS (zeroblob(1000000000)))',
        ],
        [
            'DROP TABLE messages',
            'CREATE VIRTUAL TABLE messages USING fts4(topic_id, timestamp, data)',
        ],
    ],
)
def test_other_databases_are_refused(database, statements):
    change(database, *statements)
    with pytest.raises(DataError, match='it is no rosbag2: the table'), open_bag(database):
        pass


def test_page_of_garbage_costs_its_own_messages(tmp_path):
    everything = messages(300)
    database = data_file(write_rosbag2(tmp_path / 'bag', everything, StoragePlugin.SQLITE3))
    content = bytearray(database.read_bytes())
    middle = content.index(everything[150][2]) // 4096 * 4096
    content[middle : middle + 4096] = b'\xaa' * 4096
    database.write_bytes(content)
    found, problems = read(database)
    assert 250 < len(found) < 300
    lost = {raw for *_, raw in everything} - set(found)
    assert len(found) + len(lost) == 300
    assert f'{len(lost)} messages are damaged' in problems[0]


def test_damaged_index_costs_nothing(database):
    with closing(sqlite3.connect(database)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index'")
    content = bytearray(database.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b'\xaa' * 4096
    database.write_bytes(content)
    found, problems = read(database)
    assert found == RAWS
    assert 'the order of the messages is damaged' in problems[0]


def test_pages_that_lead_in_circles_come_to_an_end(database):
    """Every pointer of the tree of messages leads to the same page."""
    with closing(sqlite3.connect(database)) as connection:
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='messages'")
    content = bytearray(database.read_bytes())
    begin = (page - 1) * 4096
    assert content[begin] == 5, 'an interior page'
    count = int.from_bytes(content[begin + 3 : begin + 5], 'big')
    for cell in range(count):
        at = begin + 12 + 2 * cell
        place = begin + int.from_bytes(content[at : at + 2], 'big')
        content[place : place + 4] = content[begin + 8 : begin + 12]
    database.write_bytes(content)
    found, problems = read(database)
    assert set(found) <= set(RAWS)
    assert problems
