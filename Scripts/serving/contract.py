"""Holds `cocoop serve` to its own description: schemathesis sends what /openapi.json allows and what it forbids.

    contract.py [--examples N]

What the description cannot say in JSON Schema, it names as a format: an image that can be read, a class name. Those
formats are taught to schemathesis here.
"""
import argparse
import base64
import io
import os
import random
import string
import subprocess
import sys
import tempfile
from pathlib import Path

from support import Server, quick_run

HOOKS = '''
import base64, io, string
import schemathesis
from hypothesis import strategies as st
from PIL import Image

def encoded(kind, width, height, colour):
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, kind)
    return data.getvalue()

images = st.builds(encoded, st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(1, 60), st.integers(1, 60),
                   st.tuples(*[st.integers(0, 255)] * 3))
names = st.text(string.ascii_lowercase, min_size=1, max_size=12)
lists = st.lists(names, min_size=1, max_size=6, unique=True).map(",".join)

schemathesis.openapi.format("image-file", images.map(schemathesis.openapi.Binary if hasattr(schemathesis.openapi, "Binary") else bytes))
schemathesis.openapi.format("image-base64", images.map(lambda b: base64.b64encode(b).decode()))
schemathesis.openapi.format("class-name", names)
schemathesis.openapi.format("class-list", lists)
for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, images)
'''

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=60)
    examples = parser.parse_args().examples
    folder = Path(tempfile.mkdtemp())
    (folder / "hooks.py").write_text(HOOKS)
    server = Server(quick_run(Path(tempfile.gettempdir()) / "cocoop-serving/first-run"), "--threads", "1", "--quiet")
    tool = Path(sys.executable).parent / "schemathesis"
    result = subprocess.run(
        [tool, "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all", "--phases", "examples,coverage,fuzzing",
         "--max-examples", str(examples), "--seed", "1", "--no-color"],
        cwd=folder, env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder)})
    stopped = server.stop()
    raise SystemExit(result.returncode or stopped)
