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
import struct
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
SLOW_CLIENTS = 400


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


def abort(server, wire):
    """Sends something and resets the connection, as a client does that crashes."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(wire)


def soak(server, path, minutes):
    """Mixed load: reads, writes, bad requests, aborts. Returns: the slope of the memory, MiB per hour, after a tenth of the
    time; it says little before ten minutes."""
    began = time.monotonic()
    samples, descriptors, refused = [], [], 0
    origin = f"http://127.0.0.1:{server.port}"
    with urllib.request.urlopen(f"{origin}/api/v1/claims?limit=1", timeout=30) as page:
        known = json.load(page)["data"][0]
    new = json.dumps({**{name: known[name] for name in ("providerId", "payerId", "patientId")},
                      "claimType": "professional", "dateOfService": "2024-03-01"}).encode()
    while (passed := time.monotonic() - began) < minutes * 60:
        wrk(server, path, 2)
        for bad in (b"GET / HTTP/1.1\r\n\r\n", b"\0\1\2\3", b"POST /api/v1/claims HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{"):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(bad)
        for size in (5, 30, 60):
            abort(server, f"GET /api/v1/claims?limit=50&total=exact HTTP/1.1\r\nHost: a\r\n\r\n".encode()[:size])
        try:
            urllib.request.urlopen(urllib.request.Request(f"{origin}/api/v1/claims", new, {"Content-Type": "application/json"}), timeout=10).read()
            urllib.request.urlopen(f"{origin}/api/v1/claims?limit=50&total=exact", timeout=10).read()
        except OSError:
            refused += 1
        if passed > minutes * 6:
            samples.append((time.monotonic() / 3600, server.rss() / 2**20))
            descriptors.append(server.descriptors())
    slope = statistics.linear_regression(*zip(*samples)).slope
    print(f"Mixed load for {minutes:g} minutes: {len(samples)} samples, {samples[0][1]:.1f} to {samples[-1][1]:.1f} MiB, "
          f"{min(descriptors)} to {max(descriptors)} descriptors, {refused} rounds with a refusal")
    return slope


SLOW = {"slow heads": ["-H", "-i", "2"], "slow bodies": ["-B", "-i", "2", "-s", "8192"],
        "slow readers": ["-X", "-w", "1", "-y", "10", "-n", "1", "-z", "32"], "many ranges": ["-R"]}


def latency(server, path, seconds, connections=8):
    """Returns: the milliseconds that half of the requests took at most, and 99 of 100."""
    said = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H",
                           f"Authorization: Bearer {TOKEN}", f"http://127.0.0.1:{server.port}{path}"],
                          capture_output=True, text=True, timeout=seconds + 60).stdout
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    def at(share):
        number, name = re.search(rf"{share}%\s+([0-9.]+)(us|ms|s)", said).groups()
        return float(number) * unit[name]
    return at(50), at(99)


def slow_clients(server, path, seconds):
    """Four hundred clients of each slow kind beside an ordinary load: is the service available, and how late are others?"""
    alone = latency(server, path, 3)
    print(f"Slow clients, {SLOW_CLIENTS} of each kind for {seconds} s; others alone: p50 {alone[0]:.2f} ms, p99 {alone[1]:.2f} ms")
    worst = 0.0
    for kind, options in SLOW.items():
        attack = subprocess.Popen(["slowhttptest", *options, "-c", str(SLOW_CLIENTS), "-r", "200", "-l", str(seconds), "-p", "2",
                                   "-v", "1", "-u", f"http://127.0.0.1:{server.port}{path}"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(2)
        beside = latency(server, path, max(2, seconds - 4))
        said = attack.communicate(timeout=seconds + 60)[0]
        available = re.findall(r"service available:\s*\S*?(YES|NO)", re.sub(r"\x1b\[[0-9;]*m", "", said))
        print(f"  {kind:12} available {'always' if available and 'NO' not in available else 'not always' if available else 'unknown'}"
              f"  p50 {beside[0]:.2f} ms  p99 {beside[1]:.2f} ms")
        worst = max(worst, beside[1] / alone[1])
    print(f"  others' p99 is {worst:.2f} times what it is alone, at worst")


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
    parser.add_argument("--slow", type=int, metavar="SECONDS", help="also bring on slow clients, with slowhttptest")
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
            if chosen.slow and shutil.which("slowhttptest"):
                slow_clients(ours, path, chosen.slow)
            elif chosen.slow:
                print("skip slow clients: slowhttptest is not installed")
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
