"""Does to `cocoop serve` what the network and its clients may do, and looks whether it still answers rightly.

    faults.py [--images 10000] [--requests 10000] [--slow 200] [--pieces 10]

Ten thousand damaged images, ten thousand damaged requests, slow clients, connections cut at every stage, and SIGTERM
under load. The server must not die, nor grow, and afterwards it must answer as before.
"""
import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from support import Client, Server, drawings, predictions, quick_run, distance

PIECES = [b"\r\n", b"\0", b"--b", b"chunked", b": ", b"HTTP/9.9", b"99999999999999999999", b"%00", b"\xff\xff\xff\xff", b"{" * 50]
TOLERANCE = 1e-4


def damaged(data, generator):
    """Overwrites, deletes, repeats, inserts or cuts off, up to three times."""
    data = bytearray(data)
    for _ in range(generator.randint(1, 3)):
        if not data:
            break
        start, length = generator.randrange(len(data)), generator.randint(1, 12)
        kind = generator.randrange(6)
        if kind == 0:
            data[start] = generator.randrange(256)
        elif kind == 1:
            del data[start:start + length]
        elif kind == 2:
            data[start:start] = data[start:start + length]
        elif kind == 3:
            data[start:start] = generator.choice(PIECES)
        elif kind == 4:
            data[start:start + length] = generator.choice(PIECES)
        else:
            del data[start:]
    return bytes(data)


async def in_parallel(jobs, width=8):
    """Runs functions that make coroutines, a few at a time."""
    queue = list(jobs)

    async def worker():
        while queue:
            await queue.pop()()
    await asyncio.gather(*[worker() for _ in range(width)])


async def images(server, count, generator):
    originals = [path.read_bytes() for path in drawings(40)]
    statuses = {}
    clients = [Client(server.port) for _ in range(8)]

    def job(data):
        async def ask():
            client = clients.pop()
            status, _, _ = await client.classify(data)
            clients.append(client)
            statuses[status] = statuses.get(status, 0) + 1
        return ask
    await in_parallel([job(damaged(generator.choice(originals), generator)) for _ in range(count)])
    for client in clients:
        client.close()
    assert set(statuses) <= {200, 422, 503}, statuses
    return statuses


async def requests(server, count, generator):
    photo = drawings(1)[0].read_bytes()
    form = (b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n' + photo
            + b'\r\n--b\r\nContent-Disposition: form-data; name="classes"\r\n\r\na,b\r\n--b--\r\n')
    text = b'{"images": ["/9j/4AAQ"], "classes": ["a", "b"], "top": 2, "model": "run"}'

    def request(kind, body, query=b""):
        return (b"POST /v1/classify" + query + b" HTTP/1.1\r\nHost: x\r\nContent-Type: " + kind + b"\r\nContent-Length: "
                + str(len(body)).encode() + b"\r\n\r\n" + body)
    seeds = [request(b"image/jpeg", photo, b"?classes=a,b&top=2"), request(b"multipart/form-data; boundary=b", form),
             request(b"application/json", text), b"GET /v1/model HTTP/1.1\r\nHost: x\r\n\r\n"]
    answers = {}

    def job(seed):
        # Damage near the beginning, where the header is, and anywhere.
        cut = generator.choice([len(seed), 400])
        data = damaged(seed[:cut], generator) + seed[cut:]

        async def ask():
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                writer.write(data)
                await writer.drain()
                line = await asyncio.wait_for(reader.readline(), 0.5)
                status = line.split()[1].decode() if line else "closed"
            except asyncio.TimeoutError:
                status = "unfinished"
            except (ConnectionError, OSError, IndexError):
                status = "closed"
            writer.close()
            answers[status] = answers.get(status, 0) + 1
        return ask
    await in_parallel([job(generator.choice(seeds)) for _ in range(count)])
    assert "500" not in answers, answers
    return answers


