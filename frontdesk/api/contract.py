"""GET /openapi.json, and /api/docs: a page to read it and to try it."""
