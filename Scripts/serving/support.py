"""What the scripts beside this one share: a server of the built tool, and a client that needs nothing but Python."""
import asyncio
import atexit
import http.client
import io
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = os.environ.get("COCOOP", str(ROOT / ".build/release/cocoop"))
DRAWINGS = ROOT / "Sources/Embedded/Resources/openclipart/images"


def drawings(count=None):
    """Paths of bundled drawings, always the same ones."""
    return sorted(DRAWINGS.glob("*/*.jpg"))[:count]


def quick_run(folder):
    """A CoCoOp run on tiny-clip, trained in seconds: what it has learned is of no matter here."""
    folder = Path(folder)
    if not (folder / "fast.json").exists():
        subprocess.run(
            [TOOL, "train", "--data", "openclipart", "--model", "tiny-clip", "--classes", "base", "--shots", "1", "--epochs",
             "1", "--image-views", "1", "--output", str(folder), "--force", "--quiet"],
            check=True, cwd=ROOT)
    return folder


class Server:
    """`cocoop serve` on a free port of this machine."""

    def __init__(self, run, *options, log=None):
        self.log = log or tempfile.NamedTemporaryFile(suffix=".log", delete=False).name
        self.stderr = open(self.log, "wb")
        self.process = subprocess.Popen([TOOL, "serve", "--run", str(run), "--port", "0", *options], stderr=self.stderr)
        atexit.register(self.process.kill)  # however the script ends
        self.port = self._port()
        self._wait()

    def _port(self):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            found = re.search(rb"Serving .* at http://[^ ]*:(\d+) ", Path(self.log).read_bytes())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {Path(self.log).read_text()}")
            time.sleep(0.02)
        raise SystemExit("the server did not start")

    def _wait(self):
        end = time.monotonic() + 120
        while not self._is_ready():
            if time.monotonic() > end:
                raise SystemExit("the server was never ready")
            time.sleep(0.05)

    def _is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200

    async def get(self, path, headers=()):
        client = Client(self.port)
        try:
            return await client.ask("GET", path, headers=headers)
        finally:
            client.close()

    def status(self, field):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))

    @property
    def resident_mib(self):
        return self.status("VmRSS") / 1024

    @property
    def processor_seconds(self):
        """Of all threads, in the kernel too."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, kernel = text[text.rindex(")") + 2:].split()[11:13]
        return (int(user) + int(kernel)) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self, number=signal.SIGTERM, limit=40):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(limit)


class Client:
    """One connection that is kept open."""

    def __init__(self, port):
        self.port = port
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(self, method, path, body=b"", headers=()):
        """The status, the header by lower-case names, and the body of the answer."""
        if self.writer is None:
            await self.open()
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
        self.writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()
        return await self.answer(method)

    async def answer(self, method="GET"):
        text = await self.reader.readuntil(b"\r\n\r\n")
        lines = text.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]) if name)
        length = 0 if method == "HEAD" else int(fields.get("content-length", 0))
        body = await self.reader.readexactly(length)
        if fields.get("connection") == "close":
            self.close()
        return status, fields, body

    async def classify(self, image, query="", kind="image/jpeg"):
        status, fields, body = await self.ask("POST", "/v1/classify" + query, image, [f"Content-Type: {kind}"])
        return status, fields, json.loads(body) if body else None


def predictions(run, photos, top=5, classes=None, zero_shot=False, options=()):
    """What `cocoop predict` says of the same photos: {path: [(class, probability)]}."""
    model = ["--model", "tiny-clip"] if zero_shot else ["--run", str(run)]
    listed = ["--classes", ",".join(classes)] if classes else []
    output = subprocess.run(
        [TOOL, "predict", *model, *listed, "--top", str(top), *options, "--format", "jsonl", "-"], check=True, capture_output=True,
        input="\n".join(map(str, photos)).encode(), cwd=ROOT).stdout
    answers = [json.loads(line) for line in output.splitlines()]
    return {answer["file"]: [(c["class"], c["probability"]) for c in answer["top"]] for answer in answers}


def distance(found, expected):
    """The largest difference of a probability, or infinity where another class comes first."""
    found = {c["class"]: c["probability"] for c in found}
    if max(found, key=found.get) != max(expected, key=lambda c: c[1])[0]:
        return float("inf")
    return max(abs(found[name] - p) for name, p in expected if name in found)


def distinct_photos(count, seed=1):
    """JPEG files that all differ, of drawings with a few pixels changed: so that no cache answers for the model."""
    import random
    from PIL import Image
    generator = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in drawings(32)]
    photos = []
    for index in range(count):
        image = sources[index % len(sources)].copy()
        for _ in range(40):
            place = generator.randrange(image.width), generator.randrange(image.height)
            image.putpixel(place, tuple(generator.randrange(256) for _ in range(3)))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=90)
        photos.append(data.getvalue())
    return photos
