"""Executes a configuration and answers questions about it: ``PYTHON host.py --fd N``.

For people: ``PYTHON host.py --describe FILE`` prints the description of a file as JSON.
The format of both is in docs/formats/config-host.md.
"""

import sys

if sys.version_info < (3, 9):
    sys.stderr.write(
        "Python 3.9 or newer is needed to execute a configuration; %s is %s\n"
        % (sys.executable, sys.version.split()[0])
    )
    sys.exit(65)


def _ours_first():
    """Has ``import buildbot`` find the package beside this file, whatever else is installed."""
    import os

    here = os.path.dirname(os.path.abspath(__file__))

    class Finder:
        names = ("buildbot", "buildbot_worker")

        @classmethod
        def find_spec(cls, name, path=None, target=None):
            if name in cls.names:
                from importlib.machinery import PathFinder

                return PathFinder.find_spec(name, [here])
            return None

        @staticmethod
        def find_distributions(context=None):
            from buildbot._host.distribution import find

            return find(context)

        @staticmethod
        def invalidate_caches():
            pass

    sys.meta_path.insert(0, Finder)
    # Python puts the folder of a script first; nothing else in it is meant for configurations.
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]


if __name__ == "__main__":
    _ours_first()
    from buildbot._host.main import main

    main(sys.argv[1:])
