"""The search index: what people can be found by."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One row for each way to find a person. "C" makes every range of beginnings a range of the index,
    # whatever the collation of the database. No foreign key: it would be checked for each of these rows; the
    # trigger below costs only when an account goes.
    op.execute(
        """
        CREATE TABLE people_keys (
            account_id uuid NOT NULL,
            key        text COLLATE "C" NOT NULL,
            CONSTRAINT people_keys_key PRIMARY KEY (key, account_id)
        )
        """
    )
    op.execute("CREATE INDEX people_keys_account ON people_keys (account_id)")
    op.execute(
        """
        CREATE FUNCTION people_forget() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM people_keys WHERE account_id = OLD.id;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER people_forget AFTER DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION people_forget()"
    )
    # The words that names are made of, and in about how many names, for words typed half or wrong.
    op.execute(
        """
        CREATE TABLE people_words (
            word   text COLLATE "C" PRIMARY KEY,
            people integer NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX people_words_common ON people_words (people DESC, word)")
    # What is left of a word when letters are taken away; two words that are near have a remainder in common.
    op.execute(
        """
        CREATE TABLE people_remainders (
            remainder integer NOT NULL,
            word      text COLLATE "C" NOT NULL,
            PRIMARY KEY (remainder, word)
        )
        """
    )
