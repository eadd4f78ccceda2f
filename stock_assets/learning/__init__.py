"""The training loop, scaling and artefacts that every network shares."""
