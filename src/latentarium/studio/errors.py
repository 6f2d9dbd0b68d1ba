"""Errors of the studio's server with a specific HTTP status."""

from latentarium.errors import UserError


class NotFoundError(UserError):
    """The requested model, run, upload or file doesn't exist: HTTP status 404.

    Arguments:
        message: What doesn't exist, and what to do.
        code: See `UserError`.
    """

    def __init__(self, message: str, *, code: str = "not-found") -> None:
        super().__init__(message, code=code)
