"""Measures `cocoop serve` and writes the figures into docs/serving.md.

    bench.py [--seconds 20] [--soak 600] [--models tiny-clip,ViT-B/16] [--write]

For each model and number of clients: requests a second and the 50th, 95th and 99th percentile of their times, with and without
batching; what HTTP and batching add to the model's own time; overload; and memory under a load of ten minutes. Every answer is
compared with that of `cocoop predict`. Photos differ from one another, so that no cache answers for the model.
"""
import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import ROOT, TOOL, Client, Server, distance, distinct_photos, predictions, quick_run

DOCUMENT = ROOT / "docs/serving.md"
CLIENTS = [1, 8, 64]
TOLERANCE = 1e-4


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Load:
    """So many clients that each send one photo after the other.

    They share two cores with the server, so they do as little as they can: requests are made beforehand, and an answer that
    was found to be right before is compared by its bytes.
    """

    def __init__(self, server, photos, answers, query="?top=14"):
        self.server, self.answers = server, answers
        self.requests = [
            f"POST /v1/classify{query} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(p)}\r\n\r\n".encode() + p
            for p in photos]
        self.right = [set() for _ in photos]
        self.times, self.refusals, self.wrong, self.next = [], 0, 0, 0

    def is_right(self, index, body):
        results = body[body.index(b'"results":'):body.index(b',"run":')]
        if results not in self.right[index]:
            if distance(json.loads(body)["results"][0]["top"], self.answers[index]) > TOLERANCE:
                return False
            self.right[index].add(results)
        return True

    async def client(self, end, interval):
        client = Client(self.server.port)
        await client.open()
        turn = time.monotonic()
        while time.monotonic() < end:
            await asyncio.sleep(max(0, turn - time.monotonic()))
            turn = max(turn, time.monotonic()) + interval
            index = self.next = (self.next + 1) % len(self.requests)
            begin = time.monotonic()
            client.writer.write(self.requests[index])
            head = await client.reader.readuntil(b"\r\n\r\n")
            place = head.index(b"Content-Length: ") + 16
            body = await client.reader.readexactly(int(head[place:head.index(b"\r", place)]))
            status = head[9:12]
            if status == b"503":
                self.refusals += 1
                continue
            self.times.append(time.monotonic() - begin)
            if status != b"200" or not self.is_right(index, body):
                self.wrong += 1
        client.close()

    def run(self, clients, seconds, offered=None):
        """:param offered: requests a second of all clients together; without it, each sends as soon as it has its answer."""
        interval = clients / offered if offered else 0

        async def all_clients():
            end = time.monotonic() + seconds
            await asyncio.gather(*[self.client(end, interval) for _ in range(clients)])
        self.times, self.refusals = [], 0
        begin = time.monotonic()
        asyncio.run(all_clients())
        self.seconds = time.monotonic() - begin
        return self

    @property
    def rate(self):
        return len(self.times) / self.seconds


def compute_seconds(server):
    """What the model itself has taken so far, and how many images it has named."""
    async def ask():
        return (await server.get("/metrics"))[2].decode()
    lines = dict(line.rsplit(" ", 1) for line in asyncio.run(ask()).splitlines() if not line.startswith("#"))
    return (float(lines["cocoop_image_seconds_total"]) + float(lines["cocoop_text_seconds_total"]),
            int(lines["cocoop_encoded_images_total"]))


def run_for(model, folder):
    """A run to serve, on tiny-clip or on a checkpoint of an architecture's size."""
    if model == "tiny-clip":
        return quick_run(folder / "first-run")
    checkpoint = folder / (model.replace("/", "-") + ".pt")
    if not checkpoint.exists():
        subprocess.run([sys.executable, ROOT / "Scripts/serving/random_checkpoint.py", model, checkpoint], check=True)
    run = folder / f"{checkpoint.stem}-run"
    if not (run / "prompts.safetensors").exists():
        subprocess.run(
            [TOOL, "train", "--data", "openclipart", "--model", str(checkpoint), "--classes", "base", "--shots", "1", "--epochs",
             "1", "--image-views", "1", "--output", str(run), "--force", "--quiet"], check=True, cwd=ROOT)
    return run


def expected(run, photos, folder):
    """What predict says of each photo, by its number, and how many photos it names a second once it has begun."""
    place = folder / "photos"
    place.mkdir(exist_ok=True)
    paths = []
    for index, photo in enumerate(photos):
        path = place / f"{index:04}.jpg"
        path.write_bytes(photo)
        paths.append(path)
    few = len(paths) // 8
    begin = time.monotonic()
    predictions(run, paths[:few], top=14)
    middle = time.monotonic()
    answers = predictions(run, paths, top=14)
    rate = (len(paths) - few) / ((time.monotonic() - middle) - (middle - begin))
    return [answers[str(path)] for path in paths], rate


