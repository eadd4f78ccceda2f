"""Each instrument's return over the next sessions, predicted from its own past."""
