"""The site's meter as a Modbus TCP device: its registers are read, and told as samples.

The one file that knows pymodbus, which is installed by the extra `depotd[modbus]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from structlog.typing import FilteringBoundLogger

from daemon.adapters.cancelling import heed_cancellation
from daemon.core.events import Event, SiteMetered

# A device that has not answered by then is asked again with the next sample.
ANSWER_S = 1.0
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0


class MeterUnreadError(Exception):
    """The device did not answer, or answered with an exception; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """`type` is the name of a data type of pymodbus, in lower case; `scale` makes it kW or A."""

    address: int
    type: str
    scale: float


class ModbusMeter:
    """`run` reads every `period_s` and emits what it read. A device that is away is tried again and
    again; that nothing is emitted meanwhile is what the core goes by."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        unit: int,
        function: str,
        period_s: float,
        import_kw: Quantity,
        phases_a: tuple[Quantity, ...] | None,
        emit: Callable[[Event], Awaitable[None]],
        log: FilteringBoundLogger,
    ) -> None:
        self._host, self._port, self._unit = host, port, unit
        self._function = function
        self._period_s = period_s
        self._import_kw, self._phases_a = import_kw, phases_a
        self._emit = emit
        self._log = log.bind(meter=f"{host}:{port}")

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            client = AsyncModbusTcpClient(
                self._host, port=self._port, timeout=ANSWER_S, retries=0, reconnect_delay=0
            )
            try:
                await self._connect(client)
                failures = 0
                while True:
                    await self._emit(await self._sample(client))
                    await asyncio.sleep(self._period_s)
            except (MeterUnreadError, ModbusException, OSError) as lost:
                pause_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 10))
                failures += 1
                self._log.warning("meter_lost", reason=str(lost), retry_s=pause_s)
            finally:
                client.close()
            heed_cancellation()
            await asyncio.sleep(pause_s)

    async def _connect(self, client: AsyncModbusTcpClient) -> None:
        async with asyncio.timeout(ANSWER_S):
            if not await client.connect():
                raise MeterUnreadError("the device takes no connection")

    async def _sample(self, client: AsyncModbusTcpClient) -> SiteMetered:
        import_kw = await self._read(client, self._import_kw)
        if self._phases_a is None:
            return SiteMetered(import_kw=import_kw)
        first, second, third = [await self._read(client, phase) for phase in self._phases_a]
        return SiteMetered(import_kw=import_kw, phases_a=(first, second, third))

    async def _read(self, client: AsyncModbusTcpClient, quantity: Quantity) -> float:
        kind = client.DATATYPE[quantity.type.upper()]
        read = (
            client.read_holding_registers
            if self._function == "holding"
            else client.read_input_registers
        )
        async with asyncio.timeout(2 * ANSWER_S):
            answer = await read(quantity.address, count=kind.value[1], device_id=self._unit)
        heed_cancellation()
        if answer.isError():
            raise MeterUnreadError(f"register {quantity.address}: {answer}")
        value = client.convert_from_registers(answer.registers, kind)
        if not isinstance(value, int | float):
            raise MeterUnreadError(f"register {quantity.address}: {value!r} is no number")
        return value * quantity.scale
