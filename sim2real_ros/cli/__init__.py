"""The ``sim2real`` command: a table of verbs, each loaded only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from sim2real_ros import __version__
from sim2real_ros.errors import Sim2RealError

VERBS = {
    'extract-frames': ('extract_frames', 'bags, videos and folders to resized images'),
    'resize-images': ('resize_images', 'resize a folder tree with its labels and camera_info'),
    'labels': ('labels', 'convert, check and draw labels'),
    'boxes-to-masks': ('boxes_to_masks', 'turn box labels into masks and polygons'),
    'make-dataset': ('make_dataset', 'split and mix sim and real folders for training'),
    'train': ('train', 'train a generator that makes simulated images look real'),
    'translate': ('translate', 'run a model over images, folders, videos and bags'),
    'collect': ('collect', 'gather results, by simulated frame or one to one'),
    'calibrate-colours': ('calibrate_colours', 'fit colour thresholds, see where they carry over'),
    'compare-detectors': ('compare_detectors', 'train on X, test on Y: how much gap is closed'),
    'fit-colour': ('fit_colour', 'fit a colour transfer between simulated and real images'),
    'fit-camera-effects': ('fit_camera_effects', 'fit blur, noise and vignetting of a camera'),
    'fit-domain': ('fit_domain', 'write into a model what frames it was trained on'),
    'evaluate': ('evaluate', 'judge models: realism, labels kept, perception'),
    'export': ('export', 'write the generator of a training run as a model file'),
    'quantise': ('quantise', 'write a model in int8, where that is faster and good enough'),
    'import-checkpoint': ('import_checkpoint', 'turn a CycleGAN/pix2pix/CUT .pth into a model'),
    'inspect': ('inspect', "print a model's card, contract and hash"),
}

INCOMPLETE = 3
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: The arguments; None = those of the process.

    Returns:
        0 on success, 1 after an error that was explained, 2 on wrong usage, 3 when the work is
        done but something in the input was unreadable and left out, 130 on Ctrl-C.
    """
    return exit_code(lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def exit_code(program: Callable[[], int]) -> int:
    """Run a program of the command line to its end, and explain what stopped it.

    Args:
        program: Returns the exit code where nothing goes wrong.

    Returns:
        That code; else 1 after an error that was explained, 2 on wrong usage, 130 on Ctrl-C.
    """
    try:
        code = program()
        sys.stdout.flush()
        return code
    except Sim2RealError as error:
        print(f'error: {" ".join(str(error).split())}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough; Python must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:  # argparse leaves this way after --help (0) and wrong usage (2)
        return stop.code if isinstance(stop.code, int) else 2


def _run(argv: list[str]) -> int:
    if not argv:
        _parser().print_help(sys.stderr)
        return 2
    # Only the verb is parsed here, so that the other verbs' modules need not be loaded.
    arguments = _parser().parse_args(argv[:1])
    module = importlib.import_module(f'sim2real_ros.cli.{VERBS[arguments.verb][0]}')
    parser = argparse.ArgumentParser(
        prog=f'sim2real {arguments.verb}',
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(argv[1:])) or 0)


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, VERBS)) + 2
    verbs = '\n'.join(f'  {verb:{width}}{text}' for verb, (_, text) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog='sim2real',
        usage='sim2real [--help] [--version] VERB ...',
        description='Make simulated camera frames look real: the offline tools.',
        epilog=f"verbs:\n{verbs}\n\n'sim2real VERB --help' describes a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'sim2real_ros {__version__}')
    parser.add_argument('verb', choices=VERBS, metavar='VERB', help='what to do, see below')
    return parser
