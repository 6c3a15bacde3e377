"""Accounts, sessions and attempts."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE accounts (
            id            uuid PRIMARY KEY DEFAULT uuidv7(),
            email         text NOT NULL,
            email_key     text COLLATE "C" NOT NULL CONSTRAINT accounts_email_key UNIQUE,
            username      text NOT NULL,
            username_key  text COLLATE "C" NOT NULL CONSTRAINT accounts_username_key UNIQUE,
            name          text NOT NULL,
            password_hash text NOT NULL,
            language      text,
            discoverable  boolean NOT NULL DEFAULT true,
            administrator boolean NOT NULL DEFAULT false,
            disabled_at   timestamptz,
            created_at    timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE sessions (
            id           uuid PRIMARY KEY DEFAULT uuidv7(),
            token_hash   bytea NOT NULL CONSTRAINT sessions_token_hash UNIQUE,
            account_id   uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            created_at   timestamptz NOT NULL DEFAULT now(),
            last_used_at timestamptz NOT NULL DEFAULT now(),
            expires_at   timestamptz NOT NULL,
            address      inet,
            user_agent   text NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX sessions_account ON sessions (account_id, created_at)")
    op.execute("CREATE INDEX sessions_expires ON sessions (expires_at)")
    # last_used_at is in no index and pages keep room, so noting a use rewrites one heap tuple and no index.
    op.execute("ALTER TABLE sessions SET (fillfactor = 80)")
    # A budget of attempts: who is counted, how many, and until when the next one has to wait. Lost attempts
    # would only be forgiven, so the table needs no WAL.
    op.execute(
        """
        CREATE UNLOGGED TABLE attempts (
            subject       text COLLATE "C" PRIMARY KEY,
            failures      integer NOT NULL,
            counted_at    timestamptz NOT NULL,
            blocked_until timestamptz NOT NULL
        )
        """
    )
    op.execute("ALTER TABLE attempts SET (fillfactor = 70)")
    # Where an account has logged in from before (a digest of the network or of the browser's own token):
    # such places have a budget of their own, which strangers can't use up.
    op.execute(
        """
        CREATE TABLE known_places (
            account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
            place      bytea NOT NULL,
            last_login timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (account_id, place)
        )
        """
    )
