"""Checks that the authors' own program reads what MMRL has learned here, and answers as this package does.

    python check_image_checkpoints.py --mmrl DIR

DIR is a clone as record_image_originals.py takes it. A small CLIP of formula weights is saved as a file, the built tool
trains on it for a moment and exports, and the authors' `load_model` loads the folder into their classes. The file must
hold the tensors that they learn and no other, and the probabilities of photos must be those of `cocoop predict`: by
both features, and by the class token's alone.
"""

import argparse
import json
import subprocess
import tempfile
import types
from pathlib import Path

import torchvision_names  # noqa: F401  before clip, which imports torchvision
import torch
from PIL import Image

from protocol import ROOT
from record_image_originals import TEXT_LAYERS, configuration, of_mmrl, small_clip
from record_originals import checkout, on_path, stub_toolbox

TOOL = ROOT / ".build/release/cocoop"
PHOTOS = sorted((ROOT / "Sources/Embedded/Resources/openclipart/images").glob("*/00[0-2].jpg"))[::9]
NAME, WIDTH, TOLERANCE = "MultiModalRepresentationLearner", 32, 1e-5


def cocoop(*arguments):
    run = subprocess.run([TOOL, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(run.stdout) if "--json" in arguments else run.stdout


def check_mmrl(repository: Path, place: Path):
    on_path(checkout(repository, ["clip", "trainers"], {}))
    from clip import clip as preparation, model_mmrl as clip_module
    from trainers import mmrl

    layers = [2, 3, 4]
    design = {"rep_tokens_layers": layers, "n_rep_tokens": 5}
    state = small_clip(clip_module, design | {"model": "CLIP"}, torch.float32, TEXT_LAYERS).state_dict()
    # Their class has the second projection whether it is asked for or not.
    torch.save({name: value for name, value in state.items() if name != "visual.proj_rep"}, place / "small.pt")
    cocoop("train", "--model", place / "small.pt", "--data", "openclipart", "--classes", "base", "--method", "mmrl",
           "--shots", 1, "--epochs", 2, "--image-views", 1, "--option", f"width={WIDTH}", "--no-test", "--quiet",
           "--output", place / "run")
    cocoop("prompts", "export", "--run", place / "run", place / "out")
    names = json.loads((place / "run/run.json").read_text())["classNames"]

    made = configuration("MMRL", ALPHA=0.7, N_REP_TOKENS=5, REP_DIM=WIDTH, REP_LAYERS=layers)
    made.DATASET = types.SimpleNamespace(NAME="Caltech101")  # whose sentence is that of any photos
    theirs = mmrl.CustomCLIP(made, names, small_clip(
        clip_module, design | {"model": "MMRL"}, torch.float32, TEXT_LAYERS))
    mmrl.load_checkpoint = torch.load
    mmrl.MMRL.load_model(
        types.SimpleNamespace(get_model_names=lambda: [NAME], _models={NAME: theirs}), place / "out", epoch=2)
    saved = torch.load(place / "out" / NAME / "model.pth.tar-2")["state_dict"]
    learned = {id(tensor) for tensors in of_mmrl(theirs).values() for tensor in tensors}
    expected = {name for name, tensor in theirs.named_parameters() if id(tensor) in learned}
    assert set(saved) == expected, set(saved) ^ expected
    loaded = theirs.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in saved.items())

    theirs.eval()
    pixels = torch.stack([preparation._transform(theirs.image_encoder.input_resolution)(Image.open(photo))
                          for photo in PHOTOS])
    with torch.no_grad():
        class_token, _, fused, _, _ = theirs(pixels)
    for options, logits in (([], fused), (["--option", "heads=1"], class_token)):
        answers = cocoop("predict", "--run", place / "run", "--json", "--top", len(names), *options, *PHOTOS)
        ours = torch.tensor([[{top["class"]: top["probability"] for top in answer["top"]}[name] for name in names]
                             for answer in answers])
        difference = (ours - logits.softmax(dim=1)).abs().max().item()
        assert difference <= TOLERANCE, difference
        print(f"mmrl {' '.join(options) or 'by both features'}: {len(saved)} tensors loaded, probabilities of "
              f"{len(PHOTOS)} photos within {difference:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mmrl", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    stub_toolbox()
    with tempfile.TemporaryDirectory() as place:
        check_mmrl(options.mmrl, Path(place))


if __name__ == "__main__":
    main()
