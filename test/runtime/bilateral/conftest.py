import os

import pytest

pytest.importorskip('numba')


@pytest.fixture(scope='session', autouse=True)
def kernel_cache(tmp_path_factory):
    """Compile once, and leave nothing behind."""
    import numba

    folder = os.environ.get('NUMBA_CACHE_DIR') or str(tmp_path_factory.mktemp('numba'))
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
    yield
    numba.config.CACHE_DIR = before


@pytest.fixture(scope='session')
def bilateral_models(tmp_path_factory):
    """Two exported models of free size whose grid has 4 by 3 tiles and 4 bins, by name."""
    torch = pytest.importorskip('torch')
    from sim2real_ros.card import ModelCard
    from sim2real_ros.training.export import export_model
    from sim2real_ros.training.networks import build_generator
    from sim2real_ros.training.options import GeneratorOptions, Initialisation

    paths = {}
    for name in ('bilateral_grid', 'bilateral_grid_detail'):
        torch.manual_seed(0)
        strong = Initialisation('kaiming', 1)
        options = GeneratorOptions(
            *(name, 4, 1, 2), grid_size=(4, 3), grid_bins=4, norm='batch', initialisation=strong
        )
        network = build_generator(options).eval()
        for parameter in network.parameters():
            if parameter.dim() > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, 0, 0.2)
        path = tmp_path_factory.mktemp('models') / f'{name}.onnx'
        paths[name] = export_model(network, path, ModelCard(name=name)).path
    return paths
