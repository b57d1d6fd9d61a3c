"""CURVE keys of a server and of the hosts that it lets in, as files in a folder.

`server` and `client` have a public `.key` and a secret `.key_secret`; the public keys
in the folder `clients` are those that are let in, now: a file that is taken away is
refused from the next message on.
"""

import contextlib
import os
import shlex
import time
from pathlib import Path
from typing import Any

from plexgrad.core.extras import needed

SERVER, CLIENT, CLIENTS = "server", "client", "clients"
SETTLED_NS = 50_000_000
"""A folder that changed within so many nanoseconds is read again each time."""


def make_keys(folder: str | Path) -> list[Path]:
    """New keys of a server and one client; only the user may read the secret ones.

    The client takes `client.key_secret` and `server.key` with it; other hosts get keys
    of their own, whose public half goes to `clients`. Raises FileExistsError if there
    are keys already.
    """
    auth, folder = needed("zmq.auth", "lab"), Path(folder)
    made = [folder / f"{who}.key_secret" for who in (SERVER, CLIENT)]
    for path in made:
        if path.exists():
            raise FileExistsError(f"there are keys already: {path}")
    (folder / CLIENTS).mkdir(parents=True, exist_ok=True)
    for who in (SERVER, CLIENT):
        before = os.umask(0o077)
        try:
            auth.create_certificates(str(folder), who)
        finally:
            os.umask(before)
    public = folder / CLIENTS / f"{CLIENT}.key"
    public.write_bytes((folder / f"{CLIENT}.key").read_bytes())
    return [*made, folder / f"{SERVER}.key", public]


def load_keys(path: Path) -> tuple[bytes, bytes | None]:
    """Public and secret key of a file. Raises FileNotFoundError if there is none."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no key at {path}: plexgrad chip keys {shlex.quote(str(path.parent))}"
        )
    return needed("zmq.auth", "lab").load_certificate(str(path))


class Clients:
    """The public keys that are let in: those in the folder `clients` at this moment.

    The folder is read again when it or a file in it has changed; to see that takes no
    file descriptor, so hosts that are known go on when there is none left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / CLIENTS
        self._seen: dict[Path, tuple[int, int]] = {}
        self._keys: frozenset[str] = frozenset()

    def knows(self, key: str | None) -> bool:
        """Whether a public key, as text, is there."""
        try:
            if not self._seen or self._changed():
                self._read()
        except OSError:  # no folder, or none can be opened
            self._keys, self._seen = frozenset(), {}
        return bool(key) and key in self._keys

    def _changed(self) -> bool:
        try:
            return any(_change(path) != was for path, was in self._seen.items())
        except OSError:
            return True

    def _read(self) -> None:
        seen = {self.folder: _change(self.folder)}
        keys = set()
        for path in sorted(self.folder.glob("*.key")):
            with contextlib.suppress(FileNotFoundError):  # it went meanwhile
                seen[path] = _change(path)
                keys.add(_key(path))
        self._keys = frozenset(keys)
        # A file that comes within a tick of the clock would not change the folder.
        settled = time.time_ns() - seen[self.folder][1] > SETTLED_NS
        self._seen = seen if settled else {}

    def callback(self, domain: str, key: bytes) -> bool:
        """What pyzmq asks of each new connection."""
        try:
            return self.knows(key.decode())
        except Exception:  # the thread that asks would end, and nobody be let in
            return False


def guard(context: Any, clients: Clients) -> Any:
    """What lets connections in only by the keys of `clients`."""
    found = needed("zmq.auth.thread", "lab").ThreadAuthenticator(context)
    found.start()
    found.configure_curve_callback(domain="*", credentials_provider=clients)
    return found


def _change(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def _key(path: Path) -> str:
    """The public key in a file; "" if there is none in it."""
    try:
        return load_keys(path)[0].decode()
    except ValueError:
        return ""
