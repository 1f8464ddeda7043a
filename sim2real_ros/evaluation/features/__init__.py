"""Networks that describe images by a row of numbers, run from ONNX."""
