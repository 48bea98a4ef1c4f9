"""What the benchmark scripts need of clients and of /proc; Python's standard
library only. Each command is a function below; its parameters are the
command's arguments."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

VALUE = b"v" * 64
BATCH = 100
PATIENCE_S = 10


def main(command, *arguments):
    globals()[command.replace("-", "_")](*arguments)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        print(probe.getsockname()[1])


def connect(port):
    connection = socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def has_ended(pid):
    """Whether a child of our parent has ended, waited for or not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def await_port(port, pid):
    """Waits until the process listens."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return connect(port).close()
        except OSError as error:
            if has_ended(pid):
                sys.exit("the server ended at its start")
            if end < time.monotonic():
                sys.exit(f"the server does not listen: {error}")
            time.sleep(0.01)


def await_http(port, pid):
    """Waits until a GET is answered."""
    await_port(port, pid)
    connection = connect(port)
    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
        sys.exit("the server is not ready")


def await_https(port, pid):
    """Waits until a GET over TLS is answered, whoever answers it."""
    await_port(port, pid)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = context.wrap_socket(connect(port))
    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
        sys.exit("the server is not ready")


def resident(pid):
    """Prints the resident bytes of a process."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    print(int(line.split()[1]) * 1024)


def cpu_percent(pid, seconds):
    """Prints what a process used of one core over so many seconds, after five
    in which it may settle."""

    def ticks():
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(5)
    before = ticks()
    time.sleep(float(seconds))
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK")
    print(f"{used / float(seconds) * 100:.2f}")


def start_ms(port, server):
    """Starts the server, prints the milliseconds to its first 200, ends it."""
    begin = time.monotonic()
    process = subprocess.Popen(
        [server, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while begin + PATIENCE_S > time.monotonic():
            try:
                connection = connect(port)
            except OSError:
                time.sleep(0.0002)
                continue
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if connection.recv(4096).startswith(b"HTTP/1.1 200"):
                print(f"{(time.monotonic() - begin) * 1000:.1f}")
                return
        sys.exit("the server did not answer")
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fill(port, items, request, answer):
    """Sends pipelined batches of requests, and counts the answers that begin
    like `answer`."""
    connection = connect(port)
    for first in range(0, int(items), BATCH):
        connection.sendall(b"".join(request(number) for number in range(first, first + BATCH)))
        got, rest = 0, b""
        while got < BATCH:
            received = connection.recv(1 << 16)
            if not received:
                sys.exit("the server closed the connection")
            rest += received
            got += rest.count(answer)
            last = rest.rfind(answer)
            rest = rest[last + len(answer) :] if last >= 0 else rest[-len(answer) :]


def key(number):
    return b"key-%012d" % number


def fill_http(port, items):
    head = (
        b"POST /?key=%s HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Length: 64\r\n\r\n"
    )
    fill(port, items, lambda number: head % key(number) + VALUE, b"HTTP/1.1 200")


def fill_redis(port, items):
    set_ = b"*3\r\n$3\r\nSET\r\n$16\r\n%s\r\n$64\r\n%s\r\n"
    fill(port, items, lambda number: set_ % (key(number), VALUE), b"+OK\r\n")


def fill_memcached(port, items):
    set_ = b"set %s 0 0 64\r\n%s\r\n"
    fill(port, items, lambda number: set_ % (key(number), VALUE), b"STORED\r\n")


def ask(port, request, end):
    connection = connect(port)
    connection.sendall(request)
    received = b""
    while end not in received:
        more = connection.recv(1 << 16)
        if not more:
            break
        received += more
    return received


def count_http(port, items):
    """Prints the entries of all data nodes, once their statuses, which come
    every second, tell of every put; one that was evicted is a failure."""
    request = b"GET /v1/nodes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    end = time.monotonic() + PATIENCE_S
    while True:
        body = ask(port, request, b"\0").split(b"\r\n\r\n", 1)[1]
        statuses = [node["status"] or {} for node in json.loads(body)["nodes"]]
        inserts, entries, evictions = (
            sum(status.get(count, 0) for status in statuses)
            for count in ("inserts", "entries", "evictions")
        )
        if evictions:
            sys.exit(f"{evictions} entries were evicted")
        if int(items) <= inserts or end < time.monotonic():
            return print(entries)
        time.sleep(0.1)


def count_redis(port, _items):
    print(int(ask(port, b"*1\r\n$6\r\nDBSIZE\r\n", b"\r\n")[1:]))


def count_memcached(port, _items):
    lines = ask(port, b"stats\r\n", b"END\r\n").splitlines()
    print(int(next(line for line in lines if line.startswith(b"STAT curr_items")).split()[2]))


# So that what was started is ended then too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main(*sys.argv[1:])
