"""A real Chromium, steered over its DevTools protocol by as little as the tests want."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import struct
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--remote-debugging-port=0"),
]


class Page:
    """One tab. `complaints` gathers what it logs, throws or asks: errors, CSP reports, dialogs."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.complaints: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            await self._hear(message)

    async def _hear(self, message: dict[str, Any]) -> None:
        match message["method"]:
            case "Page.javascriptDialogOpening":
                self.complaints.append(f"dialog {message['params']['message']!r}")
                answer = {"method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                await self._socket.send(json.dumps({"id": 0, **answer}))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.complaints.append(str(message["params"]["entry"]))
            case "Runtime.consoleAPICalled" if message["params"]["type"] == "error":
                self.complaints.append(str(message["params"]["args"]))

    async def evaluate(self, expression: str) -> Any:
        result = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def wait_for(self, expression: str) -> Any:
        """The expression's value, once it is true."""
        return await self.evaluate(
            "new Promise((done) => { const look = () => {"
            f" const value = ({expression}); if (value) done(value); else setTimeout(look, 20);"
            " }; look(); })"
        )

    async def texts(self, selector: str) -> list[str]:
        """The text of every element that matches."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        texts: list[str] = await self.evaluate(f"{found}.map((e) => e.textContent)")
        return texts

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def screenshot(self) -> bytes:
        """A PNG of the whole page."""
        shot = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def opened(chromium: Path, url: str) -> AsyncIterator[Page]:
    """A page that has begun to load `url`, in a browser of its own."""
    # Not pytest's folder: Chromium still writes while it ends.
    with tempfile.TemporaryDirectory(prefix="depotd-chromium-", ignore_cleanup_errors=True) as home:
        process = await asyncio.create_subprocess_exec(
            chromium,
            *FLAGS,
            f"--user-data-dir={home}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            debugger = await _debugger(process)
            async with connect(debugger, max_size=None) as browser:
                page = Page(browser)
                target = (await page.call("Target.createTarget", url="about:blank"))["targetId"]
                address = f"{debugger.partition('/devtools/')[0]}/devtools/page/{target}"
                async with connect(address, max_size=None) as tab:
                    page = Page(tab)
                    for domain in ("Page", "Runtime", "Log"):
                        await page.call(f"{domain}.enable")
                    await page.call("Page.navigate", url=url)
                    yield page
        finally:
            process.kill()
            await process.communicate()


async def _debugger(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = b""
    async for line in process.stderr:
        said += line
        if line.startswith(b"DevTools listening on "):
            return line.split()[-1].decode()
    raise RuntimeError(f"Chromium did not start: {said.decode()}")


def decode_png(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the rows of an 8-bit RGB or RGBA picture, 3 bytes a pixel (PNG, RFC 2083:
    chunks in 3.2, filters in 6)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    assert (depth, interlace) == (8, 0)
    size = {2: 3, 6: 4}[colour]
    raw = zlib.decompress(data)
    stride = width * size
    rows, above = [], bytes(stride)
    for y in range(height):
        start = y * (stride + 1)
        above = _unfilter(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), above, size)
        pixels = above
        if size == 4:
            pixels = b"".join(above[i : i + 3] for i in range(0, stride, 4))
        rows.append(pixels)
    return width, height, rows


def _unfilter(kind: int, row: bytearray, above: bytes, size: int) -> bytes:
    for i in range(len(row)):
        left = row[i - size] if i >= size else 0
        corner = above[i - size] if i >= size else 0
        match kind:
            case 1:
                guess = left
            case 2:
                guess = above[i]
            case 3:
                guess = (left + above[i]) // 2
            case 4:
                p = left + above[i] - corner
                near = abs(p - left), abs(p - above[i]), abs(p - corner)
                guess = (left, above[i], corner)[near.index(min(near))]
            case _:
                break
        row[i] = (row[i] + guess) & 0xFF
    return bytes(row)
