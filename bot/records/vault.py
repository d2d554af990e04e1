"""Encryption at rest: one study key, kept apart from the database, wraps a data key for each participant.

A data key is wrapped under the study key and a seed of its own together. The key file holds both: on its first line the
study key, which never changes, and below it the seeds (see `seeds`). To destroy a data key its seed is taken out of the
file; then no copy of the database opens for that participant any more, however old, not even with the study key. An old
copy of the key file still could, so it is to be replaced after each deletion. AES-256-GCM throughout (NIST SP 800-38D;
96-bit random nonces); the study key never seals anything itself, only keys derived from it do.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hmac
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import KeyFileError
from bot.messages import Address
from bot.records.seeds import DEPTH, Seeds

KEY_BYTES = 32
NONCE_BYTES = 12
LEAF_BYTES = DEPTH // 2
AT_HAND = 4096
"""So many data keys are kept in memory, those of whoever writes or is written to most."""
UNSEEDED = NONCE_BYTES + KEY_BYTES + 16
"""The length of a data key as it was wrapped before there were seeds."""


class DataKey:
    """Seals and opens what belongs to one participant. `about` says what a value is, so that none can stand in
    for another: a body sealed as 'message' does not open as 'name'."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, words: str | bytes, about: str) -> bytes:
        """The words, encrypted: nonce, then ciphertext with its tag."""
        plain = words.encode() if isinstance(words, str) else words
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open_bytes(self, sealed: bytes, about: str) -> bytes:
        """What was sealed. Raises KeyFileError when the key is another one or the value was changed."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except InvalidTag:
            raise KeyFileError(
                f"A stored {about} cannot be read: it was sealed with another key, or changed. "
                "Check that security.key_file is the key this database was made with."
            ) from None

    def open(self, sealed: bytes, about: str) -> str:
        """What was sealed, as text."""
        return self.open_bytes(sealed, about).decode()


class Vault:
    """What can be done with the key file: make, open and destroy data keys, and find an address without storing it.

    Without `seeds`, as for a study that is never written down, they follow from the study key. `path` is the file.
    `team` seals what people of the team have, which no withdrawal touches.
    """

    def __init__(self, study_key: bytes, seeds: Seeds | None = None, path: Path | None = None) -> None:
        self._study_key = _derive(study_key, b"ownpace wrap data keys")
        self._finding = _derive(study_key, b"ownpace find addresses")
        self._naming = _derive(study_key, b"ownpace name the study key")
        self._chaining = _derive(study_key, b"ownpace chain the audit trail")
        self._signing = _derive(study_key, b"ownpace sign backups")
        self._browsers = _derive(study_key, b"ownpace know browsers")
        self.team = DataKey(_derive(study_key, b"ownpace seal what users have"))
        self._seeds = seeds or Seeds({"": _derive(study_key, b"ownpace seeds")})
        self._path = path
        self._at_hand = lru_cache(AT_HAND)(self._unwrapped)

    def new_data_key(self) -> bytes:
        """A fresh data key, wrapped: the form in which it is stored."""
        return self._wrap(secrets.token_bytes(KEY_BYTES))

    def data_key(self, wrapped: bytes) -> DataKey:
        """The data key that was wrapped. Raises KeyFileError once it was destroyed."""
        return self._at_hand(wrapped)

    def seeded(self, unseeded: bytes) -> bytes:
        """A data key that was wrapped before there were seeds, wrapped as they are now."""
        return self._wrap(DataKey(self._study_key).open_bytes(unseeded, "data key"))

    def destroyed(self, wrapped: bytes) -> bool:
        """Whether the seed of this data key is gone."""
        return not self.reaches(leaf_of(wrapped))

    def reaches(self, leaf: str) -> bool:
        """Whether the seed of this leaf is there."""
        return self._seeds.of(leaf) is not None

    def destroy(self, leaves: Iterable[str]) -> None:
        """Take the seeds of these leaves out of the key file, for good.

        Raises KeyFileError when the file cannot be written; nothing is destroyed then.
        """
        if self._path is None:
            left = self._seeds.without(*leaves)
        else:
            with _rewritten(self._path) as lines:
                left = _seeds(self._path, lines).without(*leaves)
                lines[1:] = _written(left)
        self._seeds = left
        self._at_hand.cache_clear()

    def _wrap(self, key: bytes) -> bytes:
        leaf = secrets.token_bytes(LEAF_BYTES)
        while not self.reaches(leaf.hex()):
            leaf = secrets.token_bytes(LEAF_BYTES)
        return leaf + self._wrapping(leaf.hex()).seal(key, "data key")

    def _unwrapped(self, wrapped: bytes) -> DataKey:
        return DataKey(self._wrapping(leaf_of(wrapped)).open_bytes(wrapped[LEAF_BYTES:], "data key"))

    def _wrapping(self, leaf: str) -> DataKey:
        """The key that wraps the data key at this leaf."""
        seed = self._seeds.of(leaf)
        if seed is None:
            raise KeyFileError(
                "This data key was destroyed: what it sealed cannot be read by anybody any more. If this database is "
                "an older copy, run: scripts/ownpace restored"
            )
        return DataKey(hmac.new(self._study_key, seed, sha256).digest())

    def find(self, address: Address) -> bytes:
        """The keyed hash under which an address is stored and looked up (HMAC-SHA256)."""
        return hmac.new(self._finding, f"{address.kind}:{address.value}".encode(), sha256).digest()

    def short_name(self, of: str) -> str:
        """Eight letters and figures (base32, RFC 4648) that tell nothing of what they name."""
        return base64.b32encode(hmac.new(self._naming, of.encode(), sha256).digest()).decode().lower()[:8]

    def name_of(self, content: bytes, key_id: int) -> bytes:
        """A keyed hash of somebody's file: the same content of the same person has the same one."""
        return hmac.new(self._finding, f"content {key_id}:".encode() + content, sha256).digest()

    def link(self, before: bytes, line: str) -> bytes:
        """What chains a line of the audit trail to the one before it: only who has the study key can make it."""
        return hmac.new(self._chaining, before + line.encode(), sha256).digest()

    def signature(self, of: bytes) -> str:
        """What stands beside a backup's manifest: only who has the study key can make it (HMAC-SHA256)."""
        return hmac.new(self._signing, of, sha256).hexdigest()

    def browser(self, token: str, name: str) -> str:
        """What shows that this token was given to a browser in which this user signed in (HMAC-SHA256)."""
        return hmac.new(self._browsers, f"{token} {name}".encode(), sha256).hexdigest()

    @property
    def fingerprint(self) -> str:
        """A name for the study key that tells nothing about it; a database remembers which key is its own."""
        return hmac.new(self._naming, b"fingerprint", sha256).hexdigest()[:16]


