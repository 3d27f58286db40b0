"""Measures `cocoop serve` and writes the figures into docs/serving.md.

    bench.py [--seconds 8] [--rounds 5] [--soak 600] [--parts tiny-clip,ViT-B/16,fast,overload,soak] [--more] [--write]

For each model and number of clients: requests a second and the 50th, 95th and 99th percentile of their times, with and without
batching, in rounds that alternate; processor seconds and time of a request at saturation beside those of `predict` for
the same photo; fast answers; overload; and memory under a load of ten minutes. Every answer is compared with that of `cocoop
predict`. Photos differ from one another, so that no cache answers for the model.

What is measured is kept in the folder, so that parts can be measured one by one, and --more adds rounds to those of before;
--write writes all of it, and with --parts "" nothing is measured anew.
"""
import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from support import ROOT, TOOL, Client, Server, distance, distinct_photos, predictions, quick_run

DOCUMENT = ROOT / "docs/serving.md"
CLIENTS = [1, 8, 64]
MODELS = ["tiny-clip", "ViT-B/16"]
OTHERS = ["fast", "overload", "soak"]
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
    if not (run / "fast.json").exists():
        subprocess.run(
            [TOOL, "train", "--data", "openclipart", "--model", str(checkpoint), "--classes", "base", "--shots", "1", "--epochs",
             "1", "--image-views", "1", "--output", str(run), "--force", "--quiet"], check=True, cwd=ROOT)
    return run


def expected(run, photos, folder, *options):
    """What predict says of each photo, by its number, and what it takes for a photo, once it has begun: seconds, and processor seconds."""
    place = folder / "photos"
    place.mkdir(exist_ok=True)
    paths = []
    for index, photo in enumerate(photos):
        path = place / f"{index:04}.jpg"
        path.write_bytes(photo)
        paths.append(path)

    def processor_seconds():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def timed(paths):
        begin, before = time.monotonic(), processor_seconds()
        answers = predictions(run, paths, top=14, options=options)
        return answers, time.monotonic() - begin, processor_seconds() - before
    _, *one = timed(paths[:1])
    # Tiny-clip's photos three times, since they take it a second.
    many = paths * (3 if len(paths) > 100 else 1)
    answers, *all_ = timed(many)
    cost = [(every - single) / (len(many) - 1) for every, single in zip(all_, one)]
    return [answers[str(path)] for path in paths], cost


def measure(model, folder, seconds, photo_count, turn):
    """One round: batched and unbatched in turn, since the machine itself is now faster and now slower; each is first in every second round."""
    run = run_for(model, folder)
    photos = distinct_photos(photo_count)
    answers, predicted = expected(run, photos, folder)
    common = ["--quiet", "--image-memory", "0", "--patience", "120"]
    servers = {"batched": Server(run, *common), "unbatched": Server(run, *common, "--batch-size", "1")}
    loads = {label: Load(server, photos, answers) for label, server in servers.items()}
    rows, cost = {}, None
    for load in loads.values():
        load.run(4, 2)
    for clients in CLIENTS:
        for label, server in sorted(servers.items(), reverse=turn % 2 == 1):
            load = loads[label]
            before, used = compute_seconds(server), server.processor_seconds
            load.run(clients, seconds)
            after = compute_seconds(server)
            rows[f"{label} {clients}"] = [load.rate, *(1000 * percentile(load.times, p) for p in (0.5, 0.95, 0.99))]
            if label == "batched" and clients == max(CLIENTS):
                cost = [load.seconds / len(load.times), (server.processor_seconds - used) / len(load.times),
                        load.seconds / (after[0] - before[0]) - 1]
            print(f"{model} {label} {clients}: {load.rate:.1f}", flush=True)
    for server in servers.values():
        server.stop()
    return {"rows": rows, "cost": cost, "predicted": predicted, "wrong": sum(load.wrong for load in loads.values())}


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def summary(model, rounds):
    """Rows of the table, facts, and the number of wrong answers of several rounds."""
    rows = [(model, *label.split(), *medians([r["rows"][label] for r in rounds])) for label in rounds[0]["rows"]]
    rows.sort(key=lambda row: row[1])

    def ratios(clients):
        return [r["rows"][f"batched {clients}"][0] / r["rows"][f"unbatched {clients}"][0] for r in rounds]
    (wall, used, between), (predict_wall, predict_used) = (medians([r[key] for r in rounds]) for key in ("cost", "predicted"))
    facts = [
        f"{model}: batching multiplies the requests a second by "
        + ", ".join(f"{statistics.median(ratios(c)):.2f} ({min(ratios(c)):.2f} to {max(ratios(c)):.2f}) at {c} clients" for c in CLIENTS)
        + f"; medians of {len(rounds)} rounds, in each of which the two take turns.",
        f"{model}, 64 clients: a request takes {1000 * used:.2f} ms of the server's processor time and {1000 * wall:.2f} ms of the clock; "
        f"`predict` takes {1000 * predict_used:.2f} ms and {1000 * predict_wall:.2f} ms for the same photo: "
        f"{100 * (used / predict_used - 1):+.1f} % and {100 * (wall / predict_wall - 1):+.1f} %. Between its passes the model waits for "
        f"{100 * between:.1f} % of their time."]
    return rows, facts, sum(r["wrong"] for r in rounds)


