"""Play a bag through the perception proxy and record the outcome; ends by itself.

For a bag of compressed images:

    ros2 launch sim2real_ros bag_replay.launch.py bag:=drive output:=drive_realistic \
        image_topic:=/sim/camera/image_raw image_transport:=compressed model:=colour.onnx

Plays and writes the formats that `bag_player` and `bag_recorder` know. Takes every argument of
perception_proxy.launch.py as well.
"""

from typing import TYPE_CHECKING

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

if TYPE_CHECKING:
    from launch import LaunchContext, LaunchDescriptionEntity


def declare_arguments() -> list[DeclareLaunchArgument]:
    return [
        DeclareLaunchArgument(
            'bag', description='Bag to play: ROS 1 .bag file, rosbag2 folder, .mcap or .db3 file.'
        ),
        DeclareLaunchArgument('output', description='rosbag2 folder to write; must not exist.'),
        DeclareLaunchArgument(
            'image_topic',
            description='Image topic in the bag, without the suffix of a transport.',
        ),
        DeclareLaunchArgument(
            'image_transport',
            default_value='raw',
            choices=['raw', 'compressed'],
            description='What the bag holds: raw images, or compressed ones below image_topic.',
        ),
        DeclareLaunchArgument(
            'record_topics',
            default_value='/realistic/image_raw /realistic/camera_info',
            description='Topics to record, separated by spaces.',
        ),
        DeclareLaunchArgument(
            'rate', default_value='1.0', description='Seconds of the bag per second.'
        ),
        DeclareLaunchArgument(
            'idle_timeout',
            default_value='5.0',
            description='End after this many seconds without output; more than a frame takes.',
        ),
        DeclareLaunchArgument(
            'wait_timeout',
            default_value='60.0',
            description='Give up when nothing comes for this many seconds after the start.',
        ),
        DeclareLaunchArgument(
            'use_sim_time',
            default_value='true',
            choices=['true', 'false'],
            description='The node takes the time from the bag.',
        ),
    ]


def create_player_and_recorder(context: 'LaunchContext') -> list['LaunchDescriptionEntity']:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    suffix = '/compressed' if value('image_transport') == 'compressed' else ''
    player = [value('bag'), '--rate', value('rate'), '--clock']
    # The proxy listens to the camera once the recorder listens to the proxy.
    player += ['--wait-topics', value('image_topic') + suffix, '--wait-for-subscribers', '1']
    player += ['--wait-timeout', value('wait_timeout')]
    recorder = [value('output'), '--topics', *value('record_topics').split()]
    recorder += ['--idle-timeout', value('idle_timeout')]
    recorder += ['--wait-timeout', value('wait_timeout')]
    return [
        Node(package='sim2real_ros', executable='bag_player', arguments=player, output='screen'),
        # The end of the recording is the end of the launch: the player ends earlier, when the
        # last frame is still on its way through the model.
        Node(
            package='sim2real_ros',
            executable='bag_recorder',
            arguments=recorder,
            output='screen',
            on_exit=[Shutdown(reason='the recording has ended')],
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    proxy = PathJoinSubstitution(
        [FindPackageShare('sim2real_ros'), 'launch', 'perception_proxy.launch.py']
    )
    names = ['image_topic', 'image_transport', 'use_sim_time']
    return LaunchDescription(
        [
            *declare_arguments(),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(proxy),
                launch_arguments=[(name, LaunchConfiguration(name)) for name in names],
            ),
            OpaqueFunction(function=create_player_and_recorder),
        ]
    )
