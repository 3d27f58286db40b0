"""Records MATLAB files with scipy, and what scipy reads of them: the oracle of MatFiles.

Usage: python Scripts/oracle/record_mat.py   (numpy, scipy; no randomness)
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import scipy
import scipy.io

FIXTURES = Path(__file__).parents[2] / "Tests/MatFilesTests/Fixtures"


def annotation(name, number):
    return (np.array([[39]], np.uint8), np.array([[116]], np.uint16), np.array([[number]], np.uint8), name)


def variables():
    fields = [("bbox_x1", object), ("bbox_y1", object), ("class", object), ("fname", object)]
    return {
        "labels": np.array([[77, 1, 102, 3]], np.uint8),
        "annotations": np.array([[annotation("00001.jpg", 14), annotation("00002.jpg", 3)]], dtype=fields),
        "class_names": np.array([["AM General Hummer SUV 2000", "Ram C/V Cargo Van Minivan 2012"]], object),
        "matrix": np.arange(6, dtype=np.float64).reshape(2, 3) / 4,
        "negative": np.array([[-1, 2, -32768]], np.int16),
        "wide": np.array([[2**31, 5]], np.uint32),
        "long": np.array([[-(2**40)]], np.int64),
        "single": np.array([[0.5, 1e30]], np.float32),
        "truth": np.array([[True, False]]),
        "rows": np.array(["cat ", "bird"]),
        "accents": "café ☃",
        "nothing": np.zeros((0, 0)),
        "deep": np.array([[np.array([[1.0, "x"]], object)]], object),
    }


def plain(value):
    """scipy's value as JSON, arrays flattened by columns."""
    if value.dtype.names:
        return [{name: plain(np.asarray(record[name])) for name in value.dtype.names} for record in value.ravel("F")]
    if value.dtype == object:
        return [plain(np.asarray(item)) for item in value.ravel("F")]
    if value.dtype.kind == "U":
        return [str(row) for row in value.ravel()]
    return [float(number) for number in value.ravel("F")]


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    expected = {}
    for compressed in (False, True):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, variables(), do_compression=compressed)
        # The header holds the time of writing; a fixture should not.
        data = b"MATLAB 5.0 MAT-file".ljust(116) + buffer.getvalue()[116:]
        (FIXTURES / f"{'compressed' if compressed else 'plain'}.mat").write_bytes(data)
        read = scipy.io.loadmat(io.BytesIO(data))
        expected = {name: plain(value) for name, value in read.items() if not name.startswith("__")}
    level4 = io.BytesIO()
    scipy.io.savemat(level4, {"labels": np.array([[1.0, 2.0]])}, format="4")
    recording = {
        "recipe": "Scripts/oracle/record_mat.py",
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "values": expected,
        "level4": base64.b64encode(level4.getvalue()).decode(),
    }
    (FIXTURES / "values.json").write_text(json.dumps(recording, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
