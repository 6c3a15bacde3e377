"""Words of names that may be nobody's, to be looked at again."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Somebody left with the word while somebody else was writing it, above all an import. A row for each who left, or
    # they would wait for each other.
    op.execute(
        """
        CREATE TABLE people_words_released (
            id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            word text COLLATE "C" NOT NULL
        )
        """
    )
