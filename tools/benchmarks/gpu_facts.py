"""Answer what the GPU benchmark asks: which card this is, what generators cost, their files.

Reads {"ask": "device" | "costs" | "models", ...} as JSON from the command line; prints lines of
JSON.
"""

import importlib
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from generator_variants import random_generator
from torch.utils.flop_counter import FlopCounterMode

Answer = dict[str, Any]


def main() -> None:
    """Answer one question."""
    spec = json.loads(sys.argv[1])
    for answer in QUESTIONS[spec['ask']](spec):
        print(json.dumps(answer), flush=True)


def device(spec: dict[str, Any]) -> Iterator[Answer]:
    """Describe the card, or say that it is the CPU."""
    if spec['device'] == 'cpu':
        yield {'name': 'the CPU, to try the benchmark', 'torch': torch.__version__}
        return
    card = torch.cuda.get_device_properties(0)
    yield {
        'name': card.name,
        'memory_gib': round(card.total_memory / 2**30, 1),
        'multiprocessors': card.multi_processor_count,
        'compute_capability': f'{card.major}.{card.minor}',
        'cuda': torch.version.cuda,
        'cudnn': torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        'torch': torch.__version__,
    }


def costs(spec: dict[str, Any]) -> Iterator[Answer]:
    """Count one image's arithmetic without doing it; a multiplication and its addition are two."""
    width, height = spec['size']
    for name in spec['names']:
        generator = random_generator(name).to('meta')
        counter = FlopCounterMode(display=False)
        with counter, torch.inference_mode():
            generator(torch.empty(1, 3, height, width, device='meta'))
        yield {
            'name': name,
            'flops': counter.get_total_flops(),
            'end_bytes': 2 * 3 * height * width,
            'weights': sum(math.prod(each.shape) for each in generator.parameters()),
        }


def models(spec: dict[str, Any]) -> Iterator[Answer]:
    """Write model files with random weights, or say why that is not possible here."""
    size = (spec['size'][0], spec['size'][1])
    for name in spec['names']:
        try:
            # It needs more packages than torch, which may be missing beside a GPU.
            writer = importlib.import_module('random_models')
            yield {'name': name, **writer.write_model(Path(spec['folder']), name, size)}
        except Exception as error:
            yield {'name': name, 'reason': f'no model file: {error}'}


QUESTIONS = {'device': device, 'costs': costs, 'models': models}


if __name__ == '__main__':
    main()
