"""What is to be done at about the same time is done together: fewer transactions, fewer switches between threads."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 64  # items in one batch: what comes later does not wait for more


class Batches(Generic[Item, Result]):
    """While one batch is being done, what comes is gathered for the next one. Belongs to one event loop."""

    def __init__(self, do: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]) -> None:
        """`do` answers for each item, in order, with its result or with what its caller is to be raised."""
        self._do = do
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def result(self, item: Item) -> Result:
        """The result for one item. If the caller is cancelled, the item is done all the same."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._finish(batch)
        finally:
            self._task = None

    async def _finish(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._do([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue  # whoever waited was cancelled
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
