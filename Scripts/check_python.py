"""Tests of the Python module with the built tool, which Scripts/check-python names in COCOOP_TOOL.

Run it by Scripts/check-python. The photos are the bundled drawings.
"""
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy
from PIL import Image

import cocoop
from cocoop import _tool

TOOL = os.environ["COCOOP_TOOL"]
IMAGES = pathlib.Path(__file__).resolve().parent.parent / "Sources/Embedded/Resources/openclipart/images"
PHOTOS = [str(IMAGES / name) for name in ("bird/000.jpg", "bird/001.jpg", "clock/003.jpg", "fish/002.jpg")]
CLASSES = ["bird", "clock", "fish"]


def predicted(photos, *options):
    """What `cocoop predict` prints for the photos, as the module has it."""
    output = subprocess.run(
        [TOOL, "predict", "--json", "--quiet", "--no-cache", *options, *photos], check=True, capture_output=True).stdout
    return [[(found["class"], found["probability"]) for found in result["top"]] for result in json.loads(output)]


def pairs(prediction):
    return [(candidate.label, candidate.probability) for candidate in prediction.top]


def zero_shot(**options):
    return cocoop.load(model="tiny-clip", classes=CLASSES, **options)


class Numbers(unittest.TestCase):
    """The module's numbers are those of `cocoop predict`, to the last digit."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.mkdtemp()
        cls.folder = os.path.join(cls.place, "run")
        subprocess.run(
            [TOOL, "train", "--data", "openclipart", "--classes", "base", "--shots", "1", "--epochs", "1",
             "--image-views", "1", "--no-test", "--quiet", "--output", cls.folder], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.place)

    def test_paths_of_a_run(self):
        with cocoop.load(self.folder) as model:
            found = model.predict(PHOTOS)
            self.assertEqual([pairs(prediction) for prediction in found], predicted(PHOTOS, "--run", self.folder))
            self.assertEqual([prediction.image for prediction in found], PHOTOS)

    def test_other_classes_of_a_run(self):
        with cocoop.load(self.folder) as model:
            found = model.predict(PHOTOS, classes=["dog, asleep", "clock"], top=1)
            expected = predicted(PHOTOS, "--run", self.folder, "--classes", '["dog, asleep", "clock"]', "--top", "1")
            self.assertEqual([pairs(prediction) for prediction in found], expected)

    def test_more_images_than_a_batch(self):
        photos = sorted(map(str, IMAGES.glob("b*/*.jpg")))[:40]
        self.assertEqual(len(photos), 40)
        with zero_shot() as model:
            found = model.predict(photos)
        expected = predicted(photos, "--model", "tiny-clip", "--classes", ",".join(CLASSES))
        self.assertEqual([pairs(prediction) for prediction in found], expected)

    def test_pictures_arrays_and_bytes(self):
        pictures = [Image.open(path) for path in PHOTOS]
        arrays = [numpy.asarray(picture.convert("RGB")) for picture in pictures]
        contents = [pathlib.Path(path).read_bytes() for path in PHOTOS]
        with zero_shot() as model:
            expected = [pairs(prediction) for prediction in model.predict(PHOTOS)]
            for images in (pictures, arrays, contents, [pathlib.Path(path) for path in PHOTOS]):
                self.assertEqual([pairs(prediction) for prediction in model.predict(images)], expected)

    def test_modes_and_shapes(self):
        with tempfile.TemporaryDirectory() as place, zero_shot() as model:
            source = Image.open(PHOTOS[0])
            for mode in ("L", "RGBA", "P", "1", "CMYK"):
                picture = source.convert(mode)
                file = os.path.join(place, f"{mode}.png")
                picture.convert("RGB").save(file)
                self.assertEqual(pairs(model.predict(picture)), pairs(model.predict(file)), mode)
            grey = numpy.asarray(source.convert("L"))
            expected = pairs(model.predict(source.convert("L")))
            rgba = numpy.dstack([grey, grey, grey, numpy.full_like(grey, 7)])
            for array in (grey, grey[:, :, None], rgba, rgba[:, :, :3], numpy.asfortranarray(rgba)):
                self.assertEqual(pairs(model.predict(array)), expected, array.shape)
            self.assertEqual(len(model.predict(numpy.stack([rgba, rgba]))), 2)

    def test_one_image_and_none(self):
        with zero_shot() as model:
            prediction = model.predict(PHOTOS[1])
            self.assertEqual((prediction.label, prediction.top[0].probability), ("bird", prediction.probability))
            self.assertEqual(model.predict([]), [])


class Errors(unittest.TestCase):
    """What the tool refuses is an exception with its text, and the model answers on."""

    def refused(self, text, call, *arguments, kind=cocoop.CocoopError, **options):
        with self.assertRaises(kind) as caught:
            call(*arguments, **options)
        self.assertIn(text, str(caught.exception))
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_images(self):
        with zero_shot() as model:
            self.refused("There is no file /none.jpg. Check the path.", model.predict, "/none.jpg")
            self.refused("image 2 is a truncated PNG image", model.predict, [PHOTOS[0], b"\x89PNG\r\n\x1a\nxx"])
            kept = model.predict(["/none.jpg", PHOTOS[1]], on_error="keep")
            self.assertEqual(kept[0].error, "There is no file /none.jpg. Check the path.")
            self.refused("There is no file", lambda: kept[0].label)
            self.assertEqual(kept[1].label, "bird")
            self.refused("array of float64", model.predict, numpy.zeros((8, 8, 3)), kind=ValueError)
            self.refused("the shape (8, 8, 2)", model.predict, numpy.zeros((8, 8, 2), "uint8"), kind=ValueError)
            self.refused("image 1 is a int", model.predict, [1], kind=TypeError)
            self.assertEqual(model.predict(PHOTOS[1]).label, "bird")

    def test_classes_and_options(self):
        with zero_shot() as model:
            self.refused("'a' stands in it twice", model.predict, PHOTOS[0], classes=["a", "a"])
            self.refused("it names no class", model.predict, PHOTOS[0], classes=[])
            self.refused("a list of names", model.predict, PHOTOS[0], classes="bird", kind=TypeError)
            self.refused("'top' must be", model.predict, PHOTOS[0], top=0)
            self.assertEqual(model.predict(PHOTOS[1]).label, "bird")
        self.refused("Give the folder of a run", cocoop.load, kind=ValueError)

    def test_models_that_do_not_load(self):
        self.refused("/none is no run", cocoop.load("/none").predict, PHOTOS[0])
        self.refused("There is no model 'tiny-clap'", cocoop.load(model="tiny-clap", classes=["a"]).predict, PHOTOS[0])
        self.refused(
            "The request has no 'classes'", cocoop.load(model="tiny-clip").predict, PHOTOS[0])
        self.refused("Cannot compute with 0 threads", zero_shot(threads=0).predict, PHOTOS[0])

    def test_a_tool_that_is_killed(self):
        with zero_shot() as model:
            model.predict(PHOTOS[0])
            os.kill(model._process._process.pid, signal.SIGKILL)
            model._process._process.wait()
            self.refused("ended with status -9", model.predict, PHOTOS[0])
            self.assertEqual(model.predict(PHOTOS[1]).label, "bird")


class Processes(unittest.TestCase):
    """A model is one process, which ends with what uses it."""

    def test_it_starts_late_and_once_and_ends(self):
        model = zero_shot()
        self.assertIsNone(model._process)
        model.predict(PHOTOS[0])
        first = model._process._process
        model.predict(PHOTOS[1])
        self.assertIs(model._process._process, first)
        model.close()
        self.assertEqual(first.returncode, 0)

    def test_it_ends_with_the_interpreter(self):
        script = (
            "import cocoop, sys\n"
            f"model = cocoop.load(model='tiny-clip', classes=['bird', 'clock'])\nmodel.predict({PHOTOS[0]!r})\n"
            "print(model._process._process.pid)\n")
        pid = int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)
        with self.assertRaises(ProcessLookupError):
            os.kill(pid, 0)

    def test_threads_share_it(self):
        with zero_shot() as model, concurrent.futures.ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda path: model.predict(path).image, PHOTOS * 3))
        self.assertEqual(found, PHOTOS * 3)

    def test_a_fork_and_a_pickle_start_their_own(self):
        with zero_shot() as model:
            expected = pairs(model.predict(PHOTOS[0]))
            self.assertEqual(pairs(pickle.loads(pickle.dumps(model)).predict(PHOTOS[0])), expected)
            reader, writer = multiprocessing.Pipe()
            child = multiprocessing.get_context("fork").Process(
                target=lambda: writer.send(pairs(model.predict(PHOTOS[0]))))
            child.start()
            self.assertEqual(reader.recv(), expected)
            child.join()
            self.assertEqual((child.exitcode, pairs(model.predict(PHOTOS[0]))), (0, expected))


class Libraries(unittest.TestCase):
    """A wheel's tool takes the libraries of a torch that fits, and says in one line why none does."""

    def bundle(self, place, torch=None, library=None):
        """A wheel's folder in `place`, and a torch of this version with this library beside it."""
        bundled = pathlib.Path(place, "bundle")
        (bundled / "bin").mkdir(parents=True)
        (bundled / "bin" / "cocoop").touch()
        (bundled / "build.json").write_text('{"torch": "2.13", "machine": "x86_64"}')
        if torch:
            folder = pathlib.Path(place, "site", "torch", "lib")
            folder.mkdir(parents=True)
            (folder.parent / "__init__.py").write_text("raise ImportError('torch was imported')")
            (folder.parent / "version.py").write_text(f"from typing import Optional\n__version__ = '{torch}'\n")
            if library:
                (folder / "libtorch_cpu.so").write_bytes(library)
        return bundled

    def command(self, torch=None, library=None):
        with tempfile.TemporaryDirectory() as place:
            bundled = self.bundle(place, torch, library)
            path = [str(pathlib.Path(place, "site"))]
            variables = {name: value for name, value in os.environ.items() if name != "COCOOP_TOOL"}
            with mock.patch.object(_tool, "_BUNDLED", bundled), mock.patch.object(sys, "path", path), \
                    mock.patch.dict(os.environ, {**variables, "LD_LIBRARY_PATH": "/mine"}, clear=True):
                try:
                    tool, environment = _tool.command()
                    return (tool + " " + environment["LD_LIBRARY_PATH"]).replace(place, "PLACE")
                except _tool.ToolError as error:
                    return str(error).replace(place, "PLACE")

    @staticmethod
    def elf(machine):
        return b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little")

    def test_torch(self):
        remedy = "Run: pip install 'torch>=2.13,<2.14'"
        site = "PLACE/site/torch"
        cases = [
            (("2.13.0+cpu", self.elf(62)), f"PLACE/bundle/bin/cocoop PLACE/bundle/lib:{site}/lib:/mine"),
            (("2.13.1", self.elf(62)), f"PLACE/bundle/bin/cocoop PLACE/bundle/lib:{site}/lib:/mine"),
            ((), f"cocoop uses the libraries of torch 2.13, and no torch is installed beside it. {remedy}"),
            (("2.1.3", self.elf(62)),
             f"cocoop was built for torch 2.13, and torch 2.1.3 is installed in {site}. {remedy}"),
            (("2.130.0", self.elf(62)),
             f"cocoop was built for torch 2.13, and torch 2.130.0 is installed in {site}. {remedy}"),
            (("2.13.0",), f"The torch in {site} has no lib/libtorch_cpu.so. {remedy} --force-reinstall"),
            (("2.13.0", self.elf(183)),
             f"cocoop is for x86_64, and {site}/lib/libtorch_cpu.so is for aarch64. {remedy} --force-reinstall"),
            (("2.13.0", b"MZ"),
             f"cocoop is for x86_64, and {site}/lib/libtorch_cpu.so is for another system, or damaged. {remedy} "
             "--force-reinstall"),
        ]
        for arguments, expected in cases:
            self.assertEqual(self.command(*arguments), expected)

    def test_the_command_says_it_in_one_line(self):
        for tool, text in (("/none", "COCOOP_TOOL names /none, which is no program."), ("", "There is no cocoop on the")):
            outcome = subprocess.run(
                [sys.executable, "-m", "cocoop", "--version"], capture_output=True, text=True,
                env={**os.environ, "COCOOP_TOOL": tool, "PATH": "/none"})
            self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr.count("\n")), (1, "", 1))
            self.assertTrue(outcome.stderr.startswith(f"Error: {text}"), outcome.stderr)

    def test_the_command_is_the_tool(self):
        found, expected = (
            subprocess.run([*start, "--version"], check=True, capture_output=True).stdout
            for start in ([sys.executable, "-m", "cocoop"], [TOOL]))
        self.assertEqual(found, expected)


if __name__ == "__main__":
    unittest.main()
