"""Loss functions, each with the formula of its paper."""
