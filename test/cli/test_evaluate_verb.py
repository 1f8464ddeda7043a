import cv2
import numpy as np
import pytest

from sim2real_ros import cli

FRAMES = 6


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Simulated frames, and translations of which two are missing and one is damaged."""
    monkeypatch.chdir(tmp_path)
    for folder in ('sim', 'made'):
        (tmp_path / folder).mkdir()
        for number in range(FRAMES):
            image = np.full((48, 64, 3), 40, np.uint8)
            image[20:, number * 5 : number * 5 + 9] = 200
            cv2.imwrite(f'{folder}/{number:04}.png', image)
    for number in (1, 2):
        (tmp_path / 'made' / f'{number:04}.png').unlink()
    (tmp_path / 'made' / '0004.png').write_bytes(b'no image')
    return tmp_path


def test_what_candidates_lack_is_said_where_the_exit_code_tells_of_it(work, capsys):
    assert cli.main(['evaluate', 'sim', 'made', '-o', 'out']) == 3
    told = capsys.readouterr().err
    assert "warning: made: 2 of the frames, first '0001.png': there is no translation" in told
    assert "warning: made: 1 of the frames, first '0004.png': " in told
    assert 'warning: sim:' not in told


def test_complete_candidates_have_no_problems(work, capsys):
    assert cli.main(['evaluate', 'sim', 'identity', '-o', 'out']) == 0
    assert 'of the frames' not in capsys.readouterr().err


def test_a_report_without_plots_is_small(work):
    assert cli.main(['evaluate', 'sim', 'identity', '--without-plots', '-o', 'out']) == 0
    assert (work / 'out' / 'report.html').stat().st_size < 1_000_000
