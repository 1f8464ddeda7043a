"""tools/test.py: testing in the words of the original programs."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sim2real_ros.errors import ConfigError, DataError
from sim2real_ros.files import write_atomically
from sim2real_ros.image.encode_file import encode_file
from sim2real_ros.training.batches.preparation import Pixels, Preparation
from sim2real_ros.training.export.uint8_contract import translate_in_torch
from sim2real_ros.training.seed_programs.experiment import Say
from sim2real_ros.training.seed_programs.pages import PageRow, page
from sim2real_ros.training.seed_programs.testing_images import (
    TestedItem,
    items_to_test,
    preparation,
)
from sim2real_ros.training.seed_programs.testing_networks import load_network
from sim2real_ros.training.seed_programs.testing_words import MODELS
from sim2real_ros.training.seed_programs.training_words import experiment_name

INCOMPLETE = 3
_SEED = 0

Networks = Mapping[str, nn.Module]


def run_testing(words: Namespace, say: Say) -> int:
    """Translate test images and write a page of them.

    Args:
        words: As ``parser_for_testing`` reads them.
        say: Shows a line to the user.

    Returns:
        0, or 3 if images were unreadable and left out.

    Raises:
        ConfigError: A word has no meaning here.
        ModelError: There are no such weights, or they are refused.
        DataError: There are no images, or the disk refuses.
    """
    _refuse(words)
    name = experiment_name(words)
    networks = _networks(Path(words.checkpoints_dir) / name, words, say)
    multiple = max(int(getattr(net, 'size_multiple', 1)) for net in networks.values())
    prepared = preparation(words, multiple)
    items = items_to_test(words)
    folder = Path(words.results_dir) / name / f'{words.phase}_{words.epoch}'
    torch.manual_seed(_SEED)
    rows, skipped = [], []
    for number, item in enumerate(items):
        try:
            rows.append(_tested(item, networks, prepared, folder, words))
        except DataError as error:
            skipped.append(f'{item.source.path}: {error}')
            continue
        if number % 5 == 0:
            say(f'processing ({number:04})-th image... {item.source.path}')
    for reason in skipped:
        say(f'warning: left out {reason}')
    if not rows:
        raise DataError(f'None of {len(items)} images could be read: {skipped[:1]}.')
    title = f'Experiment = {name}, Phase = {words.phase}, Epoch = {words.epoch}'
    write_atomically(folder / 'index.html', page(title, rows))
    say(f'wrote {len(rows)} results to {folder / "index.html"}')
    return INCOMPLETE if skipped else 0


def _refuse(words: Namespace) -> None:
    expected = {'test': 'single', 'pix2pix': 'aligned'}.get(words.model, 'unaligned')
    reasons = {
        f'--model {words.model}: expected one of {", ".join(MODELS)}': words.model not in MODELS,
        '--load_iter: weights are named by epoch, give --epoch': words.load_iter > 0,
        f'--dataset_mode {words.dataset_mode}: --model {words.model} takes {expected} data':
            words.dataset_mode not in (None, expected),
        '--model_suffix: has a meaning for --model test only': words.model_suffix != ''
        and words.model != 'test',
        '--num_test, --max_dataset_size: expected 1 or more':
            not (words.num_test >= 1 and words.max_dataset_size >= 1),
        '--aspect_ratio: expected a positive number': not 0.01 <= words.aspect_ratio <= 100,
        f'--batch_size {words.batch_size}: images are tested one by one': words.batch_size
        not in (None, 1),
    }  # fmt: skip
    found = [reason for reason, applies in reasons.items() if applies]
    if found:
        raise ConfigError(f'{"; ".join(found)}.')


def _networks(folder: Path, words: Namespace, say: Say) -> Networks:
    """Load the generators that a model has, by the original's names."""
    names = {'cycle_gan': ('G_A', 'G_B')}.get(words.model, ('G',))
    if words.model == 'test':
        names = (f'G{_suffix(folder, words, say)}',)
    device = torch.device('cpu')
    if words.gpu_ids != '-1' and torch.cuda.is_available():
        device = torch.device('cuda')
    return {
        name if words.model == 'cycle_gan' else 'G': load_network(folder, name, words, say).to(
            device
        )
        for name in names
    }


def _suffix(folder: Path, words: Namespace, say: Say) -> str:
    """Take G_A where there is no plain G, as after training by --model cycle_gan."""
    plain, first = (folder / f'{words.epoch}_net_G{each}.pth' for each in ('', '_A'))
    if not words.model_suffix and not plain.is_file() and first.is_file():
        say(f'note: {plain.name} does not exist, {first.name} is taken (--model_suffix _A)')
        return '_A'
    return str(words.model_suffix)


def _tested(
    item: TestedItem, networks: Networks, prepared: Preparation, folder: Path, words: Namespace
) -> PageRow:
    """Translate one image, and write all that belongs to it where the original writes it."""
    source = prepared.image(item.source.read())
    target = None if item.target is None else prepared.image(item.target.read())
    cells = []
    for label, picture in _pictures(source, target, networks).items():
        # CUT's program makes a folder of each kind.
        file = f'{label}/{item.name}' if words.model == 'cut' else f'{item.name}_{label}'
        path = f'images/{file}.png'
        content = encode_file(_stretched(picture, words.aspect_ratio), 'png')
        write_atomically(folder / path, content)
        cells.append((label, path))
    return PageRow(item.name, tuple(cells))


def _pictures(source: Pixels, target: Pixels | None, networks: Networks) -> dict[str, Pixels]:
    """Return what the original shows, under its names and in its order.

    Values are rounded to the nearest level, where the original cuts them off.
    """
    if target is None:
        return {'real': source, 'fake': _translated(networks['G'], source)}
    if 'G' in networks:
        fake = _translated(networks['G'], source)
        return {'real_A': source, 'fake_B': fake, 'real_B': target}
    forth, back = networks['G_A'], networks['G_B']
    fake_real, fake_sim = _translated(forth, source), _translated(back, target)
    return {
        **{'real_A': source, 'fake_B': fake_real, 'rec_A': _translated(back, fake_real)},
        **{'real_B': target, 'fake_A': fake_sim, 'rec_B': _translated(forth, fake_sim)},
    }


def _translated(network: nn.Module, rgb: Pixels) -> Pixels:
    translated: Pixels = translate_in_torch(network, rgb[np.newaxis])[0]
    return translated


def _stretched(rgb: Pixels, aspect_ratio: float) -> Pixels:
    """Lengthen one side, for cameras whose pixels are not square."""
    height, width = rgb.shape[:2]
    if aspect_ratio == 1:
        return rgb
    size = (int(width * max(1, aspect_ratio)), int(height / min(1, aspect_ratio)))
    return Preparation('size', size).image(rgb)
