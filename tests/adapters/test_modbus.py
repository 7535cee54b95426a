"""A Modbus meter is read over real loopback TCP, lost and found again."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import structlog
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusTcpServer

from daemon.adapters.modbus import ModbusMeter, Quantity
from daemon.core.events import Event, SiteMetered

LOG = structlog.get_logger()
KINDS = AsyncModbusTcpClient.DATATYPE


@asynccontextmanager
async def device(port: int, *values: float) -> AsyncIterator[int]:
    """Holds float32 values from input register 0 on; gives the port it listens on."""
    words = [w for v in values for w in AsyncModbusTcpClient.convert_to_registers(v, KINDS.FLOAT32)]
    block = ModbusSequentialDataBlock(1, words)
    context = ModbusServerContext(devices=ModbusDeviceContext(ir=block), single=True)
    server = ModbusTcpServer(context, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        assert server.transport is not None
        listener = cast(asyncio.Server, server.transport)
        yield listener.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


def meter(port: int, heard: asyncio.Queue[Event], *, phases: bool = False) -> ModbusMeter:
    amperes = tuple(Quantity(address=2 * i, type="float32", scale=1.0) for i in (1, 2, 3))
    return ModbusMeter(
        host="127.0.0.1",
        port=port,
        unit=1,
        function="input",
        period_s=0.01,
        import_kw=Quantity(address=0, type="float32", scale=0.001),
        phases_a=amperes if phases else None,
        emit=heard.put,
        log=LOG,
    )


async def test_registers_become_samples_in_kw_and_amperes() -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    async with device(0, 42_500.0, 60.0, 61.5, 59.0) as port:
        task = asyncio.create_task(meter(port, heard, phases=True).run())
        try:
            sample = await heard.get()
        finally:
            task.cancel()
    assert sample == SiteMetered(import_kw=42.5, phases_a=(60.0, 61.5, 59.0))


async def test_a_device_that_was_away_is_found_again() -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    async with device(0, 1000.0) as port:
        pass
    task = asyncio.create_task(meter(port, heard).run())
    try:
        await asyncio.sleep(0.1)
        assert heard.empty()
        async with device(port, 2000.0):
            assert await heard.get() == SiteMetered(import_kw=2.0)
    finally:
        task.cancel()


async def test_what_is_no_number_is_told_as_it_is_and_left_to_the_core() -> None:
    heard: asyncio.Queue[Event] = asyncio.Queue()
    async with device(0, math.nan) as port:
        task = asyncio.create_task(meter(port, heard).run())
        try:
            sample = await heard.get()
        finally:
            task.cancel()
    assert isinstance(sample, SiteMetered)
    assert math.isnan(sample.import_kw)
