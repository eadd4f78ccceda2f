"""The errors of this package.

Every message is one sentence that says what was wrong, where, and what to do, with the value.
"""


class StockAssetsError(Exception):
    """Base of all errors that this package raises on purpose."""


class ConfigurationError(StockAssetsError, ValueError):
    """A universe's configuration files, or the environment, cannot be used as they are."""


class CalendarError(StockAssetsError, LookupError):
    """A date or an exchange that no session table knows."""


class SourceError(StockAssetsError):
    """A price source did not give what was asked for."""


class SourceUnavailable(SourceError):
    """The source could not be reached or failed itself; asking again later may help."""


class RateLimited(SourceUnavailable):
    """The source refuses to answer so many requests; asking again after a pause may help.

    Attributes
    ----------
    retry_after : float or None
        Seconds that the source wants to be left alone, if it says so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoDataForWindow(SourceError, LookupError):
    """The source knows the symbol and has no bar of the sessions that it was asked for."""


class MissingKey(SourceError):
    """The source wants a key that the environment does not hold, or refuses the one that it holds."""


class UnknownSymbol(SourceError, LookupError):
    """The source does not have the symbol; asking again will not help."""


class BadPayload(SourceError, ValueError):
    """The source answered with something that cannot be read as bars."""


class FeedError(StockAssetsError):
    """A feed of headlines gave none: it was not reached, or what it answered is no feed with items."""


class HistoryIncomplete(SourceError):
    """The sources of some instruments failed, and the history of the others is there."""


class StorageError(StockAssetsError):
    """The database is not in a state that this package can work with."""


class InvalidRow(StorageError, ValueError):
    """A row that must not reach a table: a missing key, a value that is not finite."""


class OutdatedRun(StorageError):
    """A run that was ended, or would overwrite what a newer run has written."""


class StepCrashed(StockAssetsError):
    """The process of a step died: a signal, too little memory, a fault inside a library."""


class NothingToRelease(StorageError, LookupError):
    """A bar that is to be released, and that nothing holds."""


class InsufficientHistory(StockAssetsError, ValueError):
    """Fewer sessions than a calculation needs."""


class TrainingDiverged(StockAssetsError, ArithmeticError):
    """The training loss or a prediction became NaN or infinite."""


class ArtifactError(StockAssetsError):
    """A model artefact is missing, damaged or of another schema."""


class NotPredictable(StockAssetsError, ValueError):
    """A prediction on demand that must not be made, or cannot be, with the reason."""


class NotPublishable(StockAssetsError, ValueError):
    """A portfolio that must not be published for a day, with the reason."""


class InvalidWeights(StockAssetsError, ValueError):
    """Portfolio weights that are not finite, not long-only, do not sum to one or leave their bounds."""


class SolveFailed(StockAssetsError, ArithmeticError):
    """A portfolio problem that the solver did not solve; its last iterate is no portfolio."""


class AlertNotSent(StockAssetsError):
    """A message that Slack has not taken, with what to do."""
