"""Checks that prompts pass to and from the reference: python Scripts/oracle/check_prompt_files.py

Trains for a moment with the built tool, exports, and reads the folder as the reference's loader does: `torch.load` with
its default settings, then every key, shape and element type of the module that the reference would build, loaded
strictly and with `strict=False` without the token buffers (C/trainers/cocoop.py). The buffers must be the embeddings of
the training classes' tokens. Then the way back: a file with torch's own optimiser and scheduler in it is imported and
exported, and all its numbers are the same.
"""
import json
import pathlib
import subprocess
import tempfile

import torch

import torchvision_names  # noqa: F401  before open_clip
import open_clip
from protocol import ROOT

TOOL = ROOT / ".build/release/cocoop"
MODEL = ROOT / "Sources/Embedded/Resources/tiny-clip"


def cocoop(*arguments):
    result = subprocess.run([TOOL, *map(str, arguments), "--json"], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def expected_state(method, classes, clip, dtype, contexts=4):
    """Names and shapes of the reference's PromptLearner over a CLIP, and what its buffers hold."""
    width, embedding = clip.token_embedding.weight.shape[1], 512
    tokens = open_clip.tokenize([" ".join(["X"] * contexts) + f" {name}." for name in classes])
    embedded = clip.token_embedding.weight[tokens].to(dtype)
    shapes = {"ctx": [contexts, width], "token_prefix": [len(classes), 1, width],
              "token_suffix": [len(classes), 76 - contexts, width]}
    if method == "cocoop":
        shapes |= {"meta_net.linear1.weight": [embedding // 16, embedding], "meta_net.linear1.bias": [embedding // 16],
                   "meta_net.linear2.weight": [width, embedding // 16], "meta_net.linear2.bias": [width]}
    return shapes, {"token_prefix": embedded[:, :1], "token_suffix": embedded[:, 1 + contexts:]}


def check(method, precision, clip, place):
    run, output = place / method, place / f"{method}-{precision}"
    if not run.exists():
        cocoop("train", "--data", "openclipart", "--classes", "base", "--method", method, "--shots", 1, "--epochs", 1, "--image-views", 1,
               "--output", run, "--quiet")
    cocoop("prompts", "export", "--run", run, "--precision", precision, output)
    folder = output / "prompt_learner"
    newest = (folder / "checkpoint").read_text().strip()
    saved = torch.load(folder / newest)
    assert list(saved) == ["state_dict", "epoch", "optimizer", "scheduler", "val_result"], list(saved)
    assert newest == f"model.pth.tar-{saved['epoch']}", newest
    dtype = getattr(torch, precision)
    classes = json.loads((run / "run.json").read_text())["classNames"]
    shapes, buffers = expected_state(method, classes, clip, dtype)
    state = saved["state_dict"]
    assert {key: list(value.shape) for key, value in state.items()} == shapes
    assert all(value.dtype == dtype for value in state.values())
    for name, value in buffers.items():
        assert torch.equal(state[name], value), name
    parameters = [torch.nn.Parameter(state[name].float()) for name in state if not name.startswith("token_")]
    torch.optim.SGD(parameters, lr=0.002, momentum=0.9).load_state_dict(saved["optimizer"])
    back = place / f"{method}-{precision}-back"
    cocoop("prompts", "import", output, "--model", MODEL, "--data", "openclipart", "--output", back)
    cocoop("prompts", "export", "--run", back, place / "again.pth.tar", "--force")
    assert (place / "again.pth.tar").read_bytes() == (folder / newest).read_bytes()
    print(f"check: {method} in {precision}: {len(state)} tensors as the reference's loader wants them")


def check_import(place):
    folder = ROOT / "Tests/PromptLearningTests/Fixtures/reference"
    original = torch.load(folder / "prompt_learner/model.pth.tar-2", weights_only=False)["state_dict"]
    (place / "classes.txt").write_text("cat\ndog\n")
    cocoop("prompts", "import", folder, "--model", MODEL, "--classes-file", place / "classes.txt",
           "--output", place / "imported")
    cocoop("prompts", "export", "--run", place / "imported", place / "exported.pth.tar")
    exported = torch.load(place / "exported.pth.tar")["state_dict"]
    for name, value in original.items():
        name = name.removeprefix("module.")
        if not name.startswith("token_"):
            assert torch.equal(value, exported[name]) and value.dtype == exported[name].dtype, name
    print("check: what torch saved is imported and exported with equal bits")


if __name__ == "__main__":
    clip = open_clip.create_model(f"local-dir:{MODEL}")
    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        for method in ["coop", "cocoop"]:
            for precision in ["float32", "float16"]:
                check(method, precision, clip, pathlib.Path(place))
        check_import(pathlib.Path(place))
