"""Records event files as TensorBoard's own writer frames them: Tests/RunsTests/Fixtures/tensorboard-events.json.

Each entry is one message with what it says, and the bytes of its record. check_events.py goes the other way: it reads what
the tool has written with TensorBoard's own reader.
"""

import importlib.metadata
import io
import json
import pathlib
import platform

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c, masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "Tests/RunsTests/Fixtures/tensorboard-events.json"
TIME = 1732450000.25


def events():
    """Messages by what they say."""
    yield {"kind": "fileVersion", "step": 0}, event_pb2.Event(wall_time=TIME, file_version="brain.Event:2")
    start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    yield {"kind": "start", "step": 201}, event_pb2.Event(wall_time=TIME, step=201, session_log=start)
    for tag, number, step in [("training/loss", 2.25, 1), ("training/accuracy", 0.0, 300), ("größe", -1e-7, 1 << 40)]:
        value = summary_pb2.Summary.Value(tag=tag, simple_value=number)
        yield (
            {"kind": "scalar", "step": step, "tag": tag, "number": number},
            event_pb2.Event(wall_time=TIME, step=step, summary=summary_pb2.Summary(value=[value])),
        )
    png = bytes(range(256)) * 2
    image = summary_pb2.Summary.Image(height=600, width=224, colorspace=3, encoded_image_string=png)
    value = summary_pb2.Summary.Value(tag="training/views", image=image)
    yield (
        {"kind": "image", "step": 0, "tag": "training/views", "width": 224, "height": 600, "png": png.hex()},
        event_pb2.Event(wall_time=TIME, summary=summary_pb2.Summary(value=[value])),
    )


def framed(message):
    """One record: length, masked checksum, message, masked checksum."""
    buffer = io.BytesIO()
    RecordWriter(buffer).write(message.SerializeToString(deterministic=True))
    return buffer.getvalue()


def main():
    texts = [b"", b"a", b"123456789", bytes(32), bytes(range(256)) * 5]
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    FIXTURE.write_text(json.dumps({
        "script": f"Scripts/oracle/{pathlib.Path(__file__).name}", "time": TIME,
        "versions": {"python": platform.python_version()} | {
            package: importlib.metadata.version(package) for package in ("tensorboard", "protobuf")},
        "checksums": [
            {"bytes": text.hex(), "plain": crc32c(text), "masked": masked_crc32c(text)} for text in texts],
        "events": [said | {"record": framed(message).hex()} for said, message in events()],
    }, ensure_ascii=False, indent=1) + "\n")
    print(f"{FIXTURE.name}: {FIXTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
