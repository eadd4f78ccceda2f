"""Pictures for people: small PNGs that metadata in the UI can carry."""
