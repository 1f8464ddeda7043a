"""tools/train.py: training in the words of the original programs."""

from argparse import Namespace
from pathlib import Path

from sim2real_ros.errors import TrainingError
from sim2real_ros.training.engine.loop import train
from sim2real_ros.training.engine.run_folder import CONFIG
from sim2real_ros.training.engine.training_state import build_method
from sim2real_ros.training.seed_programs.experiment import Experiment, Say
from sim2real_ros.training.seed_programs.original_files import options_text
from sim2real_ros.training.seed_programs.training_configuration import SeedTraining, seed_training
from sim2real_ros.training.seed_programs.training_words import parser_for_training

INTERRUPTED = 130


def run_training(words: Namespace, say: Say) -> int:
    """Train as the words say.

    Args:
        words: As ``parser_for_training`` reads them.
        say: Shows a line to the user.

    Returns:
        0, or 130 if the run was interrupted and can go on.

    Raises:
        Sim2RealError: As ``train`` does, and for words that have no meaning here.
    """
    wanted = seed_training(words)
    _check_folder(wanted.folder, words)
    for note in wanted.notes:
        say(f'note: {note}')
    if words.verbose:
        _say_sizes(wanted, say)
    experiment = Experiment(
        wanted.folder, wanted.config, wanted.epoch_interval, _options_text(words), say
    )
    run = train(
        wanted.config,
        wanted.folder,
        resume=words.continue_train,
        force=words.force,
        machine=wanted.machine,
        progress=experiment,
    )
    if not run.is_main:
        return 0
    experiment.publish()
    if run.stopped_by == 'signal':
        say('interrupted: the same command with --continue_train goes on')
        return INTERRUPTED
    say(f'results: {wanted.folder}/latest_net_*.pth, {wanted.folder}/web/index.html')
    say(f'for the node: sim2real export {wanted.folder} -o {wanted.folder.name}.onnx')
    return 0


def _check_folder(folder: Path, words: Namespace) -> None:
    """Say in the original's words what may be done with an earlier experiment.

    Raises:
        TrainingError: It may not be touched, or there is none to go on with.
    """
    exists = (folder / CONFIG).is_file()
    if words.continue_train and not exists:
        raise TrainingError(
            f'{str(folder)!r} holds no run of this program, so nothing can be continued; '
            'checkpoints of the original program have no state of the optimisers. Leave out '
            '--continue_train, or choose another --name.'
        )
    if exists and not (words.continue_train or words.force):
        raise TrainingError(
            f'{str(folder)!r} holds an experiment already: go on with it (--continue_train), '
            'replace it (--force), or choose another --name.'
        )


def _say_sizes(wanted: SeedTraining, say: Say) -> None:
    for name, network in build_method(wanted.config).networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        say(f'[Network {name}] Total number of parameters : {count / 1e6:.3f} M')


def _options_text(words: Namespace) -> str:
    return options_text(vars(words), vars(parser_for_training().parse_args(['--dataroot', ''])))
