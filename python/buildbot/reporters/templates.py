"""The messages that formatters send when the user gives no template of their own."""

from __future__ import annotations

from buildbot.process.results import (
    CANCELLED,
    EXCEPTION,
    FAILURE,
    RETRY,
    SKIPPED,
    SUCCESS,
    WARNINGS,
)


class Template:
    """A Jinja2 template that is compiled when it is first used, a user's at once."""

    def __init__(self, source):
        if not isinstance(source, str):
            raise TypeError("Can't compile non template nodes")
        self.source = source
        self._compiled = None
        if source not in _OURS:
            try:
                self._compile()
            except ImportError:
                pass

    def _compile(self):
        import jinja2

        self._compiled = jinja2.Template(self.source)

    def render(self, *args, **kwargs):
        if self._compiled is None:
            self._compile()
        return self._compiled.render(*args, **kwargs)

    def __eq__(self, other):
        return isinstance(other, Template) and self.source == other.source

    def __hash__(self):
        return hash(self.source)


_FACTS = (
    ("Build state", "build['state_string']"),
    ("Revision", "build['properties'].get('got_revision', ['(unknown)'])[0]"),
    ("Worker", "workername"),
    ("Build Reason", "build['properties'].get('reason', ['(unknown)'])[0]"),
    ("Blamelist", "', '.join(blamelist)"),
)

BODY_PLAIN = (
    "A {{ status_detected }} has been detected on builder {{ buildername }} while building"
    " {{ projects }}.\n\n"
    "Full details are available at:\n    {{ build_url }}\n\n"
    + "".join(f"{label}: {{{{ {value} }}}}\n" for label, value in _FACTS)
    + "\nSteps:\n"
    "{% if build['steps'] %}{% for step in build['steps'] %}\n"
    "- {{ step['number'] }}: {{ step['name'] }} ( {{ result_names[step['results']] }} )\n"
    "{% if step['logs'] %}    Logs:\n"
    "{% for log in step['logs'] %}        - {{ log.name }}: {{ log.url }}\n"
    "{% endfor %}{% endif %}{% endfor %}\n"
    "{% else %}\n- (no steps)\n{% endif %}\n"
)

BODY_HTML = (
    "<p>A {{ status_detected }} has been detected on builder\n"
    '<a href="{{ build_url }}">{{ buildername }}</a>\n'
    "while building {{ projects }}.</p>\n"
    "<p>Information:</p>\n<ul>\n"
    + "".join(f"    <li>{label}: {{{{ {value} }}}}</li>\n" for label, value in _FACTS)
    + "</ul>\n<p>Steps:</p>\n<ul>\n"
    "{% if build['steps'] %}{% for step in build['steps'] %}\n"
    "    <li style=\"{{ results_style[step['results']] }}\">\n"
    "    {{ step['number'] }}: {{ step['name'] }} ( {{ result_names[step['results']] }} )\n"
    "{% if step['logs'] %}    (\n"
    "{% for log in step['logs'] %}"
    '        <a href="{{ log.url }}">&lt;{{ log.name }}&gt;</a>\n'
    "{% endfor %}    )\n{% endif %}    </li>\n{% endfor %}"
    "{% else %}\n    <li>No steps</li>\n{% endif %}\n</ul>"
)

SUBJECT = (
    "{% set mood = {'failure': '\u2620', 'success': '\u263a'} %}"
    "{{ mood.get(result_names[results], '\u261d') }} Buildbot ({{ buildbot_title }}): "
    "{{ build['properties'].get('project', ['whole buildset'])[0] if is_buildset"
    " else buildername }} - {{ build['state_string'] }} "
    "{{ '(%s)' % (build['properties']['branch'][0] if (build['properties']['branch']"
    " and build['properties']['branch'][0])"
    " else build['properties'].get('got_revision', ['(unknown revision)'])[0]) }}"
)

_WENT_AWAY = (
    "The Buildbot worker named {{worker.name}} went away.",
    "It last disconnected at {{worker.last_connection}}.",
    "The admin on record (as reported by WORKER:info/admin) was {{worker.workerinfo.admin}}.",
)
_IF_ADMIN = "{%% if 'admin' in worker['workerinfo'] %%}\n%s\n{%% endif %%}\n"

MISSING_PLAIN = f"{_WENT_AWAY[0]}\n\n{_WENT_AWAY[1]}\n\n" + _IF_ADMIN % _WENT_AWAY[2]
MISSING_HTML = (
    f"<p>{_WENT_AWAY[0]}</p>\n<p>{_WENT_AWAY[1]}</p>\n\n" + _IF_ADMIN % f"<p>{_WENT_AWAY[2]}</p>"
)
MISSING_SUBJECT = "Buildbot {{ buildbot_title }} worker {{ worker.name }} missing"

_OURS = {BODY_PLAIN, BODY_HTML, SUBJECT, MISSING_PLAIN, MISSING_HTML, MISSING_SUBJECT}

RESULT_STYLES = {
    SUCCESS: "",
    EXCEPTION: "color: #f0f; font-weight: bold;",
    FAILURE: "color: #f00; font-weight: bold;",
    RETRY: "color: #4af;",
    SKIPPED: "color: #4af;",
    CANCELLED: "color: #4af;",
    WARNINGS: "color: #f80;",
}
