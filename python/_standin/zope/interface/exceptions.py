"""Why something does not fit an interface."""


class Invalid(Exception):
    pass


class DoesNotImplement(Invalid):
    def __init__(self, interface, target=None, name=None):
        super().__init__(interface, target)
        self.interface = interface
        self.target = target

    def __str__(self):
        return (
            f"The object {self.target!r} has failed to implement interface "
            f"{self.interface}: Does not declaratively implement the interface."
        )


class BrokenImplementation(Invalid):
    def __init__(self, interface, name, target=None):
        super().__init__(interface, name, target)
        self.interface = interface
        self.name = name
        self.target = target

    def __str__(self):
        return (
            f"The object {self.target!r} has failed to implement interface "
            f"{self.interface}: The {self.name} attribute was not provided."
        )


class BrokenMethodImplementation(Invalid):
    pass


class MultipleInvalid(Invalid):
    pass
