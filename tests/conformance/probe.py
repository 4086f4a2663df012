"""Sends a case to a server and says what came back."""

import re
import socket
import time

from cases import FAULT, SERVED, WAITS

# Behind a good request goes another: an answer to it proves that both sides agree where the first one ended.
FOLLOWING = b"GET /following HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")


class Verdict:
    def __init__(self, passed, got):
        self.passed = passed
        self.got = got


def receive(connection, seconds, enough):
    """What comes until the end, a reset, the time is up or `enough` holds; and whether it ended."""
    received = b""
    deadline = time.monotonic() + seconds
    while not enough(received):
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = connection.recv(65536)
        except socket.timeout:
            return received, False
        except ConnectionError:
            return received, True
        if not data:
            return received, True
        received += data
    return received, False


def send(connection, pieces):
    try:
        for piece in pieces:
            connection.sendall(piece)
            if len(pieces) > 1:
                time.sleep(0.002)  # so that the server reads them apart
    except ConnectionError:
        pass  # refused on the way; the answer tells


def statuses(received):
    return [int(found) for found in STATUS_LINE.findall(received) if int(found) >= 200]


def judge(case, received, ended):
    got = statuses(received)
    text = ", ".join(map(str, got)) or ("closed without an answer" if ended else "no answer")
    if case.expected == WAITS:
        return Verdict(not got and not ended, text)
    if not got:
        return Verdict(False, text)
    if case.expected == SERVED:
        if got[0] in FAULT or case.is_old:
            return Verdict(got[0] not in FAULT, text)
        if len(got) != 2 or got[1] in FAULT:
            return Verdict(False, f"{text}: the next request was lost")
        return Verdict(True, text)
    if got[0] in case.expected and len(got) > 1 and not case.well_framed:
        return Verdict(False, f"{text}: what stood behind it was taken for a request")
    return Verdict(got[0] in case.expected, text)


def probe(address, case, cut=None, patience=5.0):
    """`cut`: where the bytes are sent in two pieces. `patience`: seconds for an answer that is due."""
    data = case.data
    waits = case.expected == WAITS
    if not waits and not case.is_old:
        data += FOLLOWING
    with socket.create_connection(address, timeout=patience) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send(connection, [data] if cut is None else [data[:cut], data[cut:]])
        received, ended = receive(connection, 0.3 if waits else patience, lambda _: False)
    return judge(case, received, ended)
