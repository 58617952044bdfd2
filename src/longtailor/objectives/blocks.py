"""A batch on a CPU in blocks of rows, several of them at a time.

PyTorch splits each operation among its threads, and waits for all of them after each. Here every
thread takes whole blocks, and is waited for once a batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Barrier
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")

CELLS = 1 << 18
"""Cells a block: few enough for its buffers to stay in cache, and so many that the threads seldom
wait for each other to run Python. It does not depend on the number of threads: nor do the sums."""


def in_blocks(work: Callable[[slice], Result], batch: Tensor) -> list[Result]:
    """Do some work, without autograd, on each block of rows of a batch.

    As many blocks at a time as `torch.get_num_threads()`; a batch of one block is left to
    PyTorch's own threads.

    Parameters
    ----------
    work : callable
        Takes a slice of rows.
    batch : Tensor, shape (rows, columns)

    Returns
    -------
    list
        What the work gave, block by block. The first block that raises decides the error.
    """
    rows, columns = batch.shape
    step = max(CELLS // max(columns, 1), 1)
    blocks = [slice(start, start + step) for start in range(0, rows if columns else 0, step)]
    threads = torch.get_num_threads()
    # Whether autograd records is a setting of each thread, so it is set where the work is done.
    work = torch.inference_mode()(work)
    if len(blocks) == 1 or threads == 1:
        return [work(block) for block in blocks]
    return list(_workers(threads, os.getpid()).map(work, blocks))


@lru_cache(maxsize=1)
def _workers(threads: int, _process: int) -> ThreadPoolExecutor:
    """Start threads whose operations use no further threads; a forked process needs its own."""
    pool = ThreadPoolExecutor(
        threads, "longtailor-blocks", initializer=torch.set_num_threads, initargs=(1,)
    )
    # All start now: each waits for the last.
    list(pool.map(lambda barrier: barrier.wait(), [Barrier(threads)] * threads))
    # Setting a thread's number sets the default of threads to come, too.
    torch.set_num_threads(threads)
    return pool
