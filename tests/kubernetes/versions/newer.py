"""newer.py [STATEMENT]: give the installed frontdesk one migration more."""

import compileall
import py_compile
import sys
from pathlib import Path

import frontdesk.store.schema as schema

statement = sys.argv[1] if len(sys.argv) > 1 else "CREATE TABLE newer ()"
revision = f"{int(schema.REVISION) + 1:04}"
source = Path(schema.__file__)
text = source.read_text(encoding="utf-8")
source.write_text(text.replace(f'"{schema.REVISION}"', f'"{revision}"'), encoding="utf-8")
versions = source.parent / "migrations" / "versions"
(versions / f"{revision}_newer.py").write_text(
    f"""from alembic import op

revision = "{revision}"
down_revision = "{schema.REVISION}"


def upgrade() -> None:
    op.execute("{statement}")
""",
    encoding="utf-8",
)
# The image's compiled files are taken without a look at their sources.
compileall.compile_dir(
    source.parent, quiet=1, force=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
)
