"""The page of a models folder, made from the cards inside the files."""

from pathlib import Path

from sim2real_ros.runtime.model_file import ModelFile, open_model

PAGE = """# Models

Each file carries its card; `sim2real inspect FILE` prints it. This page is made from the cards.
Regenerate it after a change with `python -m sim2real_ros.baselines.model_table models`.

{table}
"""

COLUMNS = ('Model', 'Method', 'What it does', 'Fitted on', 'Licence', 'Size', 'SHA-256')


def models_page(folder: str | Path) -> str:
    """Return the Markdown page for the models of a folder, sorted by name.

    Raises:
        ModelError: One of the files is no usable model.
    """
    rows = [_row(open_model(path)) for path in sorted(Path(folder).glob('*.onnx'))]
    lines = [COLUMNS, ('---',) * len(COLUMNS), *rows]
    return PAGE.format(table='\n'.join(f'| {" | ".join(line)} |' for line in lines))


def _row(model: ModelFile) -> tuple[str, ...]:
    card = model.card
    size = 'any' if card.size is None else f'{card.size[0]}x{card.size[1]}'
    texts = (card.method, card.description, card.training_data, card.licence)
    cells = (text.replace('|', '\\|').replace('\n', ' ') or '-' for text in texts)
    return (f'`{model.path.name}`', *cells, size, f'`{model.sha256[:12]}`')


def main(folder: str) -> None:
    """Write ``README.md`` into a models folder."""
    (Path(folder) / 'README.md').write_text(models_page(folder), encoding='utf-8')


if __name__ == '__main__':
    import sys

    main(sys.argv[1])
