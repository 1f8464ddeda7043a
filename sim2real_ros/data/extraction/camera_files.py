"""The camera_info files of an extraction: one for each calibration and size of a stream."""

from sim2real_ros.camera_model import camera_info_to_yaml, place_camera_info
from sim2real_ros.data.extraction.camera_tracks import CameraTrack
from sim2real_ros.data.extraction.candidate import Stream, shown_text
from sim2real_ros.data.extraction.names import UniqueNames
from sim2real_ros.files import Omission, OutputJob
from sim2real_ros.image import Placement

FOLDER = 'camera_info'


class CameraFiles:
    """Writes camera_info files as images ask for them. Ask in a fixed order."""

    def __init__(self, job: OutputJob) -> None:
        """Write into the folder of a job."""
        self._job = job
        self._tracks: dict[str, CameraTrack] = {}
        self._names: dict[tuple[int, int, Placement], str] = {}
        self._taken = UniqueNames()

    def use(self, tracks: dict[str, CameraTrack]) -> None:
        """Begin with another source: set its tracks, by topic."""
        self._tracks = tracks

    def file_for(
        self, stream: Stream, stamp_ns: int | None, placement: Placement
    ) -> tuple[str, Omission | None]:
        """Return the file that describes the camera of an image; write it the first time.

        Args:
            stream: Of the image.
            stamp_ns: Of the image.
            placement: How it was resized.

        Returns:
            The file's path relative to the folder, '' where there is none; and, the first time,
            why there is none although there is a camera_info.
        """
        track = self._tracks.get(stream.info_topic)
        found = track.nearest(stamp_ns) if track else None
        if found is None:
            return '', None
        number, model = found
        key, omission = (stream.number, number, placement), None
        if key not in self._names:
            described = (model.width, model.height)
            if described == placement.original_size:
                text = camera_info_to_yaml(place_camera_info(model, placement), stream.label)
                self._names[key] = self._save(stream.label, text)
            else:
                images = '{}x{}'.format(*placement.original_size)
                reason = 'describes images of {}x{}, but these are {}'.format(*described, images)
                where = shown_text(f'{stream.path} {stream.info_topic}')
                self._names[key], omission = '', Omission(where, reason)
        return self._names[key], omission

    def _save(self, label: str, text: str) -> str:
        path = f'{FOLDER}/{self._taken.take(label)}.yaml'
        self._job.save_extra(path, text.encode('utf-8'))
        return path
