"""Observers of logs split lines as those of Buildbot do."""

import sys
import unittest

import real_buildbot

sys.path.insert(0, real_buildbot.PYTHON)

from buildbot.process.logobserver import (
    BufferLogObserver,
    LineConsumerLogObserver,
    LogLineObserver,
    LogObserver,
    OutputProgressObserver,
)


class Lines(LogLineObserver):
    def __init__(self):
        super().__init__()
        self.seen = []

    def outLineReceived(self, line):
        self.seen.append(("o", line))

    def errLineReceived(self, line):
        self.seen.append(("e", line))

    def headerLineReceived(self, line):
        self.seen.append(("h", line))


class Observers(unittest.TestCase):
    def check(self, data, lines, stream="o"):
        observer = Lines()
        observer.gotData(stream, data)
        self.assertEqual(observer.seen, [(stream, line) for line in lines])

    def test_a_chunk_is_split_into_lines_without_their_ends(self):
        self.check("a\nb\n", ["a", "b"])

    def test_empty_lines_inside_are_lines_and_those_at_the_end_are_not(self):
        self.check("a\n\nb \n  c  \n\n", ["a", "", "b ", "  c"])

    def test_an_empty_chunk_is_one_empty_line(self):
        self.check("\n", [""])

    def test_streams_are_told_apart(self):
        self.check("x\n", ["x"], "e")
        self.check("x\n", ["x"], "h")

    def test_text_without_stream_counts_as_output(self):
        observer = Lines()
        observer.gotData(None, "x\n")
        self.assertEqual(observer.seen, [("o", "x")])

    def test_lines_that_are_too_long_are_dropped(self):
        observer = Lines()
        observer.setMaxLineLength(3)
        observer.gotData("o", "abc\nabcd\nx\n")
        self.assertEqual(observer.seen, [("o", "abc"), ("o", "x")])

    def test_the_end_of_a_log_is_announced(self):
        class Ends(LogObserver):
            ended = False

            def finishReceived(self):
                self.ended = True

        observer = Ends()
        observer.gotData(None, None)
        self.assertTrue(observer.ended)

    def test_a_generator_is_started_by_the_first_line_and_closed_at_the_end(self):
        seen = []

        def consumer():
            seen.append("started")
            try:
                while True:
                    seen.append((yield))
            finally:
                seen.append("closed")

        observer = LineConsumerLogObserver(consumer)
        self.assertEqual(seen, [])
        observer.gotData("o", "a\nb\n")
        observer.gotData("h", "c\n")
        observer.gotData(None, None)
        self.assertEqual(seen, ["started", ("o", "a"), ("o", "b"), ("h", "c"), "closed"])

    def test_without_a_line_the_generator_is_never_started(self):
        observer = LineConsumerLogObserver(lambda: self.fail("it was started"))
        observer.gotData(None, None)

    def test_a_generator_that_ends_early_raises(self):
        def consumer():
            yield

        observer = LineConsumerLogObserver(consumer)
        with self.assertRaises(StopIteration):
            observer.gotData("o", "a\nb\n")

    def test_a_buffer_keeps_what_it_was_told_to(self):
        observer = BufferLogObserver(wantStdout=True, wantStderr=False)
        observer.gotData("o", "a\n")
        observer.gotData("o", "b\n")
        observer.gotData("e", "c\n")
        self.assertEqual((observer.getStdout(), observer.getStderr()), ("a\nb\n", ""))

    def test_progress_counts_characters(self):
        class Step:
            progress = []

            def setProgress(self, name, value):
                self.progress.append((name, value))

        observer = OutputProgressObserver("output")
        observer.setStep(Step())
        observer.gotData("o", "abc\n")
        observer.gotData("e", "d\n")
        self.assertEqual(Step.progress, [("output", 4), ("output", 6)])


if __name__ == "__main__":
    unittest.main()
