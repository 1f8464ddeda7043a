"""Labels of images: boxes, polygons and masks, in the formats of the common tools."""
