"""Trained generators as model files: one ONNX graph with the contract and a card."""

from sim2real_ros.training.export.model_export import (
    FP16_TOLERANCE,
    PARITY_METRICS,
    ExportedModel,
    export_model,
)
from sim2real_ros.training.export.run_export import RunExportOptions, export_run

__all__ = [
    'FP16_TOLERANCE',
    'PARITY_METRICS',
    'ExportedModel',
    'RunExportOptions',
    'export_model',
    'export_run',
]
