"""Holds the client of models by name against the real clients, and measures it.

    python check_downloads.py COCOOP TESTS [--files 20] [--kills 100] [--gigabytes 2]

COCOOP is the built tool, TESTS the command that runs the test "the test hub serves other clients" (see below), whose
server behaves as the Hugging Face Hub does. huggingface_hub and open_clip from PyPI ask the same server by HF_ENDPOINT:

1. what cocoop has cached, huggingface_hub finds without a request, and open_clip loads it;
2. what huggingface_hub has cached, cocoop finds without a request;
3. transfers that are cut three times at random bytes end in the right file. The tool waits a second after each cut, so
   these are few; the suite "A file arrives whole and verified, or not at all" makes 1,000 without the waiting;
4. kill -9 at random instants leaves never a wrong or a half file under its final name;
5. wall time and memory for a large file. The plain copy with hashing is `curl URL | tee FILE | openssl dgst -sha256`,
   which like the tool hashes with libcrypto beside the writing (coreutils' sha256sum is three times as slow where it is
   built without libcrypto). It does not wait for the disk, as the tool does: that time is measured apart. What the tool
   takes for a small file is its start and its questions to the Hub.

Needs curl and openssl. Prints what it found, and exits with 1 where something is wrong.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEED = 1
TINY = Path(__file__).parents[2] / "Sources/Embedded/Resources/tiny-clip"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Bench:
    def __init__(self, cocoop, endpoint, folder):
        self.cocoop, self.endpoint, self.folder = cocoop, endpoint, folder
        self.count = 0

    def home(self):
        self.count += 1
        home = self.folder / f"home{self.count}"
        home.mkdir()
        return home

    def environment(self, home, **more):
        keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return keep | {"HOME": str(home), "HF_ENDPOINT": self.endpoint} | more

    def run(self, home, *arguments, **more):
        return subprocess.run([self.cocoop, *arguments], env=self.environment(home, **more), capture_output=True, text=True)

    def python(self, home, code, **more):
        return subprocess.run([sys.executable, "-c", code], env=self.environment(home, **more), capture_output=True,
                              text=True)


def expect(condition, text, detail=""):
    print(("ok    " if condition else "WRONG ") + text)
    if not condition:
        print(detail)
        expect.failures += 1


expect.failures = 0


def peers(bench):
    home = bench.home()
    done = bench.run(home, "models", "download", "hf-hub:test/tiny-clip", "--json")
    expect(done.returncode == 0, "cocoop downloads a repository", done.stderr)
    found = bench.python(home, (
        "from huggingface_hub import hf_hub_download as get, scan_cache_dir as scan\n"
        "for name in ['open_clip_config.json', 'open_clip_model.safetensors']:\n"
        "    print(get('test/tiny-clip', name))\n"
        "print(scan().warnings, [r.repo_id for r in scan().repos])\n"), HF_HUB_OFFLINE="1")
    expect(found.returncode == 0 and "[] ['test/tiny-clip']" in found.stdout,
           "huggingface_hub finds what cocoop has cached, offline", found.stdout + found.stderr)
    loaded = bench.python(home, (
        "import torchvision_names, open_clip\n"
        "model, _, _ = open_clip.create_model_and_transforms('hf-hub:test/tiny-clip')\n"
        "print(sum(p.numel() for p in model.parameters()))\n"), HF_HUB_OFFLINE="1",
        PYTHONPATH=str(Path(__file__).parent))
    expect(loaded.returncode == 0, "open_clip loads what cocoop has cached, offline: "
           + loaded.stdout.strip() + " parameters", loaded.stderr[-2000:])
    home = bench.home()
    got = bench.python(home, "from huggingface_hub import snapshot_download as get; print(get('test/tiny-clip'))")
    expect(got.returncode == 0, "huggingface_hub downloads the same repository", got.stderr[-2000:])
    shown = bench.run(home, "models", "inspect", "hf-hub:test/tiny-clip", "--offline", "--json")
    expect(shown.returncode == 0 and json.loads(shown.stdout or "{}").get("loads"),
           "cocoop finds what huggingface_hub has cached, offline", shown.stderr)
    listed = bench.run(home, "models", "list", "--here")
    expect("hf-hub:test/tiny-clip" in listed.stdout, "and lists it", listed.stdout)


def cuts(bench, rounds, wanted):
    generator = random.Random(SEED)
    right = 0
    for number in range(rounds):
        home = bench.home()
        done = bench.run(home, "models", "download", "hf-hub:test/cut", "--quiet")
        blobs = list(home.glob(".cache/huggingface/hub/models--test--cut/blobs/*"))
        right += done.returncode == 0 and any(sha256(blob) == wanted for blob in blobs)
        shutil.rmtree(home)
        if done.returncode:
            print(done.stderr)
            break
        generator.random()
    expect(right == rounds, f"{right} of {rounds} files that were cut on the way are right")


def kills(bench, rounds, wanted):
    generator = random.Random(SEED)
    home = bench.home()
    target = home / ".cache/huggingface/hub/models--test--large/blobs" / wanted
    wrong = whole = 0
    started = time.monotonic()
    bench.run(home, "models", "download", "hf-hub:test/large", "--quiet")
    length = time.monotonic() - started
    shutil.rmtree(home / ".cache")
    for _ in range(rounds):
        process = subprocess.Popen([bench.cocoop, "models", "download", "hf-hub:test/large", "--quiet"],
                                   env=bench.environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(generator.uniform(0, 1.2 * length))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if target.exists():
            whole += 1
            wrong += sha256(target) != wanted
            shutil.rmtree(home / ".cache")
    done = bench.run(home, "models", "download", "hf-hub:test/large", "--quiet")
    expect(wrong == 0 and done.returncode == 0 and sha256(target) == wanted,
           f"{rounds} kills: {wrong} wrong files; {whole} downloads had ended; the last one is right", done.stderr)


def download(bench, name):
    """The seconds and the peak of anonymous memory in MiB of one call of the tool, with an empty cache."""
    home = bench.home()
    started = time.monotonic()
    process = subprocess.Popen([bench.cocoop, "models", "download", f"hf-hub:test/{name}", "--quiet"],
                               env=bench.environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")])
        except OSError:
            pass
        time.sleep(0.005)
    seconds = time.monotonic() - started
    # The small file is no checkpoint; the large one isn't either. Both end in the same way.
    blobs = home / f".cache/huggingface/hub/models--test--{name}/blobs"
    expect(any(len(blob.name) == 64 for blob in blobs.glob("*")), f"{name} is fetched")
    shutil.rmtree(home)
    return seconds, peak / 1024


def figures(bench, path, rounds=5):
    size = path.stat().st_size
    url = f"{bench.endpoint}/test/large/resolve/main/open_clip_model.safetensors"
    target = bench.folder / "copy"
    times = {name: [] for name in ["curl", "curl with hashing", "fsync", "cocoop", "cocoop, small file"]}
    memory = {"small": [], "large": []}
    # Cuts that were meant for the files before may be left.
    small = ["curl", "-sSLf", "-o", os.devnull, url.replace("/large/", "/small/")]
    while subprocess.run(small, stderr=subprocess.DEVNULL).returncode:
        pass
    for _ in range(rounds):
        for name, command in [("curl", f"curl -sSL -o '{target}' '{url}'"),
                              ("curl with hashing", f"curl -sSL '{url}' | tee '{target}' | openssl dgst -sha256")]:
            started = time.monotonic()
            subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.monotonic() - started)
            if name == "curl":
                target.unlink()
        started = time.monotonic()
        with open(target, "rb") as file:
            os.fsync(file.fileno())
        times["fsync"].append(time.monotonic() - started)
        target.unlink()
        for name, repository in [("cocoop", "large"), ("cocoop, small file", "small")]:
            seconds, peak = download(bench, repository)
            times[name].append(seconds)
            memory[repository].append(peak)
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{size / 1e9:.1f} GB: " + ", ".join(f"{name} {value:.2f} s" for name, value in median.items()))
    transfer = median["cocoop"] - median["cocoop, small file"]
    print(f"beside curl with hashing: {transfer / median['curl with hashing']:.2f} without the tool's start and with"
          f" fsync, {median['cocoop'] / median['curl with hashing']:.2f} with both")
    print(f"anonymous memory at most {max(memory['large']):.0f} MiB, for a small file {max(memory['small']):.0f} MiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cocoop")
    parser.add_argument("tests")
    parser.add_argument("--files", type=int, default=20, help="files that are cut three times")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--gigabytes", type=float, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        content = folder / "repositories"
        shutil.copytree(TINY, content / "test/tiny-clip")
        generator = random.Random(SEED)
        for name, size in [("cut", 1 << 20), ("small", 1 << 20), ("large", int(options.gigabytes * 1e9))]:
            repository = content / "test" / name
            repository.mkdir()
            shutil.copy(TINY / "open_clip_config.json", repository)
            with open(repository / "open_clip_model.safetensors", "wb") as file:
                block = generator.randbytes(1 << 20)
                for offset in range(0, size, len(block)):
                    file.write(offset.to_bytes(8, "little") + block[8:][: size - offset - 8])
        address = folder / "address"
        environment = os.environ | {"COCOOP_HUB_FILES": str(content), "COCOOP_HUB_ADDRESS": str(address)}
        server = subprocess.Popen(options.tests, shell=True, env=environment, stdout=subprocess.DEVNULL,
                                  start_new_session=True)
        try:
            while not address.exists():
                if server.poll() is not None:
                    sys.exit("the server ended")
                time.sleep(0.1)
            bench = Bench(options.cocoop, address.read_text(), folder)
            peers(bench)
            cuts(bench, options.files, sha256(content / "test/cut/open_clip_model.safetensors"))
            large = content / "test/large/open_clip_model.safetensors"
            if options.gigabytes:
                figures(bench, large)
                kills(bench, options.kills, sha256(large))
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
    sys.exit(1 if expect.failures else 0)


if __name__ == "__main__":
    main()