def _derive(study_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(study_key)


def leaf_of(wrapped: bytes) -> str:
    """Which seed a wrapped data key wants."""
    return wrapped[:LEAF_BYTES].hex()


# The key file: the study key in base64, then each seed as the digits of its node, a colon, and base64


def create_key_file(path: Path) -> None:
    """Write a new study key that only its owner can read. Raises KeyFileError if the file is there already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already; a study key is never written over.") from None
    _put(handle, [_base64(secrets.token_bytes(KEY_BYTES)), *_written(_new_seeds())])


def add_seeds(path: Path) -> None:
    """Give a key file of an earlier version, or one that somebody made by hand, its first seed."""
    lines = _read(path)
    if len(lines) > 1:
        return
    _decoded(path, lines[0] if lines else "")
    with _rewritten(path) as lines:
        lines[1:] = _written(_new_seeds())


def open_key_file(path: Path) -> Vault:
    """The vault of a key file. Raises KeyFileError when it is missing, readable by others, or damaged."""
    lines = _read(path)
    return Vault(_decoded(path, lines[0] if lines else ""), _seeds(path, lines), path)


def has_seeds(path: Path) -> bool:
    """Whether the key file has more than the study key. Raises KeyFileError as `open_key_file` does."""
    return len(_read(path)) > 1


def _read(path: Path) -> list[str]:
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except FileNotFoundError:
        raise KeyFileError(
            f"The study key {path} is missing. Put it back from where you keep it: nothing can be read without it."
        ) from None
    except OSError as error:
        raise KeyFileError(f"The study key {path} cannot be read: {error.strerror}.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"Others on this machine can read the study key {path}. Mend it with: chmod 600 {path}")
    return text.decode("ascii", "replace").split()


def _seeds(path: Path, lines: list[str]) -> Seeds:
    if len(lines) < 2:
        raise KeyFileError(
            f"The study key {path} has only its first line. If it is a copy, put back a whole one; if it is of an "
            "earlier version, run: scripts/ownpace migrate"
        )
    known = {}
    for line in lines[1:]:
        node, _, seed = line.partition(":")
        known[node] = _decoded(path, seed)
    return Seeds(known)


def _new_seeds() -> Seeds:
    return Seeds({"": secrets.token_bytes(KEY_BYTES)})


def _written(seeds: Seeds) -> list[str]:
    return [f"{node}:{_base64(seed)}" for node, seed in sorted(seeds.known.items())]


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _decoded(path: Path, line: str) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"The study key {path} is damaged: each line must hold {KEY_BYTES} bytes in base64.")
    return key


@contextmanager
def _rewritten(path: Path) -> Iterator[list[str]]:
    """The lines of the key file, which are written in its place when they were changed.

    The old file is overwritten with zeros once the new one is on the disk. A disk may keep what was overwritten in
    places of its own all the same; whoever must exclude that encrypts the disk. A link stays one: what is written is
    the file that it leads to.
    """
    folder, path = None, path.resolve()
    try:
        folder = os.open(path.parent, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        lines = _read(path)
        yield lines
        new = path.with_name(f".{path.name}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        with path.open("r+b") as old:
            _put(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), lines)
            new.replace(path)
            os.fsync(folder)
            size = old.seek(0, os.SEEK_END)
            old.seek(0)
            old.write(bytes(size))
            old.flush()
            os.fsync(old.fileno())
    except OSError as error:
        raise KeyFileError(
            f"The study key {path} cannot be written: {error.strerror}. Give yourself the right to write it and its "
            "folder, then try again."
        ) from None
    finally:
        if folder is not None:
            os.close(folder)


def _put(handle: int, lines: list[str]) -> None:
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
