"""The heartbeat: one GET to an address that somebody else watches."""

import urllib.error
import urllib.request
from http.client import HTTPException

from stock_assets.alerts.answers import NotSent
from stock_assets.settings import HEARTBEAT_URL_VARIABLE

TIMEOUT_SECONDS = 5


def beat(url: str, timeout: float = TIMEOUT_SECONDS) -> NotSent | None:
    """Ask the address once; None if it answered with success.

    Its body is not read: pages, texts and nothing at all mean the same. The standard library asks, since
    connection pools write paths, which are what is secret here, to the log at level DEBUG.

    Parameters
    ----------
    url : str
        An http or https URL; it is in no sentence.
    timeout : float
        Seconds that connecting and answering may take each.
    """
    if not url.lower().startswith(("http://", "https://")):
        return NotSent("misconfigured", f"{HEARTBEAT_URL_VARIABLE} is no http or https URL; correct it.")
    try:
        with urllib.request.urlopen(url, timeout=timeout):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 429:
            return NotSent(
                "rate_limited", "The address of the heartbeat wants to be left alone (status 429)."
            )
        return NotSent(
            "unavailable",
            f"The address of the heartbeat answered with the status {error.code}; check "
            f"{HEARTBEAT_URL_VARIABLE} if that stays so.",
        )
    except ValueError:
        return NotSent("misconfigured", f"{HEARTBEAT_URL_VARIABLE} is no URL that can be asked; correct it.")
    except (OSError, HTTPException) as error:
        # Of the exception only its kind: its text may hold the address.
        kind = type(error.reason if isinstance(error, urllib.error.URLError) else error).__name__
        return NotSent("unavailable", f"The address of the heartbeat was not reached ({kind}).")
