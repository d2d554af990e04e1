"""Passages: some words of a message are put under another question than the rest of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name, kind in (("form", Id), ("starts", sa.Integer()), ("ends", sa.Integer())):
        op.add_column("refilings", sa.Column(name, kind, nullable=True))
