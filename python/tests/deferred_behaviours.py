"""What configurations rely on in Twisted; executed with the real one and with what stands in for it.

See test_deferreds.py.
"""

import os
import sys
import threading
import unittest

from twisted.internet import defer, error, reactor, task, threads, utils
from twisted.python import failure, log

from zope.interface import Attribute, Interface, implementer, providedBy, provider
from zope.interface.verify import verifyObject


def outcome(d):
    """The result of a Deferred that has one: (True, value) or (False, exception)."""
    found = []
    d.addCallbacks(lambda value: found.append((True, value)), lambda f: found.append((False, f.value)))
    return found[0] if found else None


class Deferreds(unittest.TestCase):
    def test_callbacks_get_the_result_of_the_one_before(self):
        d = defer.Deferred()
        d.addCallback(lambda value, more, named: value + more + named, 1, named=2)
        d.addCallback(str)
        d.callback(4)
        self.assertEqual(outcome(d), (True, "7"))

    def test_an_exception_goes_to_the_next_errback(self):
        d = defer.succeed(1)
        d.addCallback(lambda value: 1 / 0)
        d.addCallback(lambda value: self.fail("skipped"))
        d.addErrback(lambda f: f.trap(ZeroDivisionError))
        self.assertEqual(outcome(d), (True, ZeroDivisionError))

    def test_trap_raises_what_it_does_not_know(self):
        d = defer.fail(KeyError("x"))
        d.addErrback(lambda f: f.trap(ValueError))
        self.assertIsInstance(outcome(d)[1], KeyError)

    def test_both_and_pass_through(self):
        seen = []
        d = defer.succeed(3).addBoth(lambda value: seen.append(value) or value)
        d.addErrback(seen.append)
        self.assertEqual((outcome(d), seen), ((True, 3), [3]))

    def test_a_returned_deferred_is_waited_for(self):
        inner, outer = defer.Deferred(), defer.succeed(1)
        outer.addCallback(lambda _: inner).addCallback(lambda value: value * 2)
        self.assertIsNone(outcome(outer))
        inner.callback(21)
        self.assertEqual(outcome(outer), (True, None))

    def test_a_chain_of_returned_deferreds_gives_the_innermost_result(self):
        first, second, third = defer.Deferred(), defer.Deferred(), defer.Deferred()
        second.addCallback(lambda _: third)
        first.addCallback(lambda _: second)
        first.callback(None)
        second.callback(None)
        third.callback("end")
        self.assertEqual(outcome(first), (True, "end"))

    def test_a_failed_returned_deferred_fails_the_outer_one(self):
        d = defer.succeed(1).addCallback(lambda _: defer.fail(KeyError("k")))
        self.assertIsInstance(outcome(d)[1], KeyError)

    def test_a_second_result_is_refused(self):
        d = defer.succeed(1)
        self.assertRaises(defer.AlreadyCalledError, d.callback, 2)
        self.assertRaises(defer.AlreadyCalledError, d.errback, KeyError())

    def test_errback_takes_an_exception_or_the_current_one(self):
        d = defer.Deferred()
        try:
            raise KeyError("now")
        except KeyError:
            d.errback()
        self.assertEqual(outcome(d)[1].args, ("now",))

    def test_cancel_fails_with_cancelled_error_and_a_late_result_is_ignored(self):
        d = defer.Deferred()
        d.cancel()
        d.callback("late")
        self.assertIsInstance(outcome(d)[1], defer.CancelledError)

    def test_a_canceller_may_give_the_result_itself(self):
        d = defer.Deferred(lambda d: d.callback("given up"))
        d.cancel()
        self.assertEqual(outcome(d), (True, "given up"))

    def test_cancel_reaches_the_deferred_that_is_waited_for(self):
        inner = defer.Deferred()
        outer = defer.succeed(1).addCallback(lambda _: inner)
        outer.cancel()
        self.assertIsInstance(outcome(outer)[1], defer.CancelledError)

    def test_chain_deferred(self):
        first, second = defer.Deferred(), defer.Deferred()
        first.chainDeferred(second)
        first.callback(5)
        self.assertEqual(outcome(second), (True, 5))

    def test_pause_and_unpause(self):
        d = defer.Deferred()
        d.pause()
        d.callback(1)
        seen = []
        d.addCallback(seen.append)
        self.assertEqual(seen, [])
        d.unpause()
        self.assertEqual(seen, [1])

    def test_maybe_deferred(self):
        async def coroutine():
            return 3

        self.assertEqual(outcome(defer.maybeDeferred(lambda a: a, 1)), (True, 1))
        self.assertEqual(outcome(defer.maybeDeferred(defer.succeed, 2)), (True, 2))
        self.assertEqual(outcome(defer.maybeDeferred(coroutine)), (True, 3))
        self.assertIsInstance(outcome(defer.maybeDeferred(lambda: {}["x"]))[1], KeyError)
        failed = defer.maybeDeferred(lambda: failure.Failure(ValueError("f")))
        self.assertIsInstance(outcome(failed)[1], ValueError)

    def test_execute(self):
        self.assertEqual(outcome(defer.execute(len, "abc")), (True, 3))
        self.assertIsInstance(outcome(defer.execute(len, 3))[1], TypeError)

    def test_timeout(self):
        clock = task.Clock()
        d = defer.Deferred().addTimeout(5, clock)
        clock.advance(6)
        self.assertIsInstance(outcome(d)[1], defer.TimeoutError)
        in_time = defer.Deferred().addTimeout(5, clock)
        in_time.callback(1)
        clock.advance(6)
        self.assertEqual(outcome(in_time), (True, 1))

    def test_many_callbacks_do_not_exhaust_the_stack(self):
        d = defer.succeed(0)
        for _ in range(3000):
            d.addCallback(lambda value: defer.succeed(value + 1))
        self.assertEqual(outcome(d), (True, 3000))


