"""Usernames that were given up stay reserved when the account is erased; addresses don't."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The version before reserves usernames only of accounts that are erased, for nobody, so it needn't say.
    op.execute("ALTER TABLE reservations ADD COLUMN of_username boolean NOT NULL DEFAULT false")
