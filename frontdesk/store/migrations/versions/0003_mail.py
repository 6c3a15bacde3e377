"""Mail: confirmed addresses, links, the queue, and what happened to an account."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE accounts ADD COLUMN email_verified_at timestamptz")
    # Accounts that nobody has shown to hold the address of: in accounts, their email_key stands for no address, so
    # that they take none away from anybody.
    op.execute(
        """
        CREATE TABLE unconfirmed (
            account_id uuid PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
            created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX unconfirmed_created ON unconfirmed (created_at)")
    # What a link in a mail allows: `email` is the address that it was sent to.
    op.execute(
        """
        CREATE TABLE links (
            token_hash bytea PRIMARY KEY,
            account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            kind       text NOT NULL,
            email      text NOT NULL,
            asked_at   timestamptz NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX links_account ON links (account_id)")
    op.execute("CREATE INDEX links_expires ON links (expires_at)")
    # A mail that waits. No text and no token: both are made when it's sent. Without an account it's a question
    # whether there is one.
    op.execute(
        """
        CREATE TABLE mails (
            id         uuid PRIMARY KEY DEFAULT uuidv7(),
            kind       text NOT NULL,
            account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
            email      text NOT NULL,
            email_key  text COLLATE "C" NOT NULL,
            language   text,
            created_at timestamptz NOT NULL DEFAULT now(),
            due_at     timestamptz NOT NULL DEFAULT now(),
            tries      integer NOT NULL DEFAULT 0
        )
        """
    )
    op.execute("CREATE INDEX mails_due ON mails (due_at)")
    op.execute("CREATE INDEX mails_account ON mails (account_id)")
    # When strangers had mails sent to an address, by its digest. Lost, it would only be forgiven: no WAL.
    op.execute("CREATE UNLOGGED TABLE mailboxes (email_hash bytea PRIMARY KEY, asked timestamptz[] NOT NULL)")
    # What `frontdesk up` would have sent.
    op.execute(
        """
        CREATE TABLE kept_mails (
            id         uuid PRIMARY KEY,
            account_id uuid REFERENCES accounts (id) ON DELETE CASCADE,
            email      text NOT NULL,
            subject    text NOT NULL,
            body       text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX kept_mails_account ON kept_mails (account_id)")
    # Usernames of the erased and addresses left a few days ago, as digests: nobody else may have them yet.
    op.execute(
        """
        CREATE TABLE reservations (
            digest     bytea PRIMARY KEY,
            account_id uuid,
            until      timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX reservations_until ON reservations (until)")
    op.execute("CREATE INDEX reservations_account ON reservations (account_id)")
    # What happened to an account. The id tells when. No foreign key: that somebody was erased outlives them.
    op.execute(
        """
        CREATE TABLE account_events (
            id         uuid PRIMARY KEY DEFAULT uuidv7(),
            account_id uuid NOT NULL,
            kind       text NOT NULL,
            address    inet,
            user_agent text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX account_events_account ON account_events (account_id, id)")
    # Failed logins: one a minute.
    op.execute(
        """
        CREATE UNIQUE INDEX account_events_failed
            ON account_events (account_id, date_bin('1 minute', uuid_extract_timestamp(id), 'epoch'::timestamptz))
         WHERE kind = 'login_failed'
        """
    )
    # Whatever role serves, its owner too: what was written stays, but for what is old and what was somebody's who
    # has been erased.
    op.execute(
        """
        CREATE FUNCTION account_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND (
                uuid_extract_timestamp(OLD.id) < now() - interval '30 days'
                OR OLD.kind <> 'erased' AND NOT EXISTS (SELECT FROM accounts WHERE id = OLD.account_id)
            ) THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'account_events is append-only' USING ERRCODE = 'insufficient_privilege';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER account_events_stay BEFORE UPDATE OR DELETE ON account_events
            FOR EACH ROW EXECUTE FUNCTION account_events_stay()
        """
    )
