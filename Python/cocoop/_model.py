"""A model as one process of the tool that answers line by line (``cocoop predict --stream``)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias, overload

from . import _images
from ._tool import ToolError, command

Image: TypeAlias = Any
"""A path (``str`` or ``os.PathLike``), a PIL image, an array of uint8 ``[height, width]`` or ``[height, width, 1, 3 or
4]``, or the bytes of an image file. A file is turned upright, as its EXIF says. Pixels are taken as they are."""

_BATCH = 32  # as `cocoop predict` has it, so that numbers are the same to the last digit


class CocoopError(Exception):
    """What the tool refuses. The text is one line: what is wrong, and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A class that an image may show."""

    label: str
    probability: float
    """In 0…1, over all classes."""


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image."""

    image: str
    """The path as it was given, or "image 1" for the first image without one."""
    top: tuple[Candidate, ...]
    """The most probable class first; empty where the image could not be read."""
    error: str | None = None
    """Why the image could not be read; ``None`` where it was read."""

    @property
    def label(self) -> str:
        """The most probable class."""
        return self._best.label

    @property
    def probability(self) -> float:
        """The probability of the most probable class."""
        return self._best.probability

    @property
    def _best(self) -> Candidate:
        if not self.top:
            raise CocoopError(self.error or "There is no class.")
        return self.top[0]


class Model:
    """A run, or zero-shot CLIP, that predicts. :func:`load` makes one.

    Threads may share a model: they take turns. After a fork, the child starts a process of its own.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._count = 0

    @overload
    def predict(
        self, images: str | os.PathLike[str] | bytes, classes: Sequence[str] | None = None, top: int = 5, *,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> Prediction: ...

    @overload
    def predict(
        self, images: list[Image] | tuple[Image, ...], classes: Sequence[str] | None = None, top: int = 5, *,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self, images: Image | Iterable[Image], classes: Sequence[str] | None = None, top: int = 5, *,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> Any: ...

    def predict(
        self, images: Any, classes: Sequence[str] | None = None, top: int = 5, *,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> Any:
        """The most probable classes of images.

        :param images: one image or several; see :data:`Image`.
        :param classes: the classes to choose from; ``None`` takes those of the run.
        :param top: how many classes to tell of each image.
        :param on_error: ``"raise"`` stops at an image that cannot be read, and ``"keep"`` tells it in its prediction.
        :returns: a :class:`Prediction` of one image, a list of them of several.
        :raises CocoopError: with the tool's text.
        """
        if on_error not in ("raise", "keep"):
            raise ValueError(f"on_error must be 'raise' or 'keep', found {on_error!r}")
        if isinstance(classes, str):
            raise TypeError("classes must be a list of names, found one text")
        if _images.is_one(images):
            return self._predictions([images], classes, top, on_error, 0)[0]
        predictions: list[Prediction] = []
        batch: list[Any] = []
        for image in images:
            batch.append(image)
            if len(batch) == _BATCH:
                predictions += self._predictions(batch, classes, top, on_error, len(predictions))
                batch = []
        if batch:
            predictions += self._predictions(batch, classes, top, on_error, len(predictions))
        return predictions

    def _predictions(
        self, images: list[Any], classes: Sequence[str] | None, top: int, on_error: str, before: int
    ) -> list[Prediction]:
        entries = [_images.entry(image, before + number) for number, image in enumerate(images, 1)]
        request: dict[str, Any] = {"images": [part for part, _ in entries], "top": int(top)}
        if classes is not None:
            request["classes"] = [str(name) for name in classes]
        results = self._answer(request)
        predictions = [
            Prediction(
                name, tuple(Candidate(found["class"], found["probability"]) for found in result["top"]),
                result.get("error"))
            for (_, name), result in zip(entries, results, strict=True)
        ]
        for prediction in predictions:
            if prediction.error is not None and on_error == "raise":
                raise CocoopError(prediction.error)
        return predictions

    def _answer(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        with self._lock:
            if self._process is None or not self._process.is_mine:
                self._process = _Process(self._arguments)
            self._count += 1
            try:
                answer = self._process.answer({"id": self._count, **request})
                if answer.get("id") != self._count:
                    raise CocoopError("The tool has answered another request. Load the model again.")
            except BaseException:  # Ctrl-C too: a late answer would be taken for that of the next request
                self._process.end()
                self._process = None
                raise
        if "error" in answer:
            raise CocoopError(answer["error"])
        results: list[dict[str, Any]] = answer["results"]
        return results

    def close(self) -> None:
        """Ends the process. The next prediction starts another."""
        with self._lock:
            if self._process is not None:
                self._process.end()
                self._process = None

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"arguments": self._arguments}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["arguments"])  # type: ignore[misc]


class _Process:
    """One running tool."""

    def __init__(self, arguments: list[str]) -> None:
        try:
            tool, environment = command()
        except ToolError as error:
            raise CocoopError(str(error)) from None
        # A file, which needs no reader as a pipe does.
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        # A session of its own, so that Ctrl-C reaches Python alone.
        self._process = subprocess.Popen(
            [tool, "predict", "--stream", "--quiet", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, env=environment, start_new_session=True)
        self._starter = os.getpid()
        self._end = weakref.finalize(self, _finish, self._process, self._errors, self._starter)

    @property
    def is_mine(self) -> bool:
        return self._starter == os.getpid()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            raise CocoopError(self._reason())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _reason(self) -> str:
        status = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().split("\n")
        said = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")] or lines[-1:]
        return said[0] or f"The tool ended with status {status}, without a word."

    def end(self) -> None:
        self._end()


def _finish(process: subprocess.Popen[bytes], errors: IO[bytes], starter: int) -> None:
    """Ends a process by ending its input, and if need be by force. A forked child only closes its own ends."""
    for stream in (process.stdin, process.stdout, errors):
        try:
            if stream is not None:
                stream.close()
        except OSError:  # what was not yet sent has no reader
            pass
    if starter != os.getpid():
        process.returncode = 0  # its parent waits for it
        return
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def load(
    run: str | os.PathLike[str] | None = None, *, model: str | os.PathLike[str] | None = None,
    classes: Sequence[str] | None = None, templates: Sequence[str] = (), fast: bool = False, threads: int | None = None,
) -> Model:
    """A run that ``cocoop train`` has left, or zero-shot CLIP.

    :param run: the run's folder. Without it, the model names the classes by sentences.
    :param model: ``"tiny-clip"``, or the path of a checkpoint; for a run, where its checkpoint is now.
    :param classes: the classes to choose from; ``None`` takes those of the run.
    :param templates: the sentences that zero-shot CLIP reads, with ``{}`` for the name.
    :param fast: whether CoCoOp answers near the cost of zero-shot CLIP, approximately.
    :param threads: how many threads to compute with.
    :returns: a model. What is wrong with the run is told by its first prediction.
    """
    if run is None and model is None:
        raise ValueError("Give the folder of a run, or a model, such as model='tiny-clip'.")
    if isinstance(classes, str):
        raise TypeError("classes must be a list of names, found one text")
    arguments: list[str] = []
    if run is not None:
        arguments += ["--run", os.path.abspath(os.fspath(run))]
    if model is not None:
        name = os.fspath(model)
        arguments += ["--model", os.path.abspath(name) if os.path.exists(name) else name]
    if classes is not None:
        arguments += ["--classes", json.dumps([str(name) for name in classes])]
    for template in templates:
        arguments += ["--template", template]
    if fast:
        arguments.append("--fast")
    if threads is not None:
        arguments += ["--threads", str(threads)]
    return Model(arguments)
