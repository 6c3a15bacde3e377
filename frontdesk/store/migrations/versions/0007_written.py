"""Usernames with dots or other signs, read backwards."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As people_keys_backwards, which has those without. Nobody registers meanwhile: a second for a million people.
    op.execute(
        """
        CREATE INDEX people_keys_written ON people_keys (reverse(split_part(key, ' ', 2)))
            WHERE key < 'b' COLLATE "C" AND strpos(key, ' ') > 0
        """
    )
