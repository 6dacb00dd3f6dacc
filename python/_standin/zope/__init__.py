"""Stands in for the namespace of zope.interface."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
