"""Feature networks that the user has as ONNX files: the Inception of FID, and any other."""

import re
from dataclasses import replace
from pathlib import Path

from sim2real_ros.errors import BackendError, ModelError
from sim2real_ros.evaluation.features.feature_card import (
    FeatureCard,
    read_feature_card,
    resolve_contract,
)
from sim2real_ros.evaluation.features.onnx_features import GraphContract, OnnxFeatures
from sim2real_ros.evaluation.onnx_session import OnnxSession
from sim2real_ros.runtime.model_file import GraphFile, read_graph
from sim2real_ros.runtime.trial_run import DEFAULT_TIMEOUT_S, run_in_trial

INCEPTION_KEY = 'inception'
INCEPTION_SIZE = (299, 299)
INCEPTION_FEATURES = 2048

INCEPTION_CARD = FeatureCard(value_range=(0.0, 255.0), mean=(0.0,) * 3, std=(1.0,) * 3)
"""What the recipe in docs/evaluation.md exports: levels 0..255 in, normalisation inside."""

RESERVED_KEYS = (INCEPTION_KEY, 'efficientnet_lite0')
"""Keys that say which network it is; somebody else's file must not take them."""

MAX_BATCH = 64

_RECIPE = (
    'Expected the Inception of FID as ONNX: float32 (N, 3, 299, 299) with levels 0..255 in, '
    '2048 pooled features out. docs/evaluation.md tells how to export it from '
    'weights-inception-2015-12-05-6726825d.pth.'
)


def inception_features(
    path: str | Path,
    *,
    threads: int = 1,
    trial: bool = True,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> OnnxFeatures:
    """Load the network that FID and KID are defined on.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule (NeurIPS 2017); resizing
    as in clean-fid. Whether the weights are the right ones cannot be seen: their checksum is part
    of ``protocol``.

    Args:
        path: An ``.onnx`` file: float32 NCHW 299x299, levels 0..255, RGB; 2048 features. A side
            card ``NAME.features.yaml`` may say another value_range, mean, std, or names.
        threads: Of one run.
        trial: First describe a grey image in a child process with limits on memory and time, so
            that a hostile or broken network cannot take this process down.
        timeout_s: Seconds after which the child is ended.

    Raises:
        ModelError: It is missing, damaged, unsafe, of another shape, or failed its trial.
        ConfigError: Its side card is no such card.
        BackendError: ONNX Runtime refuses it.
    """
    try:
        graph, contract = _checked(path, is_fid=True)
        if trial:
            run_in_trial(_describe_grey, path, (True,), timeout_s=timeout_s, gives='features')
        found = _loaded(graph, contract, True, threads)
    except (ModelError, BackendError) as error:
        raise type(error)(f'{error} {_RECIPE}') from error
    if found.dimensions != INCEPTION_FEATURES:
        raise ModelError(
            f'{str(path)!r} gives {found.dimensions} features. {_RECIPE} Give other networks '
            'as plain feature networks: their numbers are no FID.'
        )
    return found


def model_features(
    path: str | Path,
    *,
    threads: int = 1,
    trial: bool = True,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> OnnxFeatures:
    """Load any network; its distances bear the name of its file.

    Without a side card ``NAME.features.yaml`` the input is taken for what torchvision's
    networks want: RGB NCHW, 0..1, normalised with the mean and deviation of ImageNet.

    Args:
        path: An ``.onnx`` file with float32 images in and (N, D) features or maps out.
        threads: Of one run.
        trial: As for ``inception_features``.
        timeout_s: Seconds after which the child is ended.

    Raises:
        ModelError: It is missing, damaged, unsafe, gives no features, or failed its trial.
        ConfigError: Its side card is no such card.
        BackendError: ONNX Runtime refuses it.
    """
    graph, contract = _checked(path, is_fid=False)
    if trial:
        run_in_trial(_describe_grey, path, (False,), timeout_s=timeout_s, gives='features')
    return _loaded(graph, contract, False, threads)


def features_key(path: Path) -> str:
    """Return the key of a network from its file's name: lower case letters, digits, ``_``."""
    key = re.sub(r'[^a-z0-9]+', '_', path.stem.lower()).strip('_') or 'network'
    return f'{key}_file' if key in RESERVED_KEYS else key


def _describe_grey(path: str, is_fid: bool) -> None:
    _loaded(*_checked(path, is_fid), is_fid, threads=1)


def _checked(path: str | Path, is_fid: bool) -> tuple[GraphFile, GraphContract]:
    """Read a network and its card, and run nothing of it."""
    graph = read_graph(path)
    card = read_feature_card(graph.path, INCEPTION_CARD if is_fid else FeatureCard())
    if is_fid:
        card = replace(card, size=INCEPTION_SIZE)
    contract = resolve_contract(graph, card)
    if contract.batch > MAX_BATCH:
        raise ModelError(
            f'{str(graph.path)!r} takes {contract.batch} images at once; export it with a free '
            f'batch size, or at most {MAX_BATCH}.'
        )
    return graph, contract


def _loaded(graph: GraphFile, contract: GraphContract, is_fid: bool, threads: int) -> OnnxFeatures:
    """Run a network once on a grey image; whatever it does then, it does to this process."""
    return OnnxFeatures(
        OnnxSession.of_graph(graph, threads=threads),
        contract,
        key=INCEPTION_KEY if is_fid else features_key(graph.path),
        network=f'{"FID Inception" if is_fid else graph.path.stem} '
        f'(ONNX file {graph.sha256[:16]})',
        is_fid=is_fid,
    )
