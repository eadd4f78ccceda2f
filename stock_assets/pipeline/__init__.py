"""What the assets do, as plain functions: read tables, call the domain, write tables.

Nothing here imports Dagster. The definitions wrap these functions, and a plain process may call them too.
"""
