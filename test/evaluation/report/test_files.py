import dataclasses
import json

import numpy as np
from example_results import example_results, renamed

from sim2real_ros.evaluation.quantity import Value
from sim2real_ros.evaluation.report.json_files import frames_jsonl, results_json_bytes
from sim2real_ros.evaluation.results import CandidateResults


def strict(text):
    def refuse(name):
        raise AssertionError(f'{name} is not JSON')

    return json.loads(text, parse_constant=refuse)


def test_results_as_json():
    results = example_results(frames=5)
    written = results_json_bytes(results)
    assert strict(written) == json.loads(json.dumps(results.to_json()))
    assert 'Fréchet'.encode() in written
    assert written.endswith(b'}\n')


def test_results_that_json_does_not_know():
    results = example_results(frames=5)
    odd = dataclasses.replace(
        results.candidates[0], values={'kid': Value(1, 2, -np.inf, np.nan)}, name='caf\udce9'
    )
    written = strict(results_json_bytes(dataclasses.replace(results, candidates=(odd,))))
    assert written['candidates'][0]['name'] == 'caf\udce9'
    assert written['candidates'][0]['values'] == {
        'kid': {'value': 1, 'count': 2, 'low': None, 'high': None}
    }


def test_frames_as_lines():
    results = renamed(example_results(frames=6), 'cut', 'c"u\nt')
    lines = list(frames_jsonl(results))
    assert all(line.count(b'\n') == 1 and line.endswith(b'\n') for line in lines)
    read = [strict(line) for line in lines]
    assert len(read) == 5 * 6
    assert [line['candidate'] for line in read[::6]] == [c.name for c in results.candidates]
    for number, line in enumerate(read):
        candidate = results.candidates[number // 6]
        assert line['frame'] == candidate.frame_names[number % 6]
        for key, series in candidate.per_frame.items():
            if np.isnan(series[number % 6]):
                assert key not in line['values']
            else:
                assert line['values'][key] == series[number % 6]
    assert sum('white_line_iou' not in line['values'] for line in read[:6]) == 1


def test_frames_without_values_are_there_and_short_series_do_not_matter():
    candidate = CandidateResults(
        'a', 'candidate', '', 2, {}, {'q': np.array([np.inf])}, ('one', 'caf\udce9')
    )
    results = dataclasses.replace(example_results(frames=5), candidates=(candidate,))
    read = [strict(line) for line in frames_jsonl(results)]
    assert [line['values'] for line in read] == [{}, {}]
    assert read[1]['frame'] == 'caf\udce9'