def measure(model, folder, seconds, photo_count):
    run = run_for(model, folder)
    photos = distinct_photos(photo_count)
    answers, predicted = expected(run, photos, folder)
    rows, wrong, overhead = [], 0, None
    for label, batching in (("batched", []), ("unbatched", ["--batch-size", "1"])):
        server = Server(run, "--quiet", "--image-memory", "0", "--patience", "60", *batching)
        load = Load(server, photos, answers)
        load.run(4, 2)
        for clients in CLIENTS:
            before = compute_seconds(server)
            load.run(clients, seconds)
            after = compute_seconds(server)
            rows.append((model, label, clients, load.rate, *(1000 * percentile(load.times, p) for p in (0.5, 0.95, 0.99))))
            print("| {} | {} | {} | {:.1f} | {:.0f} | {:.0f} | {:.0f} |".format(*rows[-1]), flush=True)
            if label == "batched" and clients == max(CLIENTS):
                overhead = load.seconds / (after[0] - before[0]) - 1, predicted, predicted / load.rate - 1
        wrong += load.wrong
        server.stop()
    ratio = {c: next(r[3] for r in rows if r[1:3] == ("batched", c)) / next(r[3] for r in rows if r[1:3] == ("unbatched", c))
             for c in CLIENTS}
    return rows, ratio, overhead, wrong, (run, photos, answers)


def overload(run, photos, answers, seconds, patience, capacity):
    """Four times as many images a second as the server can name: who is let in is answered in time."""
    queue = max(8, int(capacity * patience))
    server = Server(run, "--quiet", "--image-memory", "0", "--patience", str(patience), "--queue", str(queue), "--connections", "1024")
    load = Load(server, photos, answers)
    load.run(4, 2)
    load.run(min(400, 4 * queue), seconds, offered=4 * capacity)
    result = (4 * capacity, queue, load.rate, load.refusals / load.seconds, percentile(load.times, 0.99), load.wrong)
    assert server.stop() == 0
    return result


def soak(run, photos, answers, seconds):
    """Memory, ten times in the course of the load, once the largest batches have gone through."""
    server = Server(run, "--quiet", "--header-time", "3600")  # a machine that stands still is no fault of the client
    load = Load(server, photos, answers)
    load.run(64, min(30, seconds / 10))
    memory, answered = [], 0
    for _ in range(10):
        load.run(8, seconds / 10)
        answered += len(load.times)
        memory.append(server.resident_mib)
    server.stop()
    return memory, answered, load.wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--soak", type=float, default=600)
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--models", default="tiny-clip,ViT-B/16")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "cocoop-serving")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    lines = ["| model | | clients | requests/s | p50 ms | p95 ms | p99 ms |", "|---|---|---:|---:|---:|---:|---:|"]
    facts, wrong = [], 0
    first = None
    for model in options.models.split(","):
        rows, ratio, overhead, mistakes, context = measure(model, options.folder, options.seconds, options.photos)
        first = first or (model, context, max(row[3] for row in rows))
        wrong += mistakes
        lines += ["| {} | {} | {} | {:.1f} | {:.0f} | {:.0f} | {:.0f} |".format(*row) for row in rows]
        facts.append(f"{model}: batching multiplies the requests a second by "
                     + ", ".join(f"{ratio[c]:.2f} at {c} clients" for c in CLIENTS)
                     + f". At 64 clients the time is {100 * overhead[0]:.1f} % more than that within the model; `predict` names "
                     f"{overhead[1]:.1f} of the same photos a second, {100 * overhead[2]:+.1f} %.")
    name, (run, photos, answers), capacity = first
    offered, queue, rate, refused, p99, mistakes = overload(run, photos, answers, options.seconds, 2, capacity)
    wrong += mistakes
    facts.append(f"Overload, {name}: {offered:.0f} requests a second, four times what it can answer, with a patience of 2 s: {rate:.1f} answered and "
                 f"{refused:.0f} refused a second; 99 % of the answers within {p99:.2f} s.")
    memory, answered, mistakes = soak(run, photos, answers, options.soak)
    wrong += mistakes
    spread = 100 * (max(memory) / min(memory) - 1)
    facts.append(f"Memory, {name}, 8 clients for {options.soak:.0f} s, {answered} answers: from {min(memory):.0f} to {max(memory):.0f} MiB, "
                 f"{spread:.1f} % apart.")
    facts.append(f"Wrong answers: {wrong}.")
    text = "\n".join(lines) + "\n\n" + "\n".join(f"- {fact}" for fact in facts) + "\n"
    print(text)
    if options.write:
        document = DOCUMENT.read_text()
        begin, end = "<!-- measured: make bench-serve -->\n", "<!-- end -->"
        head, rest = document.split(begin)
        DOCUMENT.write_text(head + begin + text + rest[rest.index(end):])


if __name__ == "__main__":
    main()
