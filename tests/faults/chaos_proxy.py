"""A TCP proxy that can go wrong, as a process of its own: `chaos_proxy.py PORT_TO_LISTEN PORT_TO_CALL`.

It obeys lines on its standard input, and answers each with the same line:
    pass     forwards (at first)
    cut      resets every connection there is, once; further ones are forwarded
    refuse   closes every connection, and new ones at once
    hole     forwards nothing either way and closes nothing: what is sent meanwhile arrives when it passes again
    lose     as `hole`, but replies only: commands still arrive
    strand   as `hole`, but for the connections that there are; new ones pass
"""

import asyncio
import os
import socket
import struct
import subprocess
import sys


class Proxy:
    def __init__(self, listen_port, call_port):
        self.listen_port = listen_port
        self.call_port = call_port
        self.mode = "pass"
        self.changed = asyncio.Condition()
        self.writers = set()
        self.stranded = set()  # what forwards for connections of before

    async def serve(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", self.listen_port)
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        print("listening", flush=True)
        async with server:
            while line := (await orders.readline()).decode().strip():
                await self.obey(line)
                print(line, flush=True)

    async def obey(self, order):
        if order in ("cut", "refuse"):
            for writer in list(self.writers):
                reset(writer)
        async with self.changed:
            self.mode = "pass" if order in ("cut", "strand") else order
            self.stranded = set(self.writers) if order == "strand" else set()
            self.changed.notify_all()

    async def accept(self, reader, writer):
        if self.mode == "refuse":
            return reset(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.call_port)
        except OSError:
            return reset(writer)
        both = {writer, far_writer}
        self.writers |= both
        try:
            await asyncio.wait([asyncio.ensure_future(self.forward(reader, far_writer, ("hole",))),
                                asyncio.ensure_future(self.forward(far_reader, writer, ("hole", "lose")))],
                               return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.writers -= both
            for one in both:
                one.close()  # behind what it was given: a command whose sender has gone is executed all the same

    async def forward(self, reader, writer, held_in):
        try:
            while data := await reader.read(1 << 16):
                async with self.changed:
                    await self.changed.wait_for(lambda: self.mode not in held_in and writer not in self.stranded)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass


def reset(writer):
    """Without a FIN, so that nobody takes it for a polite end."""
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()


class ProxyProcess:
    """The test's end of it."""

    def __init__(self, listen_port, call_port):
        self.port = listen_port
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(listen_port), str(call_port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "listening\n"

    def order(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == what + "\n"

    def end(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(Proxy(int(sys.argv[1]), int(sys.argv[2])).serve())