class InlineCallbacks(unittest.TestCase):
    def test_results_are_sent_in_and_the_return_value_comes_out(self):
        later = defer.Deferred()

        @defer.inlineCallbacks
        def work(start):
            """Adds."""
            first = yield defer.succeed(start)
            second = yield later
            plain = yield 5
            return first + second + plain

        self.assertEqual((work.__name__, work.__doc__), ("work", "Adds."))
        d = work(1)
        later.callback(10)
        self.assertEqual(outcome(d), (True, 16))

    @unittest.skipUnless(hasattr(defer, "returnValue"), "newer Twisted has it no more")
    def test_return_value_ends_the_function(self):
        @defer.inlineCallbacks
        def work():
            yield None
            defer.returnValue(7)

        self.assertEqual(outcome(work()), (True, 7))

    def test_failures_are_raised_at_the_yield(self):
        @defer.inlineCallbacks
        def work():
            try:
                yield defer.fail(KeyError("x"))
            except KeyError as caught:
                return f"caught {caught}"

        self.assertEqual(outcome(work()), (True, "caught 'x'"))

    def test_an_exception_fails_the_deferred(self):
        @defer.inlineCallbacks
        def work():
            yield None
            raise ValueError("v")

        self.assertIsInstance(outcome(work())[1], ValueError)

    def test_cancel_reaches_what_is_waited_for(self):
        seen = []

        @defer.inlineCallbacks
        def work():
            try:
                yield defer.Deferred(lambda d: seen.append("cancelled"))
            except defer.CancelledError:
                seen.append("raised")
                raise

        d = work()
        d.cancel()
        self.assertIsInstance(outcome(d)[1], defer.CancelledError)
        self.assertEqual(seen, ["cancelled", "raised"])

    def test_a_function_that_is_no_generator_is_refused(self):
        self.assertRaises(TypeError, defer.inlineCallbacks(lambda: 3))

    def test_a_method(self):
        class Thing:
            @defer.inlineCallbacks
            def double(self, value):
                got = yield defer.succeed(value)
                return 2 * got

        self.assertEqual(outcome(Thing().double(4)), (True, 8))

    def test_a_long_loop_of_ready_deferreds(self):
        @defer.inlineCallbacks
        def work():
            total = 0
            for _ in range(5000):
                total += yield defer.succeed(1)
            return total

        self.assertEqual(outcome(work()), (True, 5000))


class Coroutines(unittest.TestCase):
    def test_ensure_deferred_runs_a_coroutine(self):
        later = defer.Deferred()

        async def inner():
            return await later

        async def work():
            first = await defer.succeed(1)
            return first + await inner()

        d = defer.ensureDeferred(work())
        later.callback(2)
        self.assertEqual(outcome(d), (True, 3))
        self.assertEqual(outcome(defer.Deferred.fromCoroutine(inner())), (True, None))

    def test_ensure_deferred_takes_a_deferred_and_refuses_the_rest(self):
        d = defer.succeed(1)
        self.assertIs(defer.ensureDeferred(d), d)
        self.assertRaises(TypeError, defer.ensureDeferred, 3)

    def test_exceptions_pass(self):
        async def work():
            try:
                await defer.fail(KeyError("k"))
            except KeyError:
                raise ValueError("v")

        self.assertIsInstance(outcome(defer.ensureDeferred(work()))[1], ValueError)


