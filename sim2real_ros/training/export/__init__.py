"""From a run or a network to a model file that the node runs."""
