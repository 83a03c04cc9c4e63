"""Made images, their folders, and a server for archives."""

import functools
import http.server
import threading
import zipfile

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra vision")
pytest.importorskip("PIL", reason="needs the extra vision")

import torch
from PIL import Image

from agcore_contrib.vision.networks.names import tell_substitute

# Threads that wait for one another are slow on a busy machine.
torch.set_num_threads(1)

COLOURS = {"blue": (40, 40, 200), "green": (40, 190, 60), "red": (210, 50, 40)}


def picture(colour, seed, size=24):
    """Noise of one colour, with a bright stripe somewhere."""
    generator = np.random.default_rng(seed)
    pixels = np.asarray(COLOURS[colour]) + generator.normal(0, 40, (size, size, 3))
    pixels[generator.integers(size)] += 60
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_folders(root, counts, seed=0, suffix=".png"):
    """``root/PART/COLOUR/000.png`` for each part and its number of images a class."""
    for part, count in counts.items():
        for k, colour in enumerate(COLOURS):
            folder = root / part / colour
            folder.mkdir(parents=True)
            for number in range(count):
                image = picture(colour, [seed, k, number, len(part)])
                image.save(folder / f"{number:03d}{suffix}")
    return root


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test unpacks into the user's cache."""
    monkeypatch.setenv("AGCORE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def told_anew():
    """What is said once in a process is said once in a test."""
    tell_substitute.cache_clear()


@pytest.fixture(scope="session")
def colours(tmp_path_factory):
    """12 images to train on and 4 to test for each of three colours."""
    return write_folders(tmp_path_factory.mktemp("colours"), {"train": 12, "test": 4})


@pytest.fixture
def serve():
    """Called with a folder, returns the address under which a server has its files."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    def start(folder):
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def archive(tmp_path_factory, colours):
    """The same in a zip file, two folders deep, as shopee-iet.zip has it."""
    path = tmp_path_factory.mktemp("archives") / "colours.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for file in sorted(colours.rglob("*.png")):
            opened.write(file, f"data/{file.relative_to(colours)}")
    return path