async def slow(server, count):
    """Clients that send a byte now and then hold no place for longer than the server's time for them."""
    started = time.monotonic()

    async def trickle(index):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 90000\r\n\r\n"
        if index % 2:
            writer.write(head)
        try:
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.25)
        except (ConnectionError, OSError):
            pass
        writer.close()
        return time.monotonic() - started

    async def others():
        await asyncio.sleep(1)
        client = Client(server.port)
        times = []
        for path in drawings(10):
            begin = time.monotonic()
            status, _, _ = await client.classify(path.read_bytes())
            assert status == 200
            times.append(time.monotonic() - begin)
        client.close()
        return max(times)
    *lives, worst = await asyncio.gather(*[trickle(index) for index in range(count)], others())
    return max(lives), worst


async def cuts(server):
    """A connection that is cut after each byte of a header, and in every part of a body and an answer."""
    photo = drawings(1)[0].read_bytes()
    head = (f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\n\r\n").encode()
    whole = head + photo
    for place in list(range(0, len(head), 3)) + list(range(len(head), len(whole), 400)) + [len(whole)] * 30:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(whole[:place])
        await writer.drain()
        writer.transport.abort() if place % 2 else writer.close()


async def right(server, expected):
    client = Client(server.port)
    worst = 0
    for path, answer in expected.items():
        status, _, body = await client.classify(Path(path).read_bytes(), "?top=14")
        assert status == 200
        worst = max(worst, distance(body["results"][0]["top"], answer))
    client.close()
    assert worst <= TOLERANCE, worst
    return worst


async def stopping(server):
    """SIGTERM while 40 requests are on their way: each that was accepted is answered."""
    async def one(path):
        client = Client(server.port)
        try:
            await client.open()
            status, _, _ = await client.classify(path.read_bytes())
            return status
        except (ConnectionError, asyncio.IncompleteReadError):
            return "refused"
        finally:
            client.close()
    tasks = [asyncio.create_task(one(path)) for path in drawings(40)]
    await asyncio.sleep(0.15)
    server.process.terminate()
    return await asyncio.gather(*tasks)


def settled(server, before):
    """Descriptors once closed connections are forgotten."""
    end = time.monotonic() + 20
    while server.descriptors > before and time.monotonic() < end:
        time.sleep(0.2)
    return server.descriptors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--pieces", type=int, default=10, help="after each of which memory is measured")
    options = parser.parse_args()
    run = quick_run(Path(tempfile.gettempdir()) / "cocoop-serving/first-run")
    expected = predictions(run, drawings(20), top=14)
    server = Server(run, "--threads", "1", "--header-time", "4", "--body-time", "4", "--image-memory", "0")
    asyncio.run(right(server, expected))
    generator = random.Random(1)
    answers, curve, descriptors = [Counter(), Counter()], [server.resident_mib], server.descriptors
    for piece in range(options.pieces):
        answers[0].update(asyncio.run(images(server, options.images // options.pieces, generator)))
        answers[1].update(asyncio.run(requests(server, options.requests // options.pieces, generator)))
        curve.append(server.resident_mib)
        if piece == options.pieces // 2 - 1:
            time.sleep(5)  # longer than any connection may be idle
            descriptors = server.descriptors
    memory = curve[options.pieces // 2]
    print("damaged images:  ", dict(answers[0]), "\ndamaged requests:", dict(answers[1]))
    print("memory, MiB:     ", *(f"{m:.0f}" for m in curve), flush=True)
    life, worst = asyncio.run(slow(server, options.slow))
    print(f"{options.slow} slow clients:  the last was cut after {life:.1f} s; beside them an answer took at most {1000 * worst:.0f} ms")
    asyncio.run(cuts(server))
    print(f"afterwards:       {settled(server, descriptors)} descriptors, {server.resident_mib:.0f} MiB; the largest difference "
          f"from predict {asyncio.run(right(server, expected)):.1e}", flush=True)
    assert settled(server, descriptors) <= descriptors + 1, (server.descriptors, descriptors)
    assert server.resident_mib <= memory * 1.05 + 8, (server.resident_mib, memory)
    answers = asyncio.run(stopping(server))
    status = server.process.wait(60)
    print(f"SIGTERM:          {answers.count(200)} answered, {answers.count('refused')} refused, exit status {status}")
    assert status == 0 and set(answers) <= {200, 503, "refused"}, answers


if __name__ == "__main__":
    main()
