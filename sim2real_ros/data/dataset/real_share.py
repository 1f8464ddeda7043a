"""Choose an exact share of real labelled images: seeded, stratified, and nested.

Nested: with the same seed, a larger share holds all images of a smaller one, so that runs with
1 %, 2 % and 5 % of real data differ by what was added alone.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from sim2real_ros.data.dataset.seeded_order import seeded_order
from sim2real_ros.errors import DataError

T = TypeVar('T')

SHARE_OF = ('real', 'mix')
"""What a share is of: the real labelled images at hand, or the mixed training set."""


def real_count(share: float, real: int, synthetic: int, share_of: str = 'real') -> int:
    """Return how many real images a share stands for.

    The exact number is rounded down, so that no set holds more real data than it says, but to
    one at least: of ``real`` images, ``share * real``; of the mixed set,
    ``share * synthetic / (1 - share)``.

    Args:
        share: 0 to 1; 0 gives none.
        real: Number of real labelled images at hand.
        synthetic: Number of synthetic images in the training set.
        share_of: One of ``SHARE_OF``.

    Raises:
        DataError: The share is out of range, there is no real image, or there are too few.
    """
    if not 0 <= share <= 1 or (share_of == 'mix' and share == 1):
        raise DataError(
            f'The share of real images is {share}; expected 0 to 1 (below 1 of a mixed set).'
        )
    if share == 0:
        return 0
    if real == 0:
        raise DataError(
            f'A share of {share} of real images was asked for, but there are none with labels to '
            'train on: label some, or leave --real-fraction out.'
        )
    exact = Fraction(str(share))
    wanted = exact * real if share_of == 'real' else exact * synthetic / (1 - exact)
    count = max(1, int(wanted))
    if count > real:
        most = real / (real + synthetic)
        raise DataError(
            f'A share of {share} of the mixed set takes {count} real images, but only {real} have '
            f'labels: at most {most:.4f} can be reached.'
        )
    return count


def stratified_choice(
    items: Sequence[T],
    count: int,
    tags: Callable[[T], Iterable[Hashable]],
    name: Callable[[T], str],
    seed: int,
) -> list[T]:
    """Choose items one after the other so that at any moment the choice is a fair sample of all.

    Each step takes the item that brings the numbers of all tags nearest to their shares: with c_t
    of the m_t items that have the tag t taken already, the one whose sum of
    (2 c_t + 1) / m_t - 2 (k + 1) / n over its tags is smallest, k being the number of items taken
    and n of all. With one tag for each item this is Webster's method of apportionment; with
    several it is the step that least raises the chi-square distance to the whole (the idea of
    iterative stratification: Sechidis et al., 2011).

    Args:
        items: What is chosen from; their order does not matter.
        count: Number of items to choose.
        tags: Of an item: its drive, the classes in it ...
        name: Tells items apart; with the seed it decides between equals.
        seed: Of the choice.

    Returns:
        The chosen items in the order of the choice: a smaller count gives its beginning.
    """
    groups: dict[frozenset[Hashable], list[T]] = {}
    for item in seeded_order(items, seed, name):
        groups.setdefault(frozenset(tags(item)), []).append(item)
    sizes: Counter[Hashable] = Counter()
    for group, members in groups.items():
        sizes.update(dict.fromkeys(group, len(members)))
    taken: Counter[Hashable] = Counter()
    chosen: list[T] = []
    for number in range(1, count + 1):
        share = 2 * number / len(items)
        # fsum gives the same number whatever the order in a set is, so ties stay ties.
        best = min(
            (group for group in groups if groups[group]),
            key=lambda group: math.fsum((2 * taken[t] + 1) / sizes[t] - share for t in group),
        )
        chosen.append(groups[best].pop(0))
        taken.update(best)
    return chosen
