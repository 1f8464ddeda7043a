"""Start one perception proxy for several cameras, which share one model.

If simulators publish /front/image_raw and /rear/image_raw:

    ros2 launch sim2real_ros multi_camera.launch.py cameras:='[front, rear]'

Takes every argument of perception_proxy.launch.py as well.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    one_camera = PathJoinSubstitution(
        [FindPackageShare('sim2real_ros'), 'launch', 'perception_proxy.launch.py']
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                'cameras',
                default_value='[front, rear]',
                description='Namespaces of the cameras, relative to the namespace of the node.',
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(one_camera),
                launch_arguments={'cameras': LaunchConfiguration('cameras')}.items(),
            ),
        ]
    )
