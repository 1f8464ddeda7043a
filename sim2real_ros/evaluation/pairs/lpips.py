"""LPIPS: how different two images look, by the features of a classification network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim2real_ros.errors import DataError, ModelError
from sim2real_ros.evaluation.features.finite_outputs import run_finite
from sim2real_ros.evaluation.features.torch_weights import read_torch_weights
from sim2real_ros.evaluation.frame import EvaluatedFrame, RgbImage
from sim2real_ros.evaluation.measure import Measure, Observation
from sim2real_ros.evaluation.onnx_session import OnnxSession
from sim2real_ros.evaluation.quantity import Quantity
from sim2real_ros.runtime.model_file import GraphFile, read_graph
from sim2real_ros.runtime.trial_run import DEFAULT_TIMEOUT_S, run_in_trial

Map = npt.NDArray[np.float32]

CHANNELS = {
    'alex': (64, 192, 384, 256, 256),
    'vgg': (64, 128, 256, 512, 512),
    'squeeze': (64, 128, 256, 384, 384, 512, 512),
}
"""Channels of the maps that each network is read at."""

MIN_SIDE_PX = 32
"""Smaller images leave no pixel after the last pooling; ONNX Runtime ends the process then."""

_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
"""From -1..1 to what the networks were trained with (version 0.1 of the weights)."""

_EPSILON = 1e-10

_WHERE = (
    'LPIPS needs a folder with a network and its weights: alex.onnx (or vgg.onnx, squeeze.onnx) '
    "with the maps of torchvision's AlexNet after each ReLU, and alex.pth, the linear weights of "
    'version 0.1 from the Python package lpips (lpips/weights/v0.1). docs/evaluation.md tells how '
    'to export the network.'
)


@dataclass(frozen=True, eq=False)
class LpipsNetwork:
    """A network with the weights of its channels.

    Attributes:
        name: ``alex``, ``vgg`` or ``squeeze``.
        protocol: What a number has to say beside itself.
        heads: One float32 (channels,) for each map, not negative.
    """

    name: str
    protocol: str
    heads: tuple[Map, ...]
    _session: OnnxSession
    _graph: GraphFile

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, threads: int = 1, trial: bool = True
    ) -> 'LpipsNetwork':
        """Load the network of a folder; the first of alex, vgg and squeeze that is there.

        Args:
            folder: Holds ``NAME.onnx`` and ``NAME.pth``.
            threads: Of one run.
            trial: As for ``load``.

        Raises:
            ModelError: Neither is there, one of them is not what it should be, or the network
                failed its trial.
            BackendError: ONNX Runtime refuses the network.
        """
        for name in CHANNELS:
            if (Path(folder) / f'{name}.onnx').is_file():
                paths = Path(folder) / f'{name}.onnx', Path(folder) / f'{name}.pth'
                return cls.load(name, *paths, threads=threads, trial=trial)
        raise ModelError(f'No alex.onnx, vgg.onnx or squeeze.onnx in {str(folder)!r}. {_WHERE}')

    @classmethod
    def load(
        cls,
        name: str,
        network: Path,
        heads: Path,
        *,
        threads: int = 1,
        trial: bool = True,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> 'LpipsNetwork':
        """Load a network and its weights.

        Args:
            name: A key of ``CHANNELS``.
            network: ONNX file: float32 (N, 3, H, W) of free height and width, normalised as
                torchvision's networks want it; its outputs are the maps, in their order.
            heads: ``.pth`` with ``lin0.model.1.weight`` and so on, each (1, channels, 1, 1).
            threads: Of one run.
            trial: First compare two small images in a child process with limits on memory and
                time, so that a hostile or broken network cannot take this process down.
            timeout_s: Seconds after which the child is ended.

        Raises:
            ModelError: One of them is missing or not what it should be, or the network failed its
                trial.
            BackendError: ONNX Runtime refuses the network.
        """
        graph = read_graph(network)
        if not heads.is_file():
            raise ModelError(f'No linear weights at {str(heads)!r}. {_WHERE}')
        found = _heads(read_torch_weights(heads), name, heads)
        image = graph.inputs[0]
        is_image = image.dtype == 'float32' and len(image.shape) == 4 and image.shape[1] == 3
        if len(graph.inputs) != 1 or not is_image or len(graph.outputs) != len(found):
            raise ModelError(
                f'{str(network)!r} takes {[list(each.shape) for each in graph.inputs]} and gives '
                f'{len(graph.outputs)} outputs; expected float32 [N, 3, H, W] and {len(found)} '
                f'maps. {_WHERE}'
            )
        if trial:
            run_in_trial(
                _compare_once, network, (name, str(heads)), timeout_s=timeout_s, gives='distance'
            )
        session = OnnxSession.of_graph(graph, threads=threads)
        protocol = f'LPIPS 0.1, {name} (ONNX file {graph.sha256[:16]}), at the size of the frames'
        return cls(name, protocol, found, session, graph)

    def distance(self, first: RgbImage, second: RgbImage) -> float:
        """Compute the distance of two images.

        For each map: the squared difference of the two images' features, each scaled to length 1,
        weighted by channel and averaged over positions; summed over the maps.

        Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric (CVPR 2018), equation 1.

        Args:
            first: uint8 (H, W, 3), RGB, at least ``MIN_SIDE_PX`` on each side.
            second: Of the same size.

        Returns:
            At least 0; 0 for equal images.

        Raises:
            DataError: The sizes differ, or the images are too small for the network.
            ModelError: A map does not fit the weights.
            BackendError: The network failed.
        """
        if first.shape != second.shape:
            raise DataError(
                f'images of {first.shape} and {second.shape} cannot be compared; expected one size'
            )
        if min(first.shape[:2]) < MIN_SIDE_PX:
            raise DataError(
                f'images of {first.shape[1]}x{first.shape[0]} px are too small for LPIPS; '
                f'expected at least {MIN_SIDE_PX} px on each side'
            )
        total = 0.0
        for ours, theirs, head in zip(
            self._maps(first), self._maps(second), self.heads, strict=True
        ):
            if ours.ndim != 4 or ours.shape[:2] != (1, len(head)) or not ours.size:
                raise ModelError(
                    f'A map of the network has the shape {ours.shape}; expected (1, {len(head)}, '
                    f'rows, columns). {_WHERE}'
                )
            difference = np.square(_unit(ours[0]) - _unit(theirs[0]))
            total += float(np.tensordot(head, difference, axes=1).mean())
        return total

    def smallest_images(self) -> tuple[RgbImage, RgbImage]:
        """Return a black and a white image of the smallest size that the network can be given."""
        height, width = (side or MIN_SIDE_PX for side in self._graph.inputs[0].shape[2:])
        black = np.zeros((height, width, 3), np.uint8)
        return black, np.full_like(black, 255)

    def _maps(self, rgb: RgbImage) -> list[Map]:
        # One image at a time: a network that was exported with a batch of one can be used, too.
        values = rgb.astype(np.float32) / np.float32(127.5) - 1
        batch = ((values - _SHIFT) / _SCALE).transpose(2, 0, 1)[None]
        names = [output.name for output in self._graph.outputs]
        feeds = {self._graph.inputs[0].name: np.ascontiguousarray(batch)}
        return run_finite(self._session, feeds, names)


class Lpips(Measure):
    """How different each translation looks from the known right answer.

    Args:
        network: What to compare with.
    """

    needs = frozenset({'target'})

    def __init__(self, network: LpipsNetwork) -> None:
        """Name the quantity after the network."""
        self._network = network
        self._key = f'lpips_{network.name}'
        self.quantities = (
            Quantity(
                self._key,
                f'LPIPS ({network.name})',
                'lower',
                'Distance of the translation from the known right answer in the features of a '
                'classification network, weighted by what people found different. 0 for equal '
                'images; above 0.5 they look unlike each other.',
                limits=(0, None),
                source='Zhang et al., CVPR 2018',
            ),
        )

    def of_frame(self, frame: EvaluatedFrame) -> Observation:
        """Compare a translation with its target; see ``Measure.of_frame``."""
        target = frame.sim.target
        if target is None:
            return Observation()
        return Observation({self._key: self._network.distance(frame.translated, target)})


def _compare_once(path: str, name: str, heads: str) -> None:
    """Compare images of the smallest size, where a network with too few pixels ends a process."""
    network = LpipsNetwork.load(name, Path(path), Path(heads), trial=False)
    network.distance(*network.smallest_images())


def _heads(
    weights: Mapping[str, npt.NDArray[np.generic]], name: str, path: Path
) -> tuple[Map, ...]:
    heads = []
    for number, channels in enumerate(CHANNELS[name]):
        key = f'lin{number}.model.1.weight'
        head = weights.get(key)
        if head is None or head.shape != (1, channels, 1, 1):
            shown = 'missing' if head is None else f'of the shape {head.shape}'
            raise ModelError(
                f'{key!r} in {str(path)!r} is {shown}; expected (1, {channels}, 1, 1) for the '
                f'network {name!r}. {_WHERE}'
            )
        flat = head.astype(np.float32).reshape(-1)
        if not np.isfinite(flat).all() or flat.min() < 0:
            raise ModelError(
                f'{key!r} in {str(path)!r} is negative or not finite: no weights of LPIPS'
            )
        heads.append(flat)
    return tuple(heads)


def _unit(features: Map) -> Map:
    """Scale the features of every position to length 1."""
    lengths = np.sqrt(np.square(features).sum(axis=0, keepdims=True))
    scaled: Map = features / (lengths + np.float32(_EPSILON))
    return scaled
