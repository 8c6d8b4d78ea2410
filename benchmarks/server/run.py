#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The server against its floor and a stock server: CPU per request, system calls, memory.

The server under test is pinned to one core and wrk to another; the contenders take turns, round after round, and the
figure is the median of the rounds. CPU is what the kernel charged the server's process, user and system.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
TOKEN = "benchmark-token-of-32-characters"
CONNECTIONS = 64


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One process under test, pinned to the first core."""

    def __init__(self, name, arguments, port, environment=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(["taskset", "-c", "0", *map(str, arguments)], env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > ends:
                    raise SystemExit(f"bench_server: {name} does not listen on {port}")
                time.sleep(0.05)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def wrk(server, path, seconds, script=None):
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
               "-H", f"Authorization: Bearer {TOKEN}", f"http://127.0.0.1:{server.port}{path}"]
    if script:
        command[4:4] = ["-s", str(HERE / script)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60).stdout
    wrong = re.search(r"Non-2xx.*|Socket errors.*", said)
    if wrong:
        raise SystemExit(f"bench_server: {server.name}: {wrong.group(0)}")
    return int(re.search(r"(\d+) requests in", said).group(1))


def cpu_per_request(server, path, seconds, script=None):
    before = server.cpu_seconds()
    count = wrk(server, path, seconds, script)
    return (server.cpu_seconds() - before) * 1e6 / count


def calls_per_request(server, path, seconds):
    with tempfile.NamedTemporaryFile() as log:
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", log.name, "-p", str(server.process.pid)],
                                  stderr=subprocess.DEVNULL)
        time.sleep(1)
        count = wrk(server, path, seconds)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(20)
        total = [line for line in Path(log.name).read_text().splitlines() if line.rstrip().endswith("total")]
        return int(total[0].split()[3]) / count


def idle_kib(server, path, count):
    """What one more idle connection costs: the slope between a few that are warm and all of them."""
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    open_ones = []

    def add(number):
        for _ in range(number):
            made = socket.create_connection(("127.0.0.1", server.port))
            made.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += made.recv(65536)
            open_ones.append(made)

    add(count // 10)
    before = server.rss()
    add(count - count // 10)
    after = server.rss()
    for each in open_ones:
        each.close()
    return (after - before) / 1024 / (count - count // 10)


def soak(server, path, minutes):
    """Mixed load: reads, bad requests, aborts. Returns: the slope of the memory, MiB per hour, after a tenth of the time."""
    ends = time.monotonic() + minutes * 60
    warm = time.monotonic() + minutes * 6
    samples = []
    while time.monotonic() < ends:
        wrk(server, path, 2)
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\0\1\2\3", b"POST /api/v1/claims HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(bad)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/v1/claims?limit=50&total=exact", timeout=10).read()
        except OSError:
            pass
        if time.monotonic() > warm:
            samples.append((time.monotonic() / 3600, server.rss() / 2**20))
    slope = statistics.linear_regression(*zip(*samples)).slope
    print(f"  {len(samples)} samples, descriptors at the end: {server.descriptors()}")
    return slope


def prepared(folder, build):
    """Seeds a database, starts the app and writes down one of its answers for the other two."""
    app = build / "reference_app" / "reference_app"
    port = free_port()
    environment = {**os.environ, "HASTEN_ADMIN_TOKEN": TOKEN}
    ours = Server("hasten", [app, "serve", "--database", folder / "claims.db", "--port", port, "--threads", 1,
                             "--workers", 1, "--seed-claims", 2000, "--log-level", "warn", "--cache-ttl", 3600],
                  port, environment)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/claims?limit=1", timeout=30) as page:
        listed = json.load(page)
    first = next(value for value in listed.values() if isinstance(value, list))[0]
    path = f"/api/v1/claims/{first['id']}"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n".encode())
        whole = b""
        while part := client.recv(65536):
            whole += part
    whole = whole.replace(b"Connection: close\r\n", b"")
    (folder / "answer").write_bytes(whole)
    (folder / "body").write_bytes(whole.split(b"\r\n\r\n", 1)[1])
    return ours, path, len(whole)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="also watch the memory under mixed load")
    parser.add_argument("--build", type=Path, default=HERE.parents[1] / "build" / "release")
    chosen = parser.parse_args()
    programs = chosen.build / "benchmarks" / "server"
    ratios = []

    def ratio(name, value):
        ratios.append(f"ratio {name} {value:.3g}")

    said = subprocess.run([programs / "bench_server", *(["--quick"] if chosen.quick else [])], check=True,
                          capture_output=True, text=True).stdout
    print(*[line for line in said.splitlines() if not line.startswith("ratio")], sep="\n")
    ratios += [line for line in said.splitlines() if line.startswith("ratio")]

    if not shutil.which("wrk") or (os.cpu_count() or 1) < 2:
        print("skip server.cached_get needs wrk and two cores")
        print(*ratios, sep="\n")
        return
    rounds, seconds = (3, 2) if chosen.quick else (9, 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, path, size = prepared(folder, chosen.build)
        servers = [ours]
        for contender, program, given in (("epoll", "bench_server_floor", "answer"), ("stock Beast", "bench_server_stock", "body")):
            port = free_port()
            servers.append(Server(contender, [programs / program, port, folder / given], port))
        try:
            measured = {(server.name, depth): [] for server in servers for depth in (1, 16)}
            for turn in range(rounds + 1):
                for server in servers:
                    for depth in (1, 16):
                        if depth == 16 and server.name == "stock Beast":
                            continue
                        took = cpu_per_request(server, path, seconds, "pipelined.lua" if depth == 16 else None)
                        if turn > 0:
                            measured[server.name, depth].append(took)
            median = {key: statistics.median(values) for key, values in measured.items() if values}
            print(f"One answer of {size} bytes from the cache, {CONNECTIONS} connections, CPU µs per request (median, least, most)")
            for (server, depth), values in measured.items():
                if values:
                    print(f"  {server:12} {'16 at once' if depth == 16 else 'one by one':10} {median[server, depth]:8.2f} {min(values):8.2f} {max(values):8.2f}")
            ratio("server.cached_get.cpu.vs_epoll", median["hasten", 1] / median["epoll", 1])
            ratio("server.cached_get.cpu.vs_stock_beast", median["hasten", 1] / median["stock Beast", 1])
            ratio("server.pipelined16.cpu.vs_depth1", median["hasten", 16] / median["hasten", 1])
            ratios.append("skip server.cached_get.cpu.vs_drogon Debian has no package of it; build it beside and compare by hand")
            if shutil.which("strace"):
                ratio("server.syscalls_per_request", calls_per_request(ours, path, 2))
            else:
                ratios.append("skip server.syscalls_per_request strace is not installed")
            wanted = 2_000 if chosen.quick else 9_000
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            if hard < wanted + 100:
                ratios.append(f"skip server.idle_connection.kib only {hard} descriptors are allowed")
            else:
                ratio("server.idle_connection.kib", idle_kib(ours, path, wanted))
            if chosen.soak:
                ratio("server.rss_slope.mib_per_hour", soak(ours, path, chosen.soak))
            else:
                ratios.append("skip server.rss_slope.mib_per_hour takes half an hour: --soak 30")
        finally:
            for server in servers:
                server.stop()
    print(*ratios, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
