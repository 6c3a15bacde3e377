"""What makes a search cheaper: what it shows beside what people are found by, and usernames read backwards."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Usernames with a mistake at the beginning lie next to each other when they're read backwards. First, as nobody
    # registers while it's made, which is a second or two for a million people, but everybody can search.
    op.execute(
        """
        CREATE INDEX people_keys_backwards ON people_keys (reverse(key))
            WHERE key < 'b' COLLATE "C" AND strpos(key, ' ') = 0
        """
    )
    # So that nothing is shown that no longer holds, whoever changes an account: the version before, or somebody by
    # hand. Whoever tells the index, in the same transaction, writes what holds now.
    op.execute(
        """
        CREATE FUNCTION people_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE people_keys SET username = NULL, name = NULL WHERE account_id = NEW.id AND username IS NOT NULL;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER people_changed AFTER UPDATE OF username, name, discoverable, disabled_at ON accounts
            FOR EACH ROW
            WHEN ((OLD.username, OLD.name, OLD.discoverable, OLD.disabled_at)
                  IS DISTINCT FROM (NEW.username, NEW.name, NEW.discoverable, NEW.disabled_at))
            EXECUTE FUNCTION people_changed()
        """
    )
    # Looking twenty people up by their ids cost more than finding them. NULL, as in what the version before writes and
    # has written, means that the account has to be asked.
    op.execute("ALTER TABLE people_keys ADD COLUMN username text, ADD COLUMN name text")
    # About how many have a word, as its length in bits, beside each of its remainders: looking it up cost more than
    # finding the word. NULL means that people_words has to be asked. Nobody looks for mistakes while the index is made,
    # a tenth of a second for a million people.
    op.execute("ALTER TABLE people_remainders ADD COLUMN magnitude smallint")
    op.execute(
        "CREATE INDEX people_remainders_near ON people_remainders (remainder, word) INCLUDE (magnitude)"
    )
