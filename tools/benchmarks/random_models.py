"""Write generators with random weights as model files, to time them.

Arguments: a folder, and a JSON list of {"name", "size"}; prints one line of JSON for each: its
path, or why there is none. It is a process of its own, so that others need no torch.
"""

import json
import sys
from pathlib import Path
from typing import Any

import onnx
from generator_variants import random_generator
from onnx import helper

from sim2real_ros.card import ModelCard
from sim2real_ros.errors import Sim2RealError
from sim2real_ros.training.export.model_export import export_model, to_onnx
from sim2real_ros.training.export.uint8_contract import Uint8Contract

Size = tuple[int, int]


def main() -> None:
    """Write what is asked for."""
    folder = Path(sys.argv[1])
    for wish in json.loads(sys.argv[2]):
        size = (wish['size'][0], wish['size'][1])
        print(json.dumps({**wish, **write_model(folder, wish['name'], size)}), flush=True)


def write_model(folder: Path, name: str, size: Size) -> dict[str, Any]:
    """Write one model; return its path, or the reason why there is none."""
    path = folder / f'{name}_{size[0]}x{size[1]}.onnx'
    try:
        generator = random_generator(name)
        multiple = int(getattr(generator, 'size_multiple', 1))
        width, height = (max(multiple, round(side / multiple) * multiple) for side in size)
        _write(generator, path, (width, height), multiple)
    except (Sim2RealError, ValueError) as error:
        return {'reason': str(error)}
    return {'path': str(path)}


def _write(generator: Any, path: Path, size: Size, multiple: int) -> None:
    card = ModelCard(name=path.stem, method='random weights')
    if 'bilateral' in path.stem:
        # It notes in the file what the fused back end needs.
        export_model(generator, path, card, size=size)
        return
    # The proof that an export asks for would take longer than the benchmark.
    model = to_onnx(Uint8Contract(generator), size, multiple)
    sized = ModelCard(name=path.stem, method='random weights', size=size)
    helper.set_model_props(model, sized.to_metadata())
    onnx.save(model, path)


if __name__ == '__main__':
    main()
