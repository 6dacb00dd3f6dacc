"""Makes values at random, in the form of the configuration host's format."""

NAMES = ["a", "n", "z", "e", "l", "f", "t", "d", "u", "big", "ren", "ren2", "x.y-z", "one"]
TEXTS = ["", "A", "0", "it's", 'say "hi"', "ü😀", "a\tb\\", "50%", "%s", "%d-%s", "False", " x"]
INTEGERS = [0, 1, -1, 2, 3, 7, 42, -5, 255, 1 << 53, 9007199254740991]
FLOATS = [0.0, 1.0, -0.5, 0.1, 2.5, 1e16, 1.5e-7, 1e300, 123456789.123, -0.0]
SIGNS = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "in"]
OVERLOADED = ("Property", "Interpolate", "FlattenList", "op")


class Generator:
    def __init__(self, random, codes):
        self.random = random
        self.codes = codes

    def pick(self, *choices):
        return self.random.choice(choices)

    def chance(self, probability):
        return self.random.random() < probability

    def some(self, make, most=3):
        return [make() for _ in range(self.random.randint(0, most))]

    # ------------------------------------------------------------------------------- contexts

    def contexts(self):
        """A build's, two schedulers', and bare ones."""
        properties = [
            ["a", "A"],
            ["n", None],
            ["z", 0],
            ["e", ""],
            ["l", [1, 2, "x", None]],
            ["f", 2.5],
            ["t", True],
            ["d", {"$": "dict", "v": [["k", 1], ["l", []]]}],
            ["u", "ü'😀"],
            ["big", {"$": "int", "v": str(10**30)}],
            ["one", 1],
            ["x.y-z", "dotted"],
            ["ren", {"$": "Interpolate", "fmt": "<%(prop:a)s>"}],
            ["ren2", self.property(key="ren", default=None)],
        ]
        stamp = {"branch": "b1", "revision": None, "repository": "r", "project": ""}
        stamps = [dict(stamp, codebase=""), dict(stamp, codebase="lib", branch=None)]
        worker = {"admin": "me", "numcpus": 4, "host": None, "empty": ""}
        secrets = {"pw": "s3cret", "long": "aa bb", "blank": " \n", "a": "aa"}
        full = {"properties": properties, "stamps": stamps, "worker": worker, "secrets": secrets}
        return [
            full,
            dict(full, stamps=[], secrets={}),
            dict(full, worker=None),
            dict(full, worker=None, secrets=None, stamps=None),
            dict(full, worker=None, properties=[]),
        ]

    # ----------------------------------------------------------------------------------- data

    def leaf(self):
        return self.pick(
            lambda: None,
            lambda: self.pick(True, False),
            lambda: self.random.choice(INTEGERS),
            lambda: {"$": "int", "v": str(self.pick(10**20, -(2**63), 2**64 + 1, 10**400))},
            lambda: self.random.choice(FLOATS),
            lambda: {"$": "float", "v": self.pick("inf", "-inf", "nan")},
            lambda: self.random.choice(TEXTS),
            lambda: self.random.choice(TEXTS),
            lambda: {"$": "bytes", "v": self.pick("", "YQ==", "/wA=", "Jw==")},
            lambda: {"$": self.pick("set", "frozenset"), "v": self.pick([], [1], ["x"], [1, 2])},
            lambda: self.random.choice(self.codes["things"]) if self.chance(0.2) else 1,
        )()

    def key(self, depth):
        if self.chance(0.1):
            return self.hashable_renderable(depth)
        if self.chance(0.2):
            return {"$": "tuple", "v": [self.pick(1, "x", None)]}
        return self.pick("k", "l", 1, 2, None, 1.5, "ü")

    def value(self, depth):
        if depth <= 0:
            return self.leaf()
        return self.pick(
            self.leaf,
            lambda: self.some(lambda: self.value(depth - 1)),
            lambda: {"$": "tuple", "v": self.some(lambda: self.value(depth - 1))},
            lambda: {
                "$": "dict",
                "v": self.unique(self.some(lambda: [self.key(depth - 1), self.value(depth - 1)])),
            },
            *[lambda: self.renderable(depth)] * 8,
        )()

    @staticmethod
    def unique(pairs):
        found = {}
        for key, value in pairs:
            found[repr(key)] = [key, value]
        return list(found.values())

    # ---------------------------------------------------------------------------- renderables

    def renderable(self, depth):
        return self.pick(
            lambda: self.property(depth - 1),
            lambda: self.property(depth - 1),
            lambda: self.keyed(depth - 1),
            lambda: self.keyed(depth - 1),
            lambda: self.keyed(depth - 1),
            lambda: self.positional(depth - 1),
            lambda: self.positional(depth - 1),
            lambda: self.with_properties(),
            lambda: self.flatten_list(depth - 1),
            lambda: self.operation(depth - 1),
            lambda: self.operation(depth - 1),
            lambda: self.operation(depth - 1),
            lambda: self.hashable_renderable(depth - 1),
        )()

    def hashable_renderable(self, depth):
        return self.pick(
            lambda: {"$": "Secret", "name": self.secret_name()},
            lambda: self.transform(depth),
            lambda: dict(
                self.random.choice(self.codes["renderers"]),
                **{"$": "renderer"},
                args=self.some(lambda: self.value(depth - 1), 2),
                kwargs=self.kwargs(depth),
            ),
            lambda: self.random.choice(self.codes["customs"]),
            self.with_properties,
        )()

    def name(self):
        return self.random.choice(NAMES) if self.chance(0.8) else self.pick("missing", "other", "")

    def secret_name(self):
        return self.pick("pw", "long", "blank", "a", "missing") if self.chance(0.9) else "b c"

    def property(self, depth=0, key=None, **given):
        default = self.value(depth) if self.chance(0.5) else None
        made = {
            "$": "Property",
            "key": key or (self.name() if self.chance(0.97) else self.leaf()),
            "default": default,
            "defaultWhenFalse": self.pick(True, True, False, 0, "x"),
        }
        return dict(made, **given)

    def kwargs(self, depth):
        names = self.random.sample(["x", "y", "z"], self.random.randint(0, 2))
        return [[name, self.value(depth - 1)] for name in names]

    def transform(self, depth):
        function = self.random.choice(self.codes["transforms"])
        if self.chance(0.1):
            function = self.pick(5, "f", self.property(depth), None)
        return {
            "$": "Transform",
            "function": function,
            "args": self.some(lambda: self.value(depth - 1), 2),
            "kwargs": self.kwargs(depth),
        }

    def flatten_list(self, depth):
        return {
            "$": "FlattenList",
            "list": self.value(depth),
            "types": self.pick(["list", "tuple"], ["list", "tuple"], ["tuple"], ["list"]),
        }

    def operation(self, depth):
        """An operation on a renderable that overloads operators; `FlattenList` has a `+` of its own."""
        sign = self.random.choice(SIGNS)
        left = None
        while left is None or left["$"] == "FlattenList" and sign == "+":
            left = self.pick(
                lambda: self.property(depth - 1),
                lambda: self.property(depth - 1, key="l"),
                lambda: self.property(depth - 1, key="missing"),
                lambda: self.positional(depth - 1),
                lambda: self.keyed(depth - 1),
                lambda: self.flatten_list(depth - 1),
                lambda: self.operation(depth - 1) if depth > 0 else self.property(),
            )()
        right = self.value(depth - 1)
        if self.chance(0.5):
            right = self.pick(
                1, 2, "A", ["x", "A", 1, 0], {"$": "tuple", "v": [1]}, 0.5, "", 0, True,
                self.property(key="one"), self.property(key="l"),
            )
        return {"$": "op", "op": sign, "left": left, "right": right}

    # -------------------------------------------------------------------------------- formats

    def conversion(self, keyed):
        flags = "".join(self.some(lambda: self.pick(*"-+ #0"), 2)) if self.chance(0.25) else ""
        width = self.pick("5", "12", "1", "*", "-3") if self.chance(0.2) else ""
        precision = "." + self.pick("", "0", "1", "3", "10", "*") if self.chance(0.2) else ""
        length = self.pick("l", "h", "L", "hh") if self.chance(0.03) else ""
        if keyed:
            letter = "s" if self.chance(0.85) else self.pick(*"sssrrraadcxf%z")
            width = width.replace("*", "7")
            precision = precision.replace("*", "2")
        else:
            letter = "s" if self.chance(0.4) else self.pick(*"srradiuoxXeEfFgGc%zé")
        return flags + width + precision + length + letter

    def text(self):
        return self.pick("", "", "x", " ", "-", "ü", "a:b", "%%", "(y)")

    def broken(self, text):
        """`text`, now and then with something wrong in it."""
        if not self.chance(0.06):
            return text
        at = self.random.randint(0, len(text))
        change = self.pick("%", "(", ")", ":", "s", "%s", "%d", "\n", "%(", "#", "?", "")
        return text[:at] + change + text[at + self.pick(0, 1) :]

    def lookup(self):
        kind = self.pick("prop", "prop", "prop", "prop", "src", "kw", "kw", "secret", "worker")
        if self.chance(0.01):
            kind = self.pick("Prop", "", "foo")
        if kind == "src":
            codebase = self.pick("", "lib", "missing")
            return f"src:{codebase}:" + self.pick("branch", "revision", "project", "missing")
        if kind == "kw":
            return "kw:" + self.pick("x", "y", "z", "w")
        if kind == "worker":
            return "worker:" + self.pick("admin", "numcpus", "host", "empty", "missing")
        if kind == "secret":
            return "secret:" + self.secret_name()
        return f"{kind}:{self.name()}"

    def format(self, depth):
        parts = [self.text()]
        for _ in range(self.random.randint(0, 2) if depth < 3 else self.random.randint(1, 3)):
            key = self.lookup() + self.choice(depth)
            parts.append(f"%({key}){self.conversion(True)}" + self.text())
        return self.broken("".join(parts))

    def choice(self, depth):
        if self.chance(0.4):
            return ""
        nested = lambda: self.format(depth - 1) if depth > 0 and self.chance(0.4) else self.text()
        kind = self.pick("-", "~", "+", "?", "#?", "-", "~")
        if self.chance(0.02):
            kind = self.pick("", "#", "x")
        if kind not in ("?", "#?"):
            return f":{kind}{nested()}"
        mark = self.pick(":", "|", "|", ",", "ü", "(", "#")
        return f":{kind}{mark}{nested()}{mark}{nested()}"

    def keyed(self, depth):
        return {
            "$": "Interpolate",
            "fmt": self.format(2),
            "kwargs": self.kwargs(depth) if self.chance(0.6) else [],
        }

    def positional(self, depth):
        fields = self.random.randint(1, 3)
        parts = [self.text()]
        for _ in range(fields):
            parts.append("%" + self.conversion(False) + self.text())
        text = "".join(parts)
        count = max(1, fields + text.count("*"))
        if self.chance(0.07):
            count += self.pick(-1, 1)
        numbers = lambda: self.pick(
            self.random.choice(INTEGERS), self.random.choice(FLOATS), True, self.property(key="z")
        )
        make = lambda: numbers() if self.chance(0.5) else self.value(depth - 1)
        return {
            "$": "Interpolate",
            "fmt": self.broken(text),
            "args": [make() for _ in range(max(1, count))],
        }

    def with_properties(self):
        if self.chance(0.5):
            count = self.random.randint(1, 2)
            keys = [self.old_key() if self.chance(0.95) else self.leaf() for _ in range(count)]
            text = "-".join("%" + self.conversion(False) for _ in range(count))
            return {"$": "WithProperties", "fmt": self.broken(text), "args": keys}
        text = "".join(
            f"%({self.old_key()}){self.conversion(True)}{self.text()}"
            for _ in range(self.random.randint(1, 2))
        )
        kwargs = []
        if self.chance(0.4):
            name = self.pick("x", "a", "one")
            kwargs = [[name, self.random.choice(self.codes["prompt_renderers"])]]
        return {"$": "WithProperties", "fmt": self.broken(text), "kwargs": kwargs}

    def old_key(self):
        key = self.pick("a", "n", "z", "e", "l", "x", "missing", "one", "ren", "u")
        for _ in range(self.pick(0, 0, 1, 1, 1, 2)):
            key += ":" + self.pick("-", "~", "+", "-", "~", "?") + self.pick("", "d", "a b", "x\ny")
        return key
