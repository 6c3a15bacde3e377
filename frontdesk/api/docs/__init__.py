"""The page at /api/docs: what it shows, how it looks, and its texts in Chinese."""
