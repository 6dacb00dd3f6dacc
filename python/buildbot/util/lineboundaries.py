"""Cuts the output of a command into whole lines."""

from __future__ import annotations

import re


class LineBoundaryFinder:
    """Takes pieces of text and gives back those lines that are complete."""

    __slots__ = ["partialLine", "warned"]

    # a line without an end is not kept beyond this length
    MAX_LINELENGTH = 4096
    # what ends a line: \r\n, \r that is not last, and what moves the cursor of a terminal
    newline_re = re.compile(r"(\r\n|\r(?=.)|\033\[u|\033\[[0-9]+;[0-9]+[Hf]|\033\[2J|\x08+)")

    def __init__(self, callback=None):
        self.partialLine = None
        self.warned = False

    def append(self, text):
        """The lines that are complete now, None if there are none."""
        return self.adjust_line(text)

    def flush(self):
        """What is left, as a line."""
        return None if self.partialLine is None else self.adjust_line("\n")

    def adjust_line(self, text):
        kept = self.partialLine
        if kept:
            if len(kept) > self.MAX_LINELENGTH:
                self.partialLine = text
                return self._in_pieces(kept)
            text = kept + text
            self.partialLine = None
        text = self.newline_re.sub("\n", text)
        complete = text.rfind("\n") + 1
        if complete < len(text):
            self.partialLine = text[complete:]
        return text[:complete] or None

    def _in_pieces(self, line):
        if not self.warned:
            from twisted.logger import Logger

            self.warned = True
            Logger(__name__).warn(
                "Splitting long line: {line_start} {length} (not warning anymore for this log)",
                line_start=line[:30],
                length=len(line),
            )
        size = self.MAX_LINELENGTH
        pieces = [line[start : start + size] for start in range(0, len(line), size)]
        return "\n".join(pieces) + "\n"
