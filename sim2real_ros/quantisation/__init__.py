"""Models in int8 where that pays: calibrated, measured, and refused where it does not."""
