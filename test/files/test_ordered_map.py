import threading

import pytest

from sim2real_ros.files import ordered_map


@pytest.mark.parametrize('workers', [1, 2, 5])
def test_results_come_in_order(workers):
    gate = threading.Event()

    def function(item):
        # The first one is finished last, if others may overtake it.
        if item == 0 and workers > 1:
            assert gate.wait(30)
        else:
            gate.set()
        return item * item

    assert list(ordered_map(function, range(20), workers=workers)) == [n * n for n in range(20)]


def test_no_more_items_are_taken_than_allowed():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = ordered_map(str, items(), workers=2, ahead=3)
    for number in range(50):
        assert next(results) == str(number)
        assert len(taken) <= number + 3
    results.close()


def test_an_exception_arrives_at_its_turn():
    results = ordered_map(lambda n: 1 // n, [2, 1, 0, 1], workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_items_are_taken_in_the_callers_thread():
    threads = set()

    def items():
        for item in range(10):
            threads.add(threading.get_ident())
            yield item

    list(ordered_map(str, items(), workers=3))
    assert threads == {threading.get_ident()}


def test_leaving_does_not_wait_for_what_is_under_way():
    gate, begun = threading.Event(), threading.Event()

    def function(item):
        if item:
            begun.set()
            assert gate.wait(60)
        return item

    results = ordered_map(function, range(100), workers=2)
    assert next(results) == 0
    assert begun.wait(30)
    results.close()
    assert not gate.is_set()
    gate.set()