class Many(unittest.TestCase):
    def test_gather_results(self):
        first, second = defer.Deferred(), defer.Deferred()
        d = defer.gatherResults([first, second, defer.succeed(3)])
        second.callback(2)
        first.callback(1)
        self.assertEqual(outcome(d), (True, [1, 2, 3]))
        self.assertEqual(outcome(defer.gatherResults([])), (True, []))

    def test_gather_results_fails_with_the_first_failure(self):
        d = defer.gatherResults([defer.Deferred(), defer.fail(KeyError("k"))], consumeErrors=True)
        problem = outcome(d)[1]
        self.assertIsInstance(problem, defer.FirstError)
        self.assertIsInstance(problem.subFailure.value, KeyError)
        self.assertEqual(problem.index, 1)

    def test_deferred_list(self):
        d = defer.DeferredList([defer.succeed(1), defer.fail(KeyError("k"))], consumeErrors=True)
        found = outcome(d)[1]
        self.assertEqual(found[0], (True, 1))
        self.assertEqual((found[1][0], found[1][1].type), (False, KeyError))
        self.assertEqual(outcome(defer.DeferredList([])), (True, []))

    def test_deferred_list_fires_on_the_first_result(self):
        first, second = defer.Deferred(), defer.Deferred()
        d = defer.DeferredList([first, second], fireOnOneCallback=True)
        second.callback("second")
        self.assertEqual(outcome(d), (True, ("second", 1)))

    def test_lock(self):
        lock = defer.DeferredLock()
        order = []
        first = lock.run(lambda: defer.Deferred(None) if order else order.append("first"))
        held = lock.acquire()
        self.assertTrue(lock.locked)
        waiting = lock.acquire().addCallback(lambda got: order.append(got is lock))
        given_up = lock.acquire()
        given_up.cancel()
        self.assertIsInstance(outcome(given_up)[1], defer.CancelledError)
        lock.release()
        lock.release()
        self.assertFalse(lock.locked)
        self.assertEqual(order, ["first", True])
        self.assertRaises(AssertionError, lock.release)
        for d in (first, held, waiting):
            self.assertTrue(outcome(d)[0])

    def test_lock_is_released_after_a_failure(self):
        lock = defer.DeferredLock()
        d = lock.run(lambda: 1 / 0)
        self.assertIsInstance(outcome(d)[1], ZeroDivisionError)
        self.assertFalse(lock.locked)

    def test_semaphore(self):
        semaphore = defer.DeferredSemaphore(2)
        got = [semaphore.acquire() for _ in range(3)]
        self.assertEqual([d.called for d in got], [True, True, False])
        semaphore.release()
        self.assertTrue(got[2].called)
        self.assertRaises(ValueError, defer.DeferredSemaphore, 0)

    def test_queue(self):
        queue = defer.DeferredQueue(size=1)
        waiting = queue.get()
        queue.put("a")
        queue.put("b")
        self.assertRaises(defer.QueueOverflow, queue.put, "c")
        self.assertEqual([outcome(waiting), outcome(queue.get())], [(True, "a"), (True, "b")])


class Failures(unittest.TestCase):
    def test_of_the_current_exception(self):
        try:
            raise KeyError("x")
        except KeyError:
            found = failure.Failure()
        self.assertEqual((found.type, found.value.args), (KeyError, ("x",)))
        self.assertEqual(found.check(ValueError, LookupError), LookupError)
        self.assertIsNone(found.check(ValueError))
        self.assertIn("KeyError", found.getTraceback())
        self.assertEqual(found.getErrorMessage(), "'x'")
        self.assertRaises(KeyError, found.raiseException)

    def test_of_an_exception(self):
        self.assertEqual(failure.Failure(ValueError("v")).getErrorMessage(), "v")

    def test_of_nothing_is_refused(self):
        self.assertRaises(failure.NoCurrentExceptionError, failure.Failure)


