"""Frontdesk: people register, log in and find each other."""

__version__ = "0.1.0"
