"""The rules, one verb a file. Pages, API and command line call these same functions."""