def fast(run, photos, folder, seconds):
    """Fast answers beside exact ones, and what the first one of a class list takes."""
    answers, _ = expected(run, photos, folder, "--fast")
    server = Server(run, "--quiet", "--image-memory", "0", "--patience", "60")
    load = Load(server, photos, answers, query="?top=14&mode=fast")
    first = load.run(1, 0.001).times[0]
    rates = {clients: load.run(clients, seconds).rate for clients in (1, 64)}
    server.stop()
    return [f"mode=fast: {rates[1]:.1f} requests a second of 1 client, {rates[64]:.1f} of 64; the first, which prepares the "
            f"14 classes, takes {first:.2f} s."], load.wrong


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
    server = Server(run, "--quiet", "--header-time", "3600", "--body-time", "3600")  # a machine that stands still is no fault of the client
    load = Load(server, photos, answers)
    load.run(64, min(60, seconds / 10))
    memory, answered = [], 0
    for _ in range(10):
        load.run(8, seconds / 10)
        answered += len(load.times)
        memory.append(server.resident_mib)
        print(f"{memory[-1]:.0f} MiB after {answered} answers", flush=True)
    server.stop()
    return memory, answered, load.wrong


def measured(part, options, kept, turn=0):
    """A part's facts and wrong answers; of a model, one round."""
    run = run_for("tiny-clip", options.folder)
    photos = distinct_photos(options.photos)
    if part in MODELS:
        # A photo takes ViT-B/16 forty times as long.
        count = options.photos if part == "tiny-clip" else min(options.photos, 48)
        return measure(part, options.folder, options.seconds, count, turn)
    if part == "fast":
        facts, wrong = fast(run, photos, options.folder, options.seconds)
        return {"facts": facts, "wrong": wrong}
    answers, _ = expected(run, photos, options.folder)
    if part == "overload":
        capacity = max(row[3] for row in summary("tiny-clip", kept["tiny-clip"])[0])
        offered, queue, rate, refused, p99, wrong = overload(run, photos, answers, options.seconds, 2, capacity)
        fact = (f"Overload: {offered:.0f} requests a second, four times what it can answer, with a patience of 2 s: {rate:.1f} answered "
                f"and {refused:.0f} refused a second; 99 % of the answers within {p99:.2f} s.")
    else:
        memory, answered, wrong = soak(run, photos, answers, options.soak)
        fact = (f"Memory, 8 clients for {options.soak:.0f} s, {answered} answers: from {min(memory):.0f} to {max(memory):.0f} MiB, "
                f"{100 * (max(memory) / min(memory) - 1):.1f} % apart.")
    return {"facts": [fact], "wrong": wrong}


def written(kept):
    """All figures as docs/serving.md has them."""
    lines = ["| model | | clients | requests/s | p50 ms | p95 ms | p99 ms |", "|---|---|---:|---:|---:|---:|---:|"]
    facts, wrong = [], 0
    for part in MODELS:
        rows, more, mistakes = summary(part, kept[part])
        lines += ["| {} | {} | {} | {:.1f} | {:.0f} | {:.0f} | {:.0f} |".format(*row) for row in rows]
        facts += more
        wrong += mistakes
    for part in OTHERS:
        facts += kept[part]["facts"]
        wrong += kept[part]["wrong"]
    facts.append(f"Wrong answers: {wrong}.")
    items = (textwrap.fill(f"- {fact}", 120, subsequent_indent="  ", break_on_hyphens=False) for fact in facts)
    return "\n".join(lines) + "\n\n" + "\n".join(items) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--soak", type=float, default=600)
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--parts", default=",".join(MODELS + OTHERS))
    parser.add_argument("--more", action="store_true", help="add rounds to those that are kept")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "cocoop-serving")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    place = options.folder / "figures.json"
    kept = json.loads(place.read_text()) if place.exists() else {}
    for part in filter(None, options.parts.split(",")):
        if part in MODELS:
            rounds = kept.get(part, []) if options.more else []
            kept[part] = rounds + [measured(part, options, kept, len(rounds) + more) for more in range(options.rounds)]
            print("\n".join(summary(part, kept[part])[1]), flush=True)
        else:
            kept[part] = measured(part, options, kept)
            print("\n".join(kept[part]["facts"]), flush=True)
        place.write_text(json.dumps(kept))
    if options.write:
        document = DOCUMENT.read_text()
        begin, end = "<!-- measured: make bench-serve -->\n", "<!-- end -->"
        head, rest = document.split(begin)
        DOCUMENT.write_text(head + begin + written(kept) + rest[rest.index(end):])


if __name__ == "__main__":
    main()
