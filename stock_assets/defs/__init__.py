"""The Dagster definitions: thin modules that join the domain packages."""
