"""extract_frames: bags, videos and folders become a folder of images with a manifest."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from sim2real_ros.data.extraction.camera_files import CameraFiles
from sim2real_ros.data.extraction.candidate import shown_text
from sim2real_ros.data.extraction.inputs import open_inputs, streams_of
from sim2real_ros.data.extraction.options import ExtractOptions
from sim2real_ros.data.extraction.source_work import Report, SourceWork
from sim2real_ros.files import Manifest, OutputJob, default_workers
from sim2real_ros.image.opencv_threads import one_opencv_thread

VERB = 'extract-frames'


def extract_frames(
    sources: Sequence[str | Path],
    output: str | Path,
    options: ExtractOptions | None = None,
    *,
    jobs: int | None = None,
    force: bool = False,
    progress: Report | None = None,
) -> Manifest:
    """Extract the frames of bags, videos and folders as image files.

    A repeated call with the same arguments goes on where an earlier one was interrupted.

    Args:
        sources: What to read.
        output: Folder to fill: ``images/``, ``camera_info/`` and ``manifest.jsonl``.
        options: What to take; None = all frames of the only topic as 512x384 PNG.
        jobs: Threads; None = one per CPU.
        force: Replace an earlier result in the folder.
        progress: Called now and then.

    Returns:
        The manifest, which also lists what could not be read.

    Raises:
        DataError: A source cannot be read at all, the folder holds something else, or the disk
            is full.
    """
    extraction = Extraction(sources, output, options or ExtractOptions(), force=force)
    return extraction.run(jobs=jobs, progress=progress)


class Extraction:
    """The work of ``extract_frames``, planned but not begun.

    Attributes:
        options: What is taken.
        inputs: The sources.
        streams: What is extracted, in the order of sources and topics.
        job: The output folder.
    """

    def __init__(
        self,
        sources: Sequence[str | Path],
        output: str | Path,
        options: ExtractOptions,
        *,
        force: bool = False,
    ) -> None:
        """Look at sources and output; nothing is written.

        Raises:
            DataError: As in ``extract_frames``.
        """
        self.options = options
        self.inputs = open_inputs(sources, options)
        self._streams = streams_of(self.inputs)
        self.streams = [each for streams in self._streams for each in streams.values()]
        output = Path(output).expanduser()
        paths = [each.path for each in self.inputs]
        self.job = OutputJob(output, VERB, dataclasses.asdict(options), paths, force=force)

    def describe(self) -> list[str]:
        """Return lines for people: what would be extracted, and whereto."""
        lines = []
        for each in self.streams:
            count = 'an unknown number of' if each.count is None else each.count
            what = shown_text(f'{each.path} {each.topic}'.rstrip())
            lines.append(f'{what}: {count} frames -> {self.job.folder}/images/{each.folder}')
        if self.job.complete:
            lines.append(f'{self.job.folder} is complete already; nothing is left to do')
        return lines

    def run(self, *, jobs: int | None = None, progress: Report | None = None) -> Manifest:
        """Do the work, see ``extract_frames``."""
        with self.job as job:
            if not job.complete:
                with one_opencv_thread():
                    cameras = CameraFiles(job)
                    for source, streams in zip(self.inputs, self._streams, strict=True):
                        work = SourceWork(job, source, streams, self.options, cameras)
                        work.run(jobs or default_workers(), progress)
            return job.finish()
