"""The project's tables, and the only SQL of the project."""
