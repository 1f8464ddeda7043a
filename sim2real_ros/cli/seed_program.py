"""Run train.py or test.py in the words of the original programs; explain what goes wrong."""

from collections.abc import Callable, Sequence
from typing import Literal

from sim2real_ros.cli import exit_code
from sim2real_ros.cli.training_extra import training_extra
from sim2real_ros.training.seed_programs.testing_words import parser_for_testing
from sim2real_ros.training.seed_programs.training_words import parser_for_training


def main(name: Literal['train', 'test'], argv: Sequence[str] | None = None) -> int:
    """Run one of the programs.

    Args:
        name: Which.
        argv: The arguments; None = those of the process.

    Returns:
        0 on success, 1 after an error that was explained, 2 on wrong usage, 3 when unreadable
        images were left out, 130 when interrupted.
    """
    parser = parser_for_training() if name == 'train' else parser_for_testing()

    def program() -> int:
        words = parser.parse_args(argv)
        return _program(name)(words, _say)

    return exit_code(program)


def _program(name: str) -> Callable[..., int]:
    # Loads torch, which neither --help nor wrong usage has to wait for.
    with training_extra():
        if name == 'train':
            from sim2real_ros.training.seed_programs.training_program import run_training

            return run_training
        from sim2real_ros.training.seed_programs.testing_program import run_testing

        return run_testing


def _say(text: str) -> None:
    print(text, flush=True)
