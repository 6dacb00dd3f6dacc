"""Patterns of event keys."""


def matchTuple(routingKey, filter):
    """Whether a key has the length of a pattern and its parts; None in the pattern is anything."""
    if len(routingKey) != len(filter):
        return False
    return all(wanted is None or wanted == part for part, wanted in zip(routingKey, filter))
