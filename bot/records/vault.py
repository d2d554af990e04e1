"""Encryption at rest: one study key, kept apart from the database, wraps a data key for each participant.

Destroying a wrapped data key makes every copy of what it sealed unreadable, in backups too. AES-256-GCM throughout
(NIST SP 800-38D; 96-bit random nonces); the study key never seals anything itself, only keys derived from it do.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import stat
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import KeyFileError
from bot.messages import Address

KEY_BYTES = 32
NONCE_BYTES = 12


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
    """What can be done with the study key: make and open data keys, and find an address without storing it."""

    def __init__(self, study_key: bytes) -> None:
        self._wrapping = DataKey(_derive(study_key, b"ownpace wrap data keys"))
        self._finding = _derive(study_key, b"ownpace find addresses")
        self._naming = _derive(study_key, b"ownpace name the study key")
        self._chaining = _derive(study_key, b"ownpace chain the audit trail")

    def new_data_key(self) -> bytes:
        """A fresh data key, wrapped: the form in which it is stored."""
        return self._wrapping.seal(secrets.token_bytes(KEY_BYTES), "data key")

    def data_key(self, wrapped: bytes) -> DataKey:
        """The data key that was wrapped."""
        return DataKey(self._wrapping.open_bytes(wrapped, "data key"))

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

    @property
    def fingerprint(self) -> str:
        """A name for the study key that tells nothing about it; a database remembers which key is its own."""
        return hmac.new(self._naming, b"fingerprint", sha256).hexdigest()[:16]


def _derive(study_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(study_key)


def create_key_file(path: Path) -> None:
    """Write a new study key that only its owner can read. Raises KeyFileError if the file is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already; a study key is never written over.") from None
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def open_key_file(path: Path) -> Vault:
    """The vault of a study key. Raises KeyFileError when it is missing, readable by others, or damaged."""
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
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"The study key {path} is damaged: it must be {KEY_BYTES} bytes in base64, on one line.")
    return Vault(key)
