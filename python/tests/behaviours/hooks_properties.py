"""Which parts of a payload become properties."""

from buildbot.util import pullrequest


class P(pullrequest.PullRequestMixin):
    property_basename = "bb"


pl = {"a": 1, "b": {"c": [1, {"d": 2}], "e": None}, "f": {}, "g": {"c": 5}}
for w in (["bb.*"], ["bb.b.*"], ["bb.?"], ["*"], []):
    for d in ([], ["bb.b.*"], ["bb.b.c"], ["bb.b"], ["b"], ["c"], ["bb.a"], ["*c"]):
        p = P()
        p.external_property_whitelist = w
        p.external_property_denylist = d
        print(w, d, p.extractProperties(pl))
