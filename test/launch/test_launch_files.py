"""The launch files as text, without anything that executes them."""

import ast
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml
from launchers import REPOSITORY

FILES = sorted((REPOSITORY / 'launch').glob('*.launch.py'))
ALLOWED = {'launch', 'launch_ros', 'ament_index_python', 'os', 'typing'}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def declared_arguments(path: Path) -> dict[str, ast.Call]:
    return {
        call.args[0].value: call
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == 'DeclareLaunchArgument'
    }


def test_the_three_launch_files_are_here():
    names = [path.name.removesuffix('.launch.py') for path in FILES]
    assert names == ['bag_replay', 'multi_camera', 'perception_proxy']


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_launch_files_import_launch_only(path):
    modules = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module.split('.')[0])
    assert modules <= ALLOWED


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_argument_is_described(path):
    for name, call in declared_arguments(path).items():
        texts = [word.value for word in call.keywords if word.arg == 'description']
        assert texts, name
        assert ast.literal_eval(texts[0]).strip().endswith('.'), name


def test_the_parameters_that_are_arguments_are_those_of_the_node():
    parameters = pytest.importorskip('sim2real_ros.ros.parameters')
    path = REPOSITORY / 'launch' / 'perception_proxy.launch.py'
    pairs = next(
        zip(node.value.keys, node.value.values, strict=True)
        for node in tree(path).body
        if isinstance(node, ast.Assign) and node.targets[0].id == 'PARAMETERS'
    )
    table = {key.value: kind.id for key, kind in pairs}
    defaults = vars(parameters.ProxyParameters())
    assert {name: type(defaults[name]).__name__ for name in table} == table
    arguments = declared_arguments(path)
    assert set(table) <= set(arguments)


def test_the_choices_of_arguments_are_those_of_the_node():
    parameters = pytest.importorskip('sim2real_ros.ros.parameters')
    path = REPOSITORY / 'launch' / 'perception_proxy.launch.py'
    fields = parameters.ProxyParameters.__dataclass_fields__
    for name, call in declared_arguments(path).items():
        found = [ast.literal_eval(k.value) for k in call.keywords if k.arg == 'choices']
        if found and name in fields:
            assert set(found[0]) == {'', *fields[name].metadata['choices']}, name


def test_layouts_show_the_topics_of_the_node():
    config = REPOSITORY / 'config'
    rviz = yaml.safe_load((config / 'proxy.rviz').read_text())
    displays = rviz['Visualization Manager']['Displays']
    topics = {display['Name']: display['Topic']['Value'] for display in displays}
    assert topics == {
        'sim': '/image_raw',
        'translated': '/realistic/image_raw',
        'compare': '/perception_proxy/compare',
    }
    foxglove = json.loads((config / 'foxglove_layout.json').read_text())['configById']
    images = {k: v['imageMode']['imageTopic'] for k, v in foxglove.items() if 'imageMode' in v}
    assert {name.removeprefix('Image!'): topic for name, topic in images.items()} == topics


def test_the_foxglove_layout_places_every_panel():
    layout = json.loads((REPOSITORY / 'config' / 'foxglove_layout.json').read_text())

    def leaves(part):
        return [part] if isinstance(part, str) else leaves(part['first']) + leaves(part['second'])

    assert sorted(leaves(layout['layout'])) == sorted(layout['configById'])


def test_package_xml_has_the_version_of_the_package():
    from sim2real_ros import __version__

    root = ElementTree.parse(REPOSITORY / 'package.xml').getroot()
    assert root.get('format') == '3'
    assert root.findtext('version') == __version__
    assert root.findtext('export/build_type') == 'ament_python'


def test_fastdds_profile_has_the_measured_sizes():
    root = ElementTree.parse(REPOSITORY / 'config' / 'fastdds.xml').getroot()
    namespace = {'d': 'http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles'}
    assert root.findtext('.//d:segment_size', namespaces=namespace) == str(32 << 20)
    assert root.findtext('.//d:useBuiltinTransports', namespaces=namespace) == 'false'
    assert root.find('.//d:participant', namespace).get('is_default_profile') == 'true'
