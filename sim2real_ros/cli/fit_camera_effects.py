"""Fit what a real camera does to images beside colours, and write it as a model file.

Vignetting, blur and noise are found by comparing the two, white balance on request. The same
frame always gets the same noise. `--after` puts them behind a generator, in one file.
"""

import argparse
import sys

from sim2real_ros.baselines.camera_effects import fit as fitting
from sim2real_ros.baselines.camera_effects.model import write_effects_model
from sim2real_ros.baselines.camera_effects.preceding_generator import PrecedingGenerator
from sim2real_ros.baselines.camera_effects.preview import write_effects_preview
from sim2real_ros.baselines.export import check_writable
from sim2real_ros.baselines.preview import check_preview_path
from sim2real_ros.cli.camera_effects_options import add_arguments, fit_options
from sim2real_ros.cli.progress import Progress, report_skipped
from sim2real_ros.data import Spread, open_source
from sim2real_ros.resources import model_path
from sim2real_ros.runtime.bilateral.structure import is_bilateral

__all__ = ['EXAMPLES', 'add_arguments', 'run']

EXAMPLES = """examples:
  sim2real fit-camera-effects --sim sim_frames/ --real real_frames/ -o effects.onnx
  sim2real fit-camera-effects --sim sim_frames/ --real drive.mcap --after colour.onnx \\
      --without vignetting --strength 0.8 -o colour_effects.onnx --preview sheet.png
"""

PLAIN_GRID = (
    'the model is a bilateral grid. With effects behind it, it runs as a whole graph, which takes '
    'two to three times as long as the back end fused, and it is not smoothed over time.'
)


def run(args: argparse.Namespace) -> None:
    """Run the verb."""
    check_writable(args.output, force=args.force)
    if args.preview:
        check_preview_path(args.preview)
    before = PrecedingGenerator(model_path(args.after)) if args.after else None
    if before and is_bilateral(before.model):
        print(f'note: {PLAIN_GRID}', file=sys.stderr)
    options = fit_options(args, before.fit_size(args.size) if before else args.size)
    sim, real = open_source(args.sim, args.topic), open_source(args.real, args.real_topic)
    frames = Spread(sim, args.max_frames), Spread(real, args.max_frames)
    with Progress({'sim': frames[0].expected, 'real': frames[1].expected}) as progress:
        translate = before or fitting.unchanged
        fit = fitting.fit_camera_effects(*frames, options, before=translate, progress=progress)
    report_skipped('sim', sim.skipped)
    report_skipped('real', real.skipped)
    data = args.training_data or f'sim: {args.sim}; real: {args.real}'
    generator = before.model if before else None
    left_out = write_effects_model(
        fit, args.output, data, args.licence, generator=generator, force=args.force
    )
    if args.preview:
        write_effects_preview(fit, args.preview)
    print(fitting.estimate_table(fit))
    if left_out:
        print(f'left out of the metadata, as no longer true: {", ".join(left_out)}')
    print(f'wrote {args.output} ({", ".join(fit.effects.active) or "no effect: the identity"})')
