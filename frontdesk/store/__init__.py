"""All SQL and nothing else, one function a statement. The only package that knows asyncpg."""
