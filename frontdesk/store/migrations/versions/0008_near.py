"""Words near a mistyped one, side by side."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As people_remainders, which the version before asks and writes: its numbers are hashes and lie anywhere. Here,
    # what begins alike lies side by side, and one scan finds the words near a mistyped one.
    op.execute(
        """
        CREATE TABLE people_near (
            remainder text COLLATE "C" NOT NULL,
            word      text COLLATE "C" NOT NULL,
            magnitude smallint NOT NULL,
            PRIMARY KEY (remainder, word) INCLUDE (magnitude)
        )
        """
    )
    # Whether a word is there. Those that the version before has written and writes, housekeeping puts there, the
    # commonest first.
    op.execute("ALTER TABLE people_words ADD COLUMN near boolean NOT NULL DEFAULT false")
    op.execute("CREATE INDEX people_words_not_near ON people_words (people DESC, word) WHERE NOT near")
