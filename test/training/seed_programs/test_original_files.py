import re

import pytest
import torch
from page_links import page_links

from sim2real_ros.training.engine.checkpoint import (
    CheckpointFacts,
    checkpoint_path,
    read_facts,
    save_checkpoint,
)
from sim2real_ros.training.engine.training_state import build_method
from sim2real_ros.training.methods.cut import CutConfig
from sim2real_ros.training.methods.cyclegan import CycleGanConfig
from sim2real_ros.training.methods.pix2pix import Pix2PixConfig
from sim2real_ros.training.options import DiscriminatorOptions, GeneratorOptions
from sim2real_ros.training.seed_programs.original_files import (
    loss_line,
    options_text,
    write_weights,
)
from sim2real_ros.training.seed_programs.pages import PageRow, page

SMALL_D = DiscriminatorOptions(filters=2)
RESNET = GeneratorOptions(filters=2, blocks=1)
BLUR = GeneratorOptions(filters=2, blocks=5, downsampling='blur', upsampling='blur')
UNET = GeneratorOptions(name='unet', filters=2, depth=5, norm='batch')


@pytest.mark.parametrize(
    ('config', 'names', 'keys'),
    [
        (
            CycleGanConfig(generator=RESNET, discriminator=SMALL_D),
            {'sim_to_real': 'G_A', 'real_to_sim': 'G_B'}
            | {'discriminator_real': 'D_A', 'discriminator_sim': 'D_B'},
            {'G_A': 'model.10.conv_block.5.weight', 'D_B': 'model.11.weight'},
        ),
        (
            Pix2PixConfig(generator=UNET, discriminator=SMALL_D),
            {'generator': 'G', 'discriminator': 'D'},
            {'G': 'model.model.1.model.3.model.1.weight', 'D': 'model.0.weight'},
        ),
        (
            CutConfig(generator=BLUR, discriminator=SMALL_D),
            {'generator': 'G', 'sampler': 'F', 'discriminator': 'D'},
            {'G': 'model.7.filt', 'F': 'mlp_4.2.bias'},
        ),
    ],
)
def test_all_networks_are_written_under_the_original_names(tmp_path, config, names, keys):
    method = build_method(config)
    tensors = {f'networks.{name}': value for name, value in method.networks.state_dict().items()}
    save_checkpoint(tmp_path / 'checkpoints', CheckpointFacts(3), tensors)
    checkpoint = read_facts(checkpoint_path(tmp_path / 'checkpoints', 3))
    written = write_weights(tmp_path, config, checkpoint, ['latest', '3'])
    expected = {f'{label}_net_{name}.pth' for label in ('latest', '3') for name in names.values()}
    assert {path.name for path in written} == expected == {p.name for p in tmp_path.glob('*.pth')}
    for ours, theirs in names.items():
        weights = torch.load(tmp_path / f'latest_net_{theirs}.pth', weights_only=True)
        own = method.networks[ours].state_dict()
        saved = [value for key, value in weights.items() if not key.endswith('filt')]
        assert all(map(torch.equal, saved, own.values()))
        assert len(saved) == len(own)
    for name, key in keys.items():
        assert key in torch.load(tmp_path / f'3_net_{name}.pth', weights_only=True)


def test_a_line_of_losses_reads_as_the_original():
    losses = {'adversarial_real': 0.25, 'cycle_sim': 1.5, 'identity_real': None, 'gradient': 2.0}
    line = loss_line(3, 400, 0.1234, losses)
    assert line == (
        '(epoch: 3, iters: 400, time: 0.123, data: 0.000) '
        'G_A: 0.250 cycle_A: 1.500 idt_A: nan gradient: 2.000 '
    )
    # How plotting scripts take them apart.
    assert re.findall(r'(\w+): ([\d.]+)', line)[:2] == [('epoch', '3'), ('iters', '400')]


def test_options_are_listed_with_defaults_that_were_changed():
    text = options_text({'name': 'x', 'batch_size': 4}, {'name': 'x', 'batch_size': 1})
    assert text.splitlines()[1:3] == [
        '               batch_size: 4                             \t[default: 1]',
        '                     name: x                             ',
    ]
    assert text.startswith('----------------- Options ---------------\n')
    assert text.endswith('----------------- End -------------------\n')


def test_a_page_can_hold_any_name(tmp_path):
    rows = [PageRow('<b>&"', (('fake_B', 'images/a b#1%?"<.png'), ('real_A', 'images/ü.png')))]
    content = page('Experiment = <x>', rows)
    (tmp_path / 'index.html').write_bytes(content)
    links = page_links(tmp_path / 'index.html')
    assert links == ['images/a b#1%?"<.png'] * 2 + ['images/ü.png'] * 2
    assert b'<h3>&lt;b&gt;&amp;&quot;</h3>' in content
    assert b'<title>Experiment = &lt;x&gt;</title>' in content
