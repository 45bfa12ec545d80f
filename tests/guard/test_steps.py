"""Steps of coroutines that are taken in place."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_authz.guard.steps import begun, taken


def run(steps):
    """Begin a coroutine within a task, as a request is, and give what it appended."""
    results = []

    async def main():
        async def whole():
            try:
                results.append(await steps)
            except ValueError as error:
                results.append(error)

        task = begun(whole())
        waited = task is not None
        if task is not None:
            await task
        return waited

    return asyncio.run(main()), results


async def _at_once():
    return 1


async def _later():
    await asyncio.sleep(0)
    return await asyncio.sleep(0.01, 2)


async def _fails():
    await asyncio.sleep(0)
    raise ValueError("theirs")


async def _recovers():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_exception, KeyError("lost"))
    try:
        await future
    except KeyError:
        return await asyncio.sleep(0, 3)


def test_what_waits_for_nothing_takes_no_turn_of_the_loop():
    """No task is made for it."""
    assert run(taken(_at_once())) == (False, [1])


@pytest.mark.parametrize(("steps", "value"), [(_later, 2), (_recovers, 3)])
def test_what_waits_after_all_goes_on(steps, value):
    """It gets what it waits for, and errors of it."""
    assert run(taken(steps())) == (True, [value])


def test_errors_are_raised():
    """An error comes out where it is waited for."""
    waited, (error,) = run(taken(_fails()))
    assert waited
    assert str(error) == "theirs"