class Loop(unittest.TestCase):
    def spin(self, d):
        """Runs the reactor until `d` has a result."""
        found = []

        def done(value):
            found.append(value)
            reactor.callLater(0, stop)

        def stop():
            if hasattr(reactor, "crash"):
                reactor.crash()
            else:
                reactor.stop()

        reactor.callLater(0, lambda: d.addBoth(done))
        reactor.run(installSignalHandlers=False)
        if isinstance(found[0], failure.Failure):
            found[0].raiseException()
        return found[0]

    def test_timers_fire_in_order_and_can_be_cancelled(self):
        order = []
        d = defer.Deferred()
        reactor.callLater(0.02, d.callback, "end")
        reactor.callLater(0.01, order.append, "second")
        reactor.callLater(0.001, order.append, "first")
        never = reactor.callLater(0.005, order.append, "never")
        self.assertTrue(never.active())
        never.cancel()
        self.assertFalse(never.active())
        self.assertRaises(error.AlreadyCancelled, never.cancel)
        self.assertEqual(self.spin(d), "end")
        self.assertEqual(order, ["first", "second"])

    def test_a_timer_can_be_reset(self):
        d = defer.Deferred()
        call = reactor.callLater(60, d.callback, "soon")
        call.reset(0.001)
        self.assertEqual(self.spin(d), "soon")
        self.assertRaises(error.AlreadyCalled, call.cancel)

    def test_defer_later(self):
        self.assertEqual(self.spin(task.deferLater(reactor, 0.001, lambda a: a + 1, 1)), 2)

    def test_defer_to_thread(self):
        here = threading.get_ident()
        self.assertNotEqual(self.spin(threads.deferToThread(threading.get_ident)), here)
        with self.assertRaises(KeyError):
            self.spin(threads.deferToThread({}.__getitem__, "x"))

    def test_blocking_call_from_thread(self):
        def work():
            return threads.blockingCallFromThread(reactor, defer.succeed, 5)

        self.assertEqual(self.spin(threads.deferToThread(work)), 5)

    def test_looping_call(self):
        seen = []

        def step():
            seen.append(1)
            if len(seen) == 3:
                looping.stop()

        looping = task.LoopingCall(step)
        self.assertIs(self.spin(looping.start(0.001)), looping)
        self.assertEqual(len(seen), 3)

    def test_looping_call_ends_with_the_exception(self):
        looping = task.LoopingCall(lambda: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            self.spin(looping.start(0.001))

    def test_looping_call_on_a_clock(self):
        clock, seen = task.Clock(), []
        looping = task.LoopingCall(seen.append, 1)
        looping.clock = clock
        looping.start(2, now=False)
        clock.advance(1)
        self.assertEqual(len(seen), 0)
        clock.advance(1)
        clock.advance(2)
        self.assertEqual(len(seen), 2)
        looping.stop()

    def test_processes(self):
        script = "print('out'); raise SystemExit(3)"

        @defer.inlineCallbacks
        def work():
            both = yield utils.getProcessOutputAndValue(sys.executable, ("-c", script))
            value = yield utils.getProcessValue(sys.executable, ("-c", script))
            output = yield utils.getProcessOutput(sys.executable, ("-c", "print('out')"))
            return both, value, output

        if not hasattr(reactor, "spawnProcess") or type(reactor).__name__ == "_Reactor":
            self.assertEqual(self.spin(work()), ((b"out\n", b"", 3), 3, b"out\n"))


class Logs(unittest.TestCase):
    def test_observers_get_messages(self):
        seen = []
        log.addObserver(seen.append)
        try:
            log.msg("hello", "world")
        finally:
            log.removeObserver(seen.append)
        self.assertEqual([" ".join(event["message"]) for event in seen], ["hello world"])

    def test_errors_are_logged_without_being_raised(self):
        try:
            raise KeyError("x")
        except KeyError:
            log.err(None, "why")
        log.err(failure.Failure(ValueError("v")))
        from twisted.logger import Logger

        Logger("a.b").info("some {thing}", thing=3)


class IThing(Interface):
    """A thing."""

    color = Attribute("its colour")

    def use(how):
        """Uses it."""


class ISpecialThing(IThing):
    """A special one."""


@implementer(IThing)
class Thing:
    color = "red"

    def use(self, how):
        return how


class SubThing(Thing):
    pass


@implementer(ISpecialThing)
class Special(Thing):
    pass


@provider(IThing)
class Provider:
    color = "blue"


class Interfaces(unittest.TestCase):
    def test_objects_provide_what_their_classes_implement(self):
        self.assertTrue(IThing.providedBy(Thing()))
        self.assertTrue(IThing.providedBy(SubThing()))
        self.assertTrue(IThing.implementedBy(Thing))
        self.assertFalse(IThing.providedBy(Thing))
        self.assertFalse(ISpecialThing.providedBy(Thing()))
        self.assertFalse(IThing.providedBy(3))

    def test_a_derived_interface_counts_for_its_base(self):
        self.assertTrue(IThing.providedBy(Special()))
        self.assertIn(ISpecialThing, list(providedBy(Special())))

    def test_a_class_can_provide_by_itself(self):
        self.assertTrue(IThing.providedBy(Provider))
        self.assertFalse(IThing.providedBy(Provider()))

    def test_calling_an_interface_adapts(self):
        thing = Thing()
        self.assertIs(IThing(thing), thing)
        self.assertEqual(IThing(3, None), None)
        self.assertRaises(TypeError, IThing, 3)

    def test_verify(self):
        self.assertTrue(verifyObject(IThing, Thing()))

        @implementer(IThing)
        class Lacking:
            color = "none"

        with self.assertRaises(Exception):
            verifyObject(IThing, Lacking())

    def test_names(self):
        self.assertEqual(sorted(IThing.names()), ["color", "use"])
        self.assertEqual(sorted(ISpecialThing.names(all=True)), ["color", "use"])
        self.assertEqual(IThing.__name__, "IThing")


if __name__ == "__main__":
    program = unittest.main(exit=False)
    sys.stderr.flush()
    # Threads of a pool may still wait for work.
    os._exit(0 if program.result.wasSuccessful() else 1)
