"""Entry points of all versions of Python."""


def entry_points_get(entry_points, group):
    if hasattr(entry_points, "select"):
        return entry_points.select(group=group)
    return entry_points.get(group, [])
