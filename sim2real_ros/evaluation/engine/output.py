"""Write an evaluation into a folder."""

from collections.abc import Sequence
from pathlib import Path

from sim2real_ros.errors import DataError
from sim2real_ros.evaluation.report.json_files import frames_jsonl, results_json_bytes
from sim2real_ros.evaluation.report.page import report_page
from sim2real_ros.evaluation.report.tables import markdown_table
from sim2real_ros.evaluation.results import EvaluationResults
from sim2real_ros.files.atomic_write import write_atomically

REPORT, NUMBERS, FRAMES, TABLE = 'report.html', 'results.json', 'frames.jsonl', 'table.md'


def check_output(folder: Path, sources: Sequence[Path], *, force: bool = False) -> None:
    """Make sure that a folder can be written to, before hours of work.

    Args:
        folder: Where the evaluation goes.
        sources: What is read; the folder must not lie in one of them.
        force: Whether an earlier evaluation may be replaced.

    Raises:
        DataError: It cannot.
    """
    place = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise DataError(f'{str(folder)!r} is a file; expected a folder to write the report to.')
    for source in sources:
        if source.is_dir() and place.is_relative_to(source.resolve()):
            raise DataError(
                f'The output {str(folder)!r} lies in the input {str(source)!r}: choose a folder '
                'elsewhere.'
            )
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / NUMBERS).is_file():
        raise DataError(
            f'{str(folder)!r} holds other files: choose a new folder for the evaluation.'
        )
    if not force:
        raise DataError(
            f'{str(folder)!r} holds an evaluation already: choose another folder, or replace it '
            'with --force.'
        )


def write_evaluation(results: EvaluationResults, folder: Path, *, with_plots: bool = True) -> None:
    """Write report, numbers and table; each file is replaced as a whole.

    Args:
        results: What was found.
        folder: Where to; it is made.
        with_plots: Whether the report has plots, which are most of its size.

    Raises:
        DataError: The disk refuses.
    """
    write_atomically(folder / REPORT, report_page(results, with_plots=with_plots))
    write_atomically(folder / FRAMES, b''.join(frames_jsonl(results)))
    write_atomically(folder / TABLE, markdown_table(results).encode())
    # The last one: it says that all is there.
    write_atomically(folder / NUMBERS, results_json_bytes(results))
