"""Check the values of settings."""

from latentarium.errors import UserError


def require_seed(seed: int) -> None:
    """Check that every random number generator accepts this seed.

    Raises:
        UserError: The seed is not between 0 and 2^32 - 1 (code "invalid-setting").
    """
    require(0 <= seed < 2**32, f"seed is {seed}; it must be between 0 and 2**32 - 1.")


def require(condition: bool, message: str, code: str = "invalid-setting") -> None:
    """Raise a `UserError` with this message unless the condition is true."""
    if not condition:
        raise UserError(message, code=code)


def require_at_least(config: object, low: int, *names: str) -> None:
    """Raise a `UserError` if a field of these names is below a limit."""
    for name in names:
        value = getattr(config, name)
        require(value >= low, f"{name} is {value}; it must be at least {low}.")
