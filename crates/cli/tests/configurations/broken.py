"""A module that cannot be imported."""

import no_such_module_anywhere

thing = no_such_module_anywhere.thing
