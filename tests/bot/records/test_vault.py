from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import KeyFileError
from bot.messages import Address
from bot.records.vault import Vault, create_key_file, leaf_of, open_key_file

VAULT = Vault(b"k" * 32)
WRAPPED = VAULT.new_data_key()


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_opens_to_the_same_words(words: str) -> None:
    """Every text a person can send survives encryption, and does not stand in what is stored."""
    sealed = VAULT.data_key(WRAPPED).seal(words, "message")
    assert VAULT.data_key(WRAPPED).open(sealed, "message") == words
    assert len(words.encode()) < 8 or words.encode() not in sealed


def test_a_value_cannot_stand_in_for_another() -> None:
    """A sealed name put where a message belongs is refused, and so is a changed value."""
    key = VAULT.data_key(WRAPPED)
    sealed = key.seal("Sam", "name")
    with pytest.raises(KeyFileError, match="message cannot be read"):
        key.open(sealed, "message")
    with pytest.raises(KeyFileError):
        key.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "name")


def test_another_participants_key_opens_nothing() -> None:
    """Each participant has a data key of their own."""
    sealed = VAULT.data_key(WRAPPED).seal("mine", "message")
    with pytest.raises(KeyFileError):
        VAULT.data_key(VAULT.new_data_key()).open(sealed, "message")


def test_another_study_key_opens_no_data_key() -> None:
    """A copy of the database without its study key is unreadable."""
    with pytest.raises(KeyFileError):
        Vault(b"x" * 32).data_key(WRAPPED)
    assert Vault(b"x" * 32).fingerprint != VAULT.fingerprint


def test_an_address_is_found_again_and_shows_nothing() -> None:
    """The same address has the same hash, and another kind or number another one."""
    number = Address("sms", "+447700900123")
    assert VAULT.find(number) == VAULT.find(Address("sms", "+447700900123"))
    assert VAULT.find(number) != VAULT.find(Address("whatsapp", "+447700900123"))
    assert VAULT.find(number) != Vault(b"x" * 32).find(number)
    assert b"900123" not in VAULT.find(number)


def test_a_key_file_is_made_private_and_read_back(tmp_path: Path) -> None:
    """The file is for its owner alone, and is never written over."""
    path = tmp_path / "keys" / "study.key"
    create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_key_file(path).fingerprint == open_key_file(path).fingerprint
    with pytest.raises(KeyFileError, match="exists already"):
        create_key_file(path)


def test_a_key_file_may_be_a_link_and_stays_one(tmp_path: Path) -> None:
    """To a stick, for instance: the file there is written anew, and what was destroyed is in neither place."""
    stick, link = tmp_path / "stick" / "study.key", tmp_path / "data" / "study.key"
    create_key_file(stick)
    link.parent.mkdir()
    link.symlink_to(stick)
    vault = open_key_file(link)
    gone, kept = vault.new_data_key(), vault.new_data_key()
    vault.destroy([leaf_of(gone)])
    assert link.is_symlink()
    assert [path.name for path in link.parent.iterdir()] == ["study.key"]
    for path in (stick, link):
        assert (open_key_file(path).destroyed(gone), open_key_file(path).destroyed(kept)) == (True, False)


def test_a_bad_key_file_says_what_to_do(tmp_path: Path) -> None:
    """Missing, readable by others, and damaged are three messages, each with its mend."""
    path = tmp_path / "study.key"
    with pytest.raises(KeyFileError, match="missing"):
        open_key_file(path)
    create_key_file(path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        open_key_file(path)
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        open_key_file(path)
