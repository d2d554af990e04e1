"""Channels: moving between them, media, versions of a message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.records.tables import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    add_columns()
    op.create_table(
        "moves",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("participant_id", Id, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("found_by", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], name=op.f("fk_moves_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moves")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_moves_participant_id")),
    )
    op.create_index(op.f("ix_moves_found_by"), "moves", ["found_by"])
    op.create_table(
        "media",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("key_id", Id, nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("content_type", sa.String(100), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("reference", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("found_by", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("fetch_at", Moment(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["data_keys.id"], name=op.f("fk_media_key_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_media_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_message_id"), "media", ["message_id"])
    op.create_index(op.f("ix_media_found_by"), "media", ["found_by"])
    op.create_index("ix_media_state_fetch_at", "media", ["state", "fetch_at"])
    op.create_table(
        "contents",
        sa.Column("found_by", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", Id, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["data_keys.id"], name=op.f("fk_contents_key_id")),
        sa.PrimaryKeyConstraint("found_by", name=op.f("pk_contents")),
    )


def add_columns() -> None:
    """SQLite adds no foreign key to a table that is there; the ids are of rows that are never removed."""
    op.add_column("participants", sa.Column("thread", sa.String(8), nullable=True))
    op.create_index(op.f("ix_participants_thread"), "participants", ["thread"])
    op.add_column("addresses", sa.Column("heard_at", Moment(), nullable=True))
    for column in (
        sa.Column("elided", sa.LargeBinary(), nullable=True),
        sa.Column("provider_id", sa.String(300), nullable=True),
        sa.Column("replaces", Id, nullable=True),
        sa.Column("album", sa.String(100), nullable=True),
    ):
        op.add_column("messages", column)
    op.create_index(op.f("ix_messages_provider_id"), "messages", ["provider_id"])
    op.create_index(op.f("ix_messages_replaces"), "messages", ["replaces"])
    op.add_column("outbox", sa.Column("address_id", Id, nullable=True))
    op.add_column("outbox", sa.Column("template", sa.String(60), nullable=True))
    op.add_column("outbox", sa.Column("unasked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("outbox", sa.Column("unwanted", sa.Boolean(), nullable=False, server_default=sa.false()))
