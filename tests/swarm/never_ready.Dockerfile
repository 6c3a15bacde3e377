# A version that starts and never gets ready, made of one that does: it waits for a schema that no migration brings.
ARG BASE
FROM ${BASE}
USER 0:0
RUN ["python", "-c", "\
import pathlib; \
from frontdesk.store import schema; \
pathlib.Path(schema.__cached__).unlink(); \
file = open(schema.__file__, 'a'); \
file.write('\\n\\nasync def is_ready(db: Queries) -> bool:\\n    return False\\n')"]
USER 10001:10001
