"""`python -m tests.bench.slow_proxy PORT SECONDS`: passes everything on to a server here, each question late.

Says its own port in one line, and ends when its input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late_s: float) -> None:
    while data := await reader.read(1 << 16):
        await asyncio.sleep(late_s)
        writer.write(data)
        await writer.drain()
    writer.close()


async def _serve(port: int, late_s: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_server = writer, reader
        with contextlib.suppress(asyncio.CancelledError):  # the end
            answers, questions = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(
                _pump(from_server, questions, late_s), _pump(answers, to_server, 0), return_exceptions=True
            )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
