"""Labels of images: boxes, polygons and masks, in the formats of the common tools."""

from sim2real_ros.labels.beside_image import label_names, labels_of_image
from sim2real_ros.labels.checking import CheckReport, check_labels, check_source
from sim2real_ros.labels.conversion import Conversion, ConvertOptions, convert_labels
from sim2real_ros.labels.drawing import draw_labels
from sim2real_ros.labels.drawn_folder import DrawOptions, DrawReport, draw_data_set
from sim2real_ros.labels.formats import FORMATS, Format, read_labels, sniff_format
from sim2real_ros.labels.label_set import Box, ImageLabels, Instance, LabelSet, Part, Ring
from sim2real_ros.labels.label_source import LabelSource
from sim2real_ros.labels.output_file import SHAPES, WriteOptions
from sim2real_ros.labels.placing import place_labels
from sim2real_ros.labels.problem import Problem
from sim2real_ros.labels.raster import rasterise
from sim2real_ros.labels.report import Report
from sim2real_ros.labels.tracing import parts_from_mask
from sim2real_ros.labels.writing import IMAGES, Written, write_labels
from sim2real_ros.labels.yolo_text import format_yolo_text, parse_yolo_text

__all__ = [
    'FORMATS',
    'IMAGES',
    'SHAPES',
    'Box',
    'CheckReport',
    'Conversion',
    'ConvertOptions',
    'DrawOptions',
    'DrawReport',
    'Format',
    'ImageLabels',
    'Instance',
    'LabelSet',
    'LabelSource',
    'Part',
    'Problem',
    'Report',
    'Ring',
    'WriteOptions',
    'Written',
    'check_labels',
    'check_source',
    'convert_labels',
    'draw_data_set',
    'draw_labels',
    'format_yolo_text',
    'label_names',
    'labels_of_image',
    'parse_yolo_text',
    'parts_from_mask',
    'place_labels',
    'rasterise',
    'read_labels',
    'sniff_format',
    'write_labels',
]
