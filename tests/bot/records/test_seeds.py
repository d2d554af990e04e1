"""Seeds of data keys: any one can be destroyed alone, and stays destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import KeyFileError
from bot.records import migrate, vault
from bot.records.database import open_engine
from bot.records.seeds import DEPTH, DIGITS, Seeds
from bot.records.vault import DataKey, Vault, add_seeds, create_key_file, leaf_of, open_key_file
from tests.bot.world import on_sqlite, world

ROOT = Seeds({"": b"r" * 32})
leaves = st.text(DIGITS, min_size=DEPTH, max_size=DEPTH)
near = st.text("01", min_size=2, max_size=2).map(lambda end: "ab" * (DEPTH // 2 - 1) + end)


@settings(max_examples=60)
@given(st.lists(leaves | near, max_size=8), st.lists(leaves | near, max_size=8))
def test_what_is_destroyed_is_gone_and_everything_else_is_as_it_was(gone: list[str], others: list[str]) -> None:
    """Also for leaves side by side, in any order, twice, and for people who come later."""
    left = ROOT.without(*gone)
    assert all(left.of(leaf) is None for leaf in gone)
    assert all(left.of(leaf) == ROOT.of(leaf) for leaf in others if leaf not in gone)
    assert left.known == ROOT.without(*reversed(gone), *gone).known


@given(leaves)
def test_no_seed_that_is_left_is_one_on_the_way_to_what_was_destroyed(leaf: str) -> None:
    """Neither the leaf's own seed nor any above it is kept: fifteen beside each step are."""
    left = ROOT.without(leaf)
    assert len(left.known) == (len(DIGITS) - 1) * DEPTH
    assert not any(leaf.startswith(node) for node in left.known)
    assert ROOT.of(leaf) not in left.known.values()


def test_a_destroyed_data_key_opens_nothing_not_even_from_an_older_copy(tmp_path: Path) -> None:
    """The key file forgets one and keeps the others; who reads the file anew sees that too."""
    path = tmp_path / "study.key"
    create_key_file(path)
    first = open_key_file(path)
    mine, others = first.new_data_key(), first.new_data_key()
    sealed = first.data_key(others).seal("still here", "body")
    running = open_key_file(path)
    first.destroy([leaf_of(mine)])
    for one in (first, open_key_file(path)):
        assert one.destroyed(mine)
        with pytest.raises(KeyFileError, match="was destroyed"):
            one.data_key(mine)
        assert one.data_key(others).open(sealed, "body") == "still here"
    later = running.new_data_key()
    assert open_key_file(path).data_key(later), "a server that runs on makes keys that can be opened"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["study.key"]
    assert running.fingerprint == open_key_file(path).fingerprint


def test_two_that_destroy_at_once_both_do(tmp_path: Path) -> None:
    """What another process destroyed meanwhile is not written back."""
    path = tmp_path / "study.key"
    create_key_file(path)
    one, two = open_key_file(path), open_key_file(path)
    first, second = one.new_data_key(), one.new_data_key()
    one.destroy([leaf_of(first)])
    two.destroy([leaf_of(second)])
    assert all(open_key_file(path).destroyed(key) for key in (first, second))


def test_a_key_file_that_cannot_be_written_destroys_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "study.key"
    create_key_file(path)
    keys = open_key_file(path)
    mine = keys.new_data_key()

    def refuse(handle: int, lines: list[str]) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(vault, "_put", refuse)
    with pytest.raises(KeyFileError, match="cannot be written: Permission denied"):
        keys.destroy([leaf_of(mine)])
    assert not keys.destroyed(mine)
    assert not open_key_file(path).destroyed(mine)


def test_a_key_file_with_one_line_gets_its_seed_once(tmp_path: Path) -> None:
    """One of an earlier version, or made by hand; the study key stays what it was, and so does the seed."""
    path = tmp_path / "study.key"
    create_key_file(path)
    fingerprint = open_key_file(path).fingerprint
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(KeyFileError, match="only its first line"):
        open_key_file(path)
    add_seeds(path)
    whole = path.read_text()
    add_seeds(path)
    assert path.read_text() == whole
    assert open_key_file(path).fingerprint == fingerprint


def test_data_keys_of_an_earlier_version_are_wrapped_again(tmp_path: Path) -> None:
    """A database from before there were seeds opens as it did."""
    keys = Vault(b"k" * 32)
    url = f"sqlite:///{tmp_path}/a.db"
    migrate.migrate(url, keys)
    engine = open_engine(url)
    plain = b"p" * 32
    unseeded = DataKey(keys._study_key).seal(plain, "data key")
    sealed = DataKey(plain).seal("from before", "body")
    with engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("INSERT INTO data_keys (wrapped, created_at) VALUES (?, '2027-01-01')", (unseeded,))
    migrate.migrate(url, keys)
    with engine.connect() as connection:
        wrapped = connection.exec_driver_sql("SELECT wrapped FROM data_keys").scalar_one()
    engine.dispose()
    assert keys.data_key(wrapped).open(sealed, "body") == "from before"


def test_half_a_copy_of_the_key_is_not_made_whole_by_guessing(tmp_path: Path) -> None:
    """A study whose keys have seeds is never given new ones: nothing would open any more."""
    from bot import bootstrap

    with world(tmp_path, **on_sqlite(tmp_path)) as study:
        study.enrol()
        made = study.program.settings
    path = made.security.key_file
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(KeyFileError, match="put back a whole one"):
        bootstrap.prepare(made)
    assert len(path.read_text().splitlines()) == 1
