from sim2real_ros.evaluation.engine.details import with_details_marked
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.evaluation.results import QuantityGroup


def test_details_are_marked_by_their_keys_or_by_themselves():
    keys = ('edge_f1', 'edge_recall', 'iou_white', 'segment_precision_white', 'kid_of_halves')
    quantities = tuple(
        Quantity(key, key, 'higher', '', is_detail=key == 'kid_of_halves') for key in keys
    )
    group = with_details_marked(QuantityGroup('g', 'G', '', quantities))
    assert [each.key for each in group.quantities] == list(keys)
    assert [each.key for each in group.quantities if each.is_detail] == [
        'edge_recall', 'iou_white', 'kid_of_halves',
    ]  # fmt: skip
