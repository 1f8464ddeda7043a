"""Start the perception proxy for one camera.

If a simulator publishes /sim/camera/image_raw and /sim/camera/camera_info:

    ros2 launch sim2real_ros perception_proxy.launch.py namespace:=sim/camera model:=colour.onnx

Arguments win over the parameter file; what is left empty is taken from there.
"""

import os
from typing import TYPE_CHECKING

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

if TYPE_CHECKING:
    from launch import LaunchContext, LaunchDescriptionEntity

SHARE = FindPackageShare('sim2real_ros')
# Fast DDS reads the first name up to version 2, the second one later.
PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
# 32 MiB and 512 MiB: glibc keeps the memory of a frame for the next one.
ALLOCATOR = {'MALLOC_MMAP_THRESHOLD_': '33554432', 'MALLOC_TRIM_THRESHOLD_': '536870912'}

# Parameters of the node that have an argument of the same name, with the type of each.
PARAMETERS = {
    'model': str,
    'backend': str,
    'provider': str,
    'threads': int,
    'precision': str,
    'batching': str,
    'image_transport': str,
    'output_namespace': str,
    'output_size': str,
    'output_encoding': str,
    'strength': float,
    'detail_strength': float,
    'temporal_smoothing_s': float,
    'on_failure': str,
}


DEFAULT_FILE = PathJoinSubstitution([SHARE, 'config', 'proxy.yaml'])
EMPTY = {'default_value': ''}
ARGUMENTS = [
    DeclareLaunchArgument(
        'namespace',
        description='Namespace of the camera: its image_raw and camera_info are used.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'name', default_value='perception_proxy', description='Name of the node.'
    ),
    DeclareLaunchArgument(
        'image_topic',
        default_value='image_raw',
        description='Image topic, without the suffix of a transport; camera_info is taken '
        'from beside it.',
    ),
    DeclareLaunchArgument(
        'cameras',
        description='Namespaces of several cameras as a list, such as [front, rear]; empty '
        'for the one camera that the other arguments name.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'model',
        description='Model: the path of an .onnx file, or a name in the folder models.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'backend',
        choices=['', 'auto', 'onnxruntime', 'openvino', 'fused'],
        description='Inference runtime.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'provider',
        choices=['', 'auto', 'tensorrt', 'cuda', 'cpu'],
        description='Hardware that runs the model; auto takes the fastest one there is.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'threads', description='CPU threads of inference; 0 for the best guess.', **EMPTY
    ),
    DeclareLaunchArgument(
        'precision',
        choices=['', 'auto', 'float32', 'bfloat16', 'float16'],
        description='Arithmetic of inference; auto stays within one level of float32.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'batching',
        choices=['', 'auto', 'always', 'never'],
        description='Whether frames of several cameras share a run of the model.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'image_transport',
        choices=['', 'raw', 'compressed'],
        description='Subscribe to image_raw, or to image_raw/compressed.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'output_namespace',
        description='Namespace in front of the output topics (realistic/image_raw).',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'output_size',
        choices=['', 'input', 'model'],
        description='Publish at the size of the input, or at the size of the model.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'output_encoding',
        description='Encoding of the output, such as rgb8; that of the input by default.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'strength', description='0 for the original image, 1 for the translated.', **EMPTY
    ),
    DeclareLaunchArgument(
        'detail_strength',
        description='Share of the change by the detail branch of a model, 0 to 1.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'temporal_smoothing_s',
        description='Seconds over which the colours of a bilateral grid are averaged; 0 is off.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'on_failure',
        choices=['', 'drop', 'passthrough'],
        description='A frame that cannot be translated is dropped, or passed as it came.',
        **EMPTY,
    ),
    DeclareLaunchArgument(
        'params_file',
        default_value=DEFAULT_FILE,
        description='YAML file with the parameters of the node.',
    ),
    DeclareLaunchArgument(
        'use_sim_time',
        default_value='false',
        choices=['true', 'false'],
        description='Take the time from /clock.',
    ),
    DeclareLaunchArgument(
        'log_level',
        default_value='info',
        choices=['debug', 'info', 'warn', 'error', 'fatal'],
        description='Least severity that is logged.',
    ),
]


def choose_transport_and_allocator(
    _context: 'LaunchContext',
) -> list['LaunchDescriptionEntity']:
    """Choose what suits camera frames, for all nodes of this launch; the user's choice wins.

    The nodes of this package do the same by themselves: see config/fastdds.xml for the reasons.
    """
    profile = PathJoinSubstitution([SHARE, 'config', 'fastdds.xml'])
    chosen: dict[str, object] = {}
    if not any(os.environ.get(name) for name in (*PROFILES, 'FASTDDS_BUILTIN_TRANSPORTS')):
        chosen.update(dict.fromkeys(PROFILES, profile))
    if not any(os.environ.get(name) for name in (*ALLOCATOR, 'GLIBC_TUNABLES')):
        chosen.update(ALLOCATOR)
    return [SetEnvironmentVariable(name, value) for name, value in chosen.items()]


def create_node(context: 'LaunchContext') -> list['LaunchDescriptionEntity']:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    given = {name: kind(value(name)) for name, kind in PARAMETERS.items() if value(name)}
    given['use_sim_time'] = value('use_sim_time') == 'true'
    if value('cameras'):
        given['cameras'] = [name.strip() for name in value('cameras').strip('[] ').split(',')]
    return [
        Node(
            package='sim2real_ros',
            executable='perception_proxy',
            name=value('name'),
            namespace=value('namespace'),
            parameters=[*filter(None, [value('params_file')]), given],
            remappings=[('image_raw', value('image_topic'))],
            arguments=['--ros-args', '--log-level', value('log_level')],
            output='screen',
        )
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *ARGUMENTS,
            OpaqueFunction(function=choose_transport_and_allocator),
            OpaqueFunction(function=create_node),
        ]
    )
