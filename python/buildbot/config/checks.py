"""Checks of constructor arguments, with the texts of their problems."""

from __future__ import annotations

from buildbot.config.errors import error


def check_param_length(value, name, max_length):
    """Checks the length of a text; of a renderable, of the shortest that it may become."""
    if isinstance(value, str):
        if len(value) > max_length:
            error(f"{name} '{value}' exceeds maximum length of {max_length}")
        return
    from buildbot.process.properties import Interpolate

    if isinstance(value, Interpolate):
        if value.args:
            shortest = value.fmtstring % (("",) * len(value.args))
        else:
            shortest = value.fmtstring % dict.fromkeys(value.interpolations, "")
        if len(shortest) > max_length:
            error(
                f"{name} '{value}' (shortest interpolation) exceeds maximum length "
                f"of {max_length}"
            )


def check_param_type(value, default_value, class_inst, name, types, types_msg):
    """`value` if it is of one of `types`; else reports that and gives `default_value`."""
    if isinstance(value, types):
        return value
    error(f"{class_inst.__name__} argument {name} must be an instance of {types_msg}")
    return default_value


def check_param_bool(value, class_inst, name):
    return check_param_type(value, False, class_inst, name, (bool,), "bool")


def check_param_str(value, class_inst, name):
    return check_param_type(value, "(unknown)", class_inst, name, (str,), "str")


def check_param_str_none(value, class_inst, name):
    return check_param_type(
        value, "(unknown)", class_inst, name, (str, type(None)), "str or None"
    )


def check_param_int(value, class_inst, name):
    return check_param_type(value, 0, class_inst, name, (int,), "int")


def check_param_int_none(value, class_inst, name):
    return check_param_type(value, None, class_inst, name, (int, type(None)), "int or None")


def check_param_number_none(value, class_inst, name):
    return check_param_type(
        value, 0, class_inst, name, (int, float, type(None)), "int or float or None"
    )


def check_markdown_support(class_inst):
    """Whether the Markdown library is there; reports it when not."""
    from importlib.util import find_spec

    if find_spec("markdown") is None:
        error(
            f"{class_inst.__name__}: Markdown library is required in order to use "
            "markdown format ('pip install Markdown')"
        )
        return False
    return True
