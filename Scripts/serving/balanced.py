"""Two servers behind nginx, one of which is killed under load; writes the figures into docs/many-machines.md.

    balanced.py [--seconds 20] [--clients 16] [--write]

nginx runs with Deploy/nginx/cocoop.conf, on other ports. Every answer is compared with that of `cocoop predict`. A third of
the way through, one server gets SIGKILL; at two thirds the other is joined by a new one, and is stopped by SIGTERM.
"""
import argparse
import asyncio
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

from support import ROOT, Client, Server, distance, distinct_photos, predictions, quick_run

DOCUMENT = ROOT / "docs/many-machines.md"
TOLERANCE = 1e-4


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    def __init__(self, folder, ports):
        text = (ROOT / "Deploy/nginx/cocoop.conf").read_text()
        self.port = free_port()
        for old, new in zip([8080, 8081, 8082], [self.port, *ports]):
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        (folder / "cocoop.conf").write_text(text)
        main = f"""
            daemon off; pid {folder}/pid; error_log {folder}/error.log warn; worker_processes 1;
            events {{ worker_connections 512; }}
            http {{
              access_log off;
              client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
              uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
              include {folder}/cocoop.conf;
            }}"""
        (folder / "nginx.conf").write_text(textwrap.dedent(main))
        command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        self.process = subprocess.Popen(command)


async def load(port, count, end, photos, expected, tally):
    """So many clients that each send one photo after the other, also on a new connection where one broke."""

    async def one(number):
        client = Client(port)
        turn = number
        while time.monotonic() < end:
            turn += 1
            index = turn % len(photos)
            try:
                status, _, answer = await client.classify(photos[index])
            except (OSError, asyncio.IncompleteReadError) as error:
                tally["broken"].append(repr(error))
                client.close()
                continue
            tally["status"][status] = tally["status"].get(status, 0) + 1
            if status == 200:
                found = answer["results"][0]["top"]
                tally["wrong"] += distance(found, expected[index]) > TOLERANCE
                tally["times"].append(time.monotonic())
        client.close()

    await asyncio.gather(*(one(number) for number in range(count)))


async def measure(options, run, photos, expected):
    folder = Path(tempfile.mkdtemp())
    first, second = Server(run, "--threads", "1", "--quiet"), Server(run, "--threads", "1", "--quiet")
    proxy = Proxy(folder, [first.port, second.port])
    time.sleep(0.5)
    tally = {"status": {}, "broken": [], "wrong": 0, "times": []}
    start = time.monotonic()
    third = options.seconds / 3

    async def events():
        await asyncio.sleep(third)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        tally["killed"] = time.monotonic()
        await asyncio.sleep(third)
        replacement = await asyncio.to_thread(Server, run, "--threads", "1", "--quiet", "--port", str(first.port))
        await asyncio.sleep(3)  # nginx asks a server that was gone again after 2 s
        tally["stopped"] = time.monotonic()
        second.process.send_signal(signal.SIGTERM)
        tally["exit"] = await asyncio.to_thread(second.process.wait, 40)
        return replacement

    try:
        loading = load(proxy.port, options.clients, start + options.seconds + 6, photos, expected, tally)
        await asyncio.gather(loading, events())
    finally:
        proxy.process.terminate()
    errors = (folder / "error.log").read_text()
    tally["retried"] = len(re.findall("upstream", errors))
    return tally


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = quick_run(Path(folder) / "run")
        photos = distinct_photos(64)
        files = [Path(folder) / f"{index}.jpg" for index in range(len(photos))]
        for file, photo in zip(files, photos):
            file.write_bytes(photo)
        found = predictions(run, files)
        expected = [found[str(file)] for file in files]
        tally = asyncio.run(measure(options, run, photos, expected))
    answered = tally["status"].get(200, 0)
    after = [moment for moment in tally["times"] if moment > tally["killed"]]
    text = textwrap.dedent(f"""\
        - {options.clients} clients, {sum(tally["status"].values())} requests: {answered} answered, {tally["wrong"]} of them wrong,
          {sum(tally["status"].values()) - answered} refused or failed, {len(tally["broken"])} connections of clients broken.
        - One server killed by SIGKILL: the next answer {1000 * (after[0] - tally["killed"]):.0f} ms later. nginx gave
          {tally["retried"]} requests to the other.
        - A server started in its place, the other stopped by SIGTERM under load: it ended with status {tally["exit"]}.
        """)
    print(text)
    if options.write:
        document = DOCUMENT.read_text()
        DOCUMENT.write_text(re.sub(
            r"(<!-- measured: balanced.py -->\n).*?(<!-- end -->)", lambda m: m[1] + text + m[2], document, flags=re.S))
    assert tally["wrong"] == 0 and answered == sum(tally["status"].values()) and not tally["broken"], tally


main()
