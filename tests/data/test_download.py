"""Downloads, from a server inside the test: checked, whole, clear when they fail."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import socket
import threading

import pytest

from plexgrad.data import catalogue, download, load
from plexgrad.data.download import Remote, fetch_file
from plexgrad.data.mnist import FILES, Mnist


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass

    def do_GET(self):
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"only this")
        elif self.path == "/slow":
            self.server.stop_waiting.wait(10)
        else:
            super().do_GET()


@pytest.fixture
def site(tmp_path):
    """A folder, and the address under which its files are served."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.stop_waiting = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.stop_waiting.set()
        server.shutdown()
        thread.join()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_arrives_whole_and_alone(site, tmp_path, packed):
    folder, url = site
    content = bytes(range(256)) * 4096
    sent = gzip.compress(content, mtime=0) if packed else content
    (folder / "file").write_bytes(sent)
    remote = Remote(f"{url}/file", digest(content), packed)
    seen = []
    path = fetch_file(
        remote, tmp_path / "new" / "place", lambda *call: seen.append(call)
    )
    assert path.read_bytes() == sent
    assert files(path.parent) == ["file"]
    assert seen[-1] == ("file", len(sent), len(sent))
    assert [count for _, count, _ in seen] == sorted(count for _, count, _ in seen)


def test_a_file_address_works_too(tmp_path):
    (tmp_path / "file").write_bytes(b"data")
    remote = Remote((tmp_path / "file").as_uri(), digest(b"data"))
    assert fetch_file(remote, tmp_path / "copy").read_bytes() == b"data"


def test_a_wrong_checksum_leaves_nothing_behind(site, tmp_path):
    folder, url = site
    (folder / "file").write_bytes(b"other data")
    remote = Remote(f"{url}/file", digest(b"data"))
    with pytest.raises(
        ValueError,
        match=f"{url}/file must have the SHA-256 {digest(b'data')}, "
        f"got {digest(b'other data')}; nothing was written",
    ):
        fetch_file(remote, tmp_path / "copy")
    assert files(tmp_path / "copy") == []


@pytest.mark.parametrize("data", [b"<html>", gzip.compress(b"data", mtime=0)[:-4]])
def test_what_is_not_a_gzip_is_refused(site, tmp_path, data):
    folder, url = site
    (folder / "file.gz").write_bytes(data)
    remote = Remote(f"{url}/file.gz", digest(b"data"), packed=True)
    with pytest.raises(ValueError, match="file.gz must be a whole gzip file, got:"):
        fetch_file(remote, tmp_path / "copy")
    assert files(tmp_path / "copy") == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "/nowhere must be there, got HTTP 404 File not found"),
        ("short", "/short must send 100 bytes, got 9"),
        ("slow", "/slow must be reachable, got: timed out"),
    ],
)
def test_a_server_that_fails_is_named(site, tmp_path, path, message):
    _, url = site
    with pytest.raises(ConnectionError, match=f"^{url}{message}"):
        fetch_file(Remote(f"{url}/{path}", "-"), tmp_path / "copy", timeout_s=0.2)
    assert files(tmp_path / "copy") == []


def test_no_server_at_all_is_named(tmp_path):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(
        ConnectionError, match="/file must be reachable, got: .*refused"
    ):
        fetch_file(Remote(f"http://127.0.0.1:{port}/file", "-"), tmp_path)


def test_a_folder_that_cannot_be_written_is_named_before_the_download(
    tmp_path, monkeypatch
):
    (tmp_path / "file").write_bytes(b"")
    remote = Remote("http://127.0.0.1:0/never-asked", "-")
    with pytest.raises(OSError, match="file must be a writable folder, got"):
        fetch_file(remote, tmp_path / "file")
    monkeypatch.setattr(download.os, "access", lambda *_: False)
    with pytest.raises(OSError, match="must be a writable folder, got a read-only one"):
        fetch_file(remote, tmp_path)


@pytest.fixture
def small_mnist(site, idx_contents, monkeypatch):
    """MNIST's address and checksums, moved to the small files of this server."""
    folder, url = site
    for file, content in idx_contents.items():
        (folder / file).write_bytes(gzip.compress(content, mtime=0))
    monkeypatch.setattr(Mnist, "url", url)
    checksums = tuple(digest(idx_contents[file]) for file in FILES)
    monkeypatch.setattr(Mnist, "checksums", checksums)


@pytest.mark.usefixtures("small_mnist")
def test_load_downloads_only_when_asked_and_only_once(site, cache_home):
    with pytest.raises(FileNotFoundError):
        load("mnist")
    data = load("mnist", download=True)
    assert data.sizes == (5, 3)
    assert "the files are those published" in data.source
    assert files(cache_home / "mnist") == sorted(FILES)
    for file in FILES:
        (site[0] / file).unlink()
    assert load("mnist", download=True).sizes == (5, 3)


@pytest.mark.usefixtures("small_mnist")
def test_fetch_completes_a_folder_and_reports(tmp_path):
    seen = []
    paths = catalogue.fetch("mnist", tmp_path, lambda *call: seen.append(call))
    assert [path.name for path in paths] == list(FILES)
    assert {file for file, _, _ in seen} == set(FILES)
    paths[2].unlink()
    assert catalogue.fetch("mnist", tmp_path) == (tmp_path / "mnist" / FILES[2],)
    assert load("mnist", tmp_path).sizes == (5, 3)


@pytest.mark.usefixtures("small_mnist")
def test_downloads_go_to_the_named_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PLEXGRAD_DATA", str(tmp_path / "data"))
    load("mnist", download=True)
    assert files(tmp_path / "data" / "mnist") == sorted(FILES)


def test_datasets_that_are_made_need_no_download():
    assert catalogue.fetch("xor") == ()
