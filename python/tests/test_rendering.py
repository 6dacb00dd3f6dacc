"""Renderables evaluate in this package as in Buildbot 4.3.0, on generated cases."""

import random
import unittest

import real_buildbot

COUNT = 2000
SEED = 20


class Generator:
    """Expressions that make renderables, nested to a depth."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def name(self):
        return self.pick(*"anzefldtsi", "nested", "fn", "missing")

    def value(self, depth):
        if depth <= 0:
            return self.pick("1", "0", "''", "'v'", "None", "True", "2.5", "[]", "[1]", "'%s'", "()")
        return self.pick(
            self.property,
            self.property,
            self.interpolate,
            self.interpolate,
            self.positional,
            self.with_properties,
            self.flatten,
            self.transform,
            self.renderer,
            self.operation,
            self.container,
            lambda depth: "Secret('s')" if self.random.random() < 0.1 else self.property(depth),
        )(depth - 1)

    def property(self, depth):
        arguments = [repr(self.name())]
        if self.random.random() < 0.6:
            arguments.append(f"default={self.value(depth)}")
        if self.random.random() < 0.4:
            arguments.append(f"defaultWhenFalse={self.pick('True', 'False')}")
        return f"Property({', '.join(arguments)})"

    def key(self, depth):
        selector = self.pick("prop", "prop", "prop", "src", "kw", "kw", "worker")
        if selector == "src":
            attribute = self.pick("branch", "revision", "repository", "project", "none")
            key = f"src:{self.pick('', 'lib', 'other')}:{attribute}"
        elif selector == "kw":
            key = f"kw:{self.pick('k', 'm', 'absent')}"
        elif selector == "worker":
            key = f"{self.pick('worker', 'nonsense', 'prop')}:{self.name()}"
        else:
            key = f"prop:{self.name()}{self.pick('', '', '', '', '', ' x')}"
        return key + self.substitution(depth)

    def substitution(self, depth):
        text = self.text(depth)
        return self.pick(
            "",
            "",
            f":-{text}",
            f":~{text}",
            f":+{text}",
            f":?|{text}|{self.text(depth)}",
            f":#?|{text}|{self.text(depth)}",
            f":?:{text}:{self.text(depth)}",
            self.pick(":", ":!x", ":?", ":#?", ":?|x", ":#x", ":?(x)y") if depth > 0 else "",
        )

    def text(self, depth):
        parts = []
        for _ in range(self.random.randint(0, 2)):
            parts.append(self.pick("x", " ", "%%", "a:b", "(c)", "-", "~"))
            if depth > 0 and self.random.random() < 0.6:
                parts.append(f"%({self.key(depth - 1)}){self.pick('s', 's', 's', 's', 'r', '5s', '-5s')}")
        return "".join(parts)

    def interpolate(self, depth):
        parts = [self.text(depth)]
        for _ in range(self.random.randint(1, 2)):
            conversion = self.pick("s", "s", "s", "s", "s", "r", "6s", "-6s", ".2s", "d")
            parts.append(f"%({self.key(depth)}){conversion}")
        arguments = [repr("".join(parts))]
        for name in ("k", "m"):
            if self.random.random() < 0.6:
                arguments.append(f"{name}={self.value(depth)}")
        return f"Interpolate({', '.join(arguments)})"

    def positional(self, depth):
        count = self.random.randint(1, 3)
        text = " ".join(self.pick("%s", "%s", "%r", "%5s", "%d", "%.1f") for _ in range(count))
        if self.random.random() < 0.1:
            count += 1
        arguments = ", ".join(self.value(depth) for _ in range(count))
        return f"Interpolate({text!r}, {arguments})"

    def with_properties(self, depth):
        if self.random.random() < 0.5:
            return f"WithProperties('%s-%s', {self.name()!r}, {self.name()!r})"
        keys = [
            f"%({self.pick(self.name(), 'fun')}{self.pick('', ':-x', ':~y', ':+z', ':-a:+b')})s"
            for _ in range(2)
        ]
        function = f"lambda props: {self.pick('None', '3', 'props.getProperty(chr(97))')}"
        return f"WithProperties({' '.join(keys)!r}, fun={function})"

    def flatten(self, depth):
        nested = ", ".join(self.value(depth) for _ in range(self.random.randint(0, 3)))
        kinds = self.pick("", "", ", types=(list,)", ", types=tuple")
        plus = self.pick("", "", f" + [{self.value(0)}]", f" + FlattenList([{self.value(0)}])")
        return f"(FlattenList([{nested}]{kinds}){plus})"

    def transform(self, depth):
        function = self.pick(
            "len", "str", "lambda *a, **k: [a, sorted(k)]", "renderer(lambda p: repr)", "Property('a')"
        )
        arguments = ", ".join(self.value(depth) for _ in range(self.random.randint(0, 2)))
        keyword = self.pick("", f"named={self.value(depth)}")
        return f"Transform({', '.join(part for part in (function, arguments, keyword) if part)})"

    def renderer(self, depth):
        body = self.pick("(a, k)", "props.getProperty('a')", f"[{self.value(depth)}]", "1 / 0")
        arguments = self.pick("", f"{self.value(depth)}", f"b={self.value(depth)}")
        return f"renderer(lambda props, *a, **k: {body}).withArgs({arguments})"

    def operation(self, depth):
        left = self.pick(self.property, self.property, self.interpolate)(depth)
        if self.random.random() < 0.15:
            return f"{left}.in_({self.value(depth)})"
        sign = self.pick("==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%")
        if sign in ("==", "!=", "<", ">") and self.random.random() < 0.2:
            return f"({self.value(0)} {sign} {left})"
        return f"({left} {sign} {self.value(depth)})"

    def container(self, depth):
        parts = ", ".join(self.value(depth) for _ in range(self.random.randint(0, 3)))
        return self.pick(
            f"[{parts}]",
            f"({parts}{',' if parts else ''})",
            f"{{'key': {self.value(depth)}, 2: {self.value(0)}}}",
            f"{{1, {self.pick('2', '3')}}}",
        )


@real_buildbot.needs_it
class Rendering(unittest.TestCase):
    def test_generated_values_render_as_in_the_installed_buildbot(self):
        generator = Generator(SEED)
        cases = [generator.value(generator.random.randint(1, 4)) for _ in range(COUNT)]
        ours = real_buildbot.run("render_cases.py", cases, ours=True)
        real = real_buildbot.run("render_cases.py", cases, ours=False)
        found = [
            f"{case}\n      ours {mine}\n      real {theirs}"
            for case, mine, theirs in zip(cases, ours, real)
            if mine != theirs
        ]
        kinds = {kind for kind, _ in real}
        self.assertEqual(kinds, {"value", "raised", "failed"})
        if found:
            self.fail(f"{len(found)} differences:\n  " + "\n  ".join(found[:30]))


if __name__ == "__main__":
    unittest.main()
