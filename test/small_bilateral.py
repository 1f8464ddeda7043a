"""Small bilateral grids with weights drawn at random, exported as model files."""


def small_bilateral_generator(name):
    """Build a generator whose grid has 4 by 3 tiles and 4 bins, and which changes much.

    Args:
        name: 'bilateral_grid' or 'bilateral_grid_detail'.
    """
    import torch

    from sim2real_ros.training.networks import build_generator
    from sim2real_ros.training.options import GeneratorOptions, Initialisation

    torch.manual_seed(0)
    strong = Initialisation('kaiming', 1)
    options = GeneratorOptions(
        *(name, 4, 1, 2), grid_size=(4, 3), grid_bins=4, norm='batch', initialisation=strong
    )
    network = build_generator(options).eval()
    # Heads start as 0, behind which no other layer would show.
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, 0, 0.2)
    return network


def write_small_bilateral(name, path, **options):
    """Export such a generator; return the path."""
    from sim2real_ros.card import ModelCard
    from sim2real_ros.training.export import export_model

    return export_model(
        small_bilateral_generator(name), path, ModelCard(name=name), **options
    ).path
