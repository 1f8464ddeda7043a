"""Which quantities only explain others, so that a table can begin with the few that decide."""

import dataclasses
import re

from sim2real_ros.evaluation.results import QuantityGroup

# By the beginning of their keys. All that is not named here is shown at first sight.
_DETAILS = (
    *('precision_', 'recall_', 'iou_', 'edge_precision', 'edge_recall'),
    *('edge_direction_correlation', 'block_median_displacement', 'block_p95_displacement'),
    *('sift_mean_displacement', 'sift_repeatability', 'keypoints_per_frame'),
    *('objects_moved_share', 'objects_vanished_share', 'longest_frozen_run'),
    *('border_stripe_levels', 'checkerboard_db', 'checkerboard_levels', 'flicker_levels'),
    *('warp_error_levels', 'mask_displacement', 'mask_shift', 'out_of_domain_score'),
    *('nearest_training', 'labels_against_mask_pixel', 'labels_against_mask_class'),
    *('labels_against_sim_pixel', 'labels_against_sim_class', 'detection_ap50_'),
)
_BEGINNINGS = re.compile('|'.join(map(re.escape, _DETAILS)))


def with_details_marked(group: QuantityGroup) -> QuantityGroup:
    """Return a group that says which of its quantities are details, by themselves or here."""
    marked = (
        dataclasses.replace(each, is_detail=True) if _BEGINNINGS.match(each.key) else each
        for each in group.quantities
    )
    return dataclasses.replace(group, quantities=tuple(marked))
