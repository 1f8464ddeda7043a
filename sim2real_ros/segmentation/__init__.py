"""Box prompts to instance masks: GrabCut without weights, or a SAM-family model in ONNX."""
