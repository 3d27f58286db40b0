"""Writes a checkpoint of the size of ViT-B/16 with random weights (open_clip, seed 1), to measure speed on: it knows nothing.

    random_checkpoint.py ViT-B/16 FILE
"""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import torchvision_names  # noqa: F401  (before open_clip)
import open_clip
import torch

if __name__ == "__main__":
    name, file = sys.argv[1:]
    torch.manual_seed(1)
    model = open_clip.create_model(name.replace("/", "-"), pretrained=None)
    torch.save(model.state_dict(), file)
