"""The JSON API under /api/v1; its contract is openapi.yaml in this folder."""
