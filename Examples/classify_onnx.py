"""Classifies a photo with what `cocoop export` has written: python Examples/classify_onnx.py exported photo.jpg

It needs numpy, Pillow and onnxruntime alone. docs/export.md explains preprocessing.json.
"""
import json
import pathlib
import sys

import numpy
import onnxruntime
from PIL import Image, ImageOps

folder, photo = map(pathlib.Path, sys.argv[1:])
how = json.loads((folder / "preprocessing.json").read_text())
labels = (folder / "labels.txt").read_text().splitlines()

image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
size, shorter = how["size"], min(image.size)
image = image.resize([size * edge // shorter for edge in image.size], Image.Resampling[how["interpolation"].upper()])
left, top = (round((edge - size) / 2) for edge in image.size)
image = image.crop((left, top, left + size, top + size))
pixels = (numpy.asarray(image, "float32") * how["scale"] - how["mean"]) / how["std"]
pixels = pixels.transpose(2, 0, 1)[None].astype("float32")  # [1, 3, size, size]

session = onnxruntime.InferenceSession(folder / "model.onnx")
[[probabilities]] = session.run(["probabilities"], {"pixels": pixels})
for label in probabilities.argsort()[::-1][:5]:
    print(f"{labels[label]}  {probabilities[label]:.6f}")
