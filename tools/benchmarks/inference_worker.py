"""One contender of the inference benchmark, in a process of its own.

Reads what to load as JSON from the command line: "path", "size", "backend", "provider",
"precision", "threads", "batch". Says in a line of JSON what it loaded, or why it cannot. Then, for
every line with a number of seconds on its standard input, translates frames for so long and
answers with a line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURES = 4
"""Different frames, in turn."""


def main() -> None:
    """Serve one contender until standard input ends."""
    spec = json.loads(sys.argv[1])
    try:
        step, facts = load(spec)
    except Exception as error:
        # Whatever a runtime does, the others go on; the reason becomes a row of the table.
        print(json.dumps({'failed': ' '.join(str(error).split()) or repr(error)}), flush=True)
        return
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        cpu_start = time.process_time()
        frames_ms = turn(step, float(line))
        cpu_ms = 1000 * (time.process_time() - cpu_start) / len(frames_ms)
        answer = {'frames_ms': frames_ms, 'cpu_ms': cpu_ms, 'peak_mib': peak_mib()}
        print(json.dumps(answer), flush=True)


def load(spec: dict[str, Any]) -> tuple[Callable[[int], None], dict[str, Any]]:
    """Load the model and translate one frame.

    Returns:
        A function that translates frame number n; what was loaded, and how long that took: the
        package's import, the model, the first frame.

    Raises:
        BackendError: It cannot be run in the way that is asked for.
    """
    times = [time.perf_counter()]
    from sim2real_ros.errors import BackendError
    from sim2real_ros.runtime.translator import Translator

    times.append(time.perf_counter())
    translator = Translator.load(
        spec['path'],
        backend=spec['backend'],
        provider=spec['provider'],
        threads=spec['threads'],
        precision=spec['precision'],
    )
    backend = translator.backend
    if backend.fallback:
        raise BackendError(backend.fallback)
    used = str(getattr(backend, 'precision', spec['precision']))
    if used != spec['precision']:
        raise BackendError(f'{backend.name} computes in {used}, not in {spec["precision"]}')
    times.append(time.perf_counter())
    step = frame_step(translator, spec['size'], spec['batch'])
    step(0)
    times.append(time.perf_counter())
    milliseconds = [1000 * (after - before) for before, after in pairwise(times)]
    names = ('import_ms', 'load_ms', 'first_ms')
    facts = {'runtime': backend.name, **dict(zip(names, milliseconds, strict=True))}
    return step, facts


def frame_step(translator: Any, size: tuple[int, int], batch: int) -> Callable[[int], None]:
    """Return what translates frame number n: by the Translator, a batch by its back end."""
    frames = pictures(size)
    if batch == 1:
        out = np.empty_like(frames[0])
        return lambda number: translator.translate(frames[number % PICTURES], out=out)
    batches = [np.ascontiguousarray(np.stack([frame] * batch)) for frame in frames]
    return lambda number: translator.backend.run(batches[number % PICTURES], None)


def pictures(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Make different pictures, smooth as those of a camera, with a sensor's noise."""
    width, height = size
    random = np.random.default_rng(0)
    frames = []
    for _ in range(PICTURES):
        coarse = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3))
        smooth = coarse.repeat(8, 0).repeat(8, 1)[:height, :width]
        noisy = smooth + random.normal(0, 3, smooth.shape)
        frames.append(np.ascontiguousarray(noisy.clip(0, 255).astype(np.uint8)))
    return frames


def turn(step: Callable[[int], None], seconds: float) -> list[float]:
    """Translate frames for some seconds, one at least; return the milliseconds of each."""
    times_ms: list[float] = []
    start = last = time.perf_counter()
    while not times_ms or last - start < seconds:
        step(len(times_ms))
        now = time.perf_counter()
        times_ms.append(round(1000 * (now - last), 4))
        last = now
    return times_ms


def peak_mib() -> float:
    """Return the largest resident memory of this program, without what its parent had before."""
    for line in Path('/proc/self/status').read_text('utf-8').splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == '__main__':
    main()
