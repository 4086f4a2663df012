"""What the faults happen to: a node with its private store, or two nodes over a shared one. Each fault is a method
that does it, waits, mends it, and checks on the way what must hold meanwhile (I8)."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from harness.api import Api, Client
from harness.fixtures import NodeFactory, closed_port, connectable, provision
from harness.node import alive, end_process, until
from harness.resp import Redis, RedisError

from chaos_proxy import ProxyProcess
from client import Wire
from disk import Clock, Disk

AGENTS = {"quick": {"model": "sim-model"},
          "slow": {"model": "slow-sim-model"},
          "flaky": {"model": "flaky-model", "max_retries": 0}}
REFUSAL_MS_MAX = 500  # contract; looked at on its generous side
RECOVERY_SECONDS_MAX = 2
SLACK = 6  # the machine is busy with the load and with other things
NODE_SILENCE_SECONDS = 5
RUN_BODY = b'{"input":{"message":"probe"}}'


class Stage:
    """`figures`: the worst that was measured of each bound."""

    def __init__(self, ares, upstream):
        self.factory = NodeFactory(ares, upstream)
        self.figures = {"503": 0.0, "recovery": 0.0}
        self.nodes = []
        self.probe_tenant = None

    def prepare(self, **more):
        return self.factory.prepare(
            server={"port": closed_port()},  # the same after every restart, so that the clients find it again
            providers={"sim-flaky": {"type": "simulated", "latency_ms": 0, "failure_rate": 0.3}},
            models={"flaky-model": {"provider": "sim-flaky"}},
            templates={"faults": [{"name": name, "agent_type": "worker", "config": config}
                                  for name, config in AGENTS.items()]}, **more)

    def begin(self):
        for node in self.nodes:
            node.start()
        self.probe_tenant = self.tenant()
        assert self.probe_tenant.api.run("quick").status_code == 200
        return self

    def end(self):
        for node in reversed(self.nodes):
            node.destroy()

    def tenant(self, in_flight_max=0, **quota):
        made = provision(self.nodes[0], product_type="faults")
        made.in_flight_max = in_flight_max
        if quota:
            made.quota(**quota)
        return made

    @property
    def addresses(self):
        return [("127.0.0.1", node.config["server"]["port"]) for node in self.nodes]

    def url(self, node):
        return f"http://127.0.0.1:{node.config['server']['port']}"

    def client(self, tenant):
        return Api(self.url(self.nodes[0]), tenant.secret)

    def clients(self, tenant):
        return [Api(self.url(node), tenant.secret) for node in self.nodes]

    def get(self, node, path):
        return Client(self.url(node), {}).get(path, timeout=10)

    # -- what must hold while the store is away (I8) ------------------------------

    def ready(self, node):
        try:
            return self.get(node, "/ready").status_code == 200
        except OSError:
            return False

    def store_is_away(self, nodes, seconds):
        """Asks for work again and again, for so long: from the moment the node says that it is not ready, each
        request is a 503 with Retry-After, soon."""
        for node in nodes:
            until(lambda: not self.ready(node), 3 * SLACK, "I8: /ready says 503", pause=0.02)
        wires = {node: Wire(address) for node, address in zip(self.nodes, self.addresses)}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for node in nodes:
                answer = wires[node].request("POST", "/v1/agents/quick/run", self.probe_tenant.secret, RUN_BODY)
                assert answer is not None and answer.status == 503, f"I8: {answer and (answer.status, answer.body)}"
                assert answer.headers.get("retry-after"), "I8: a 503 without Retry-After"
                self.figures["503"] = max(self.figures["503"], answer.milliseconds)
                assert self.get(node, "/health").status_code == 200, "I8: /health during an outage"
            time.sleep(0.05)
        assert self.figures["503"] <= REFUSAL_MS_MAX * SLACK, f"I8: a 503 after {self.figures['503']:.0f} ms"
        for wire in wires.values():
            wire.close()

    def store_is_back(self, nodes=None):
        """Without a restart of the node."""
        began = time.monotonic()
        for node, address in zip(self.nodes, self.addresses):
            if nodes is None or node in nodes:
                wire = Wire(address)
                until(lambda: self._works(wire), RECOVERY_SECONDS_MAX * SLACK, "I8: well again", pause=0.02)
                wire.close()
        self.figures["recovery"] = max(self.figures["recovery"], time.monotonic() - began)

    def _works(self, wire):
        answer = wire.request("POST", "/v1/agents/quick/run", self.probe_tenant.secret, RUN_BODY)
        return answer is not None and answer.status == 200

    # -- faults of every stage -----------------------------------------------------

    def kill_node(self, dice):
        node = dice.choice(self.nodes)
        node.kill()
        time.sleep(dice.uniform(0, 0.5))
        node.start()

    def stop_store(self, dice):
        pid = self.redis_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.store_is_away(self.nodes, dice.uniform(0.3, 1.5))
        finally:
            os.kill(pid, signal.SIGCONT)
        self.store_is_back()

    def slow_disk(self, dice):
        self.disk.set(fsync_ms=dice.choice([20, 100, 300]))
        time.sleep(dice.uniform(0.5, 1.5))
        self.disk.well()


class PrivateStage(Stage):
    """A node and the redis-server that it starts, on a disk and under a clock that the test sets."""

    def __init__(self, ares, upstream, fsync="always"):
        super().__init__(ares, upstream)
        self.folder = tempfile.TemporaryDirectory(prefix="ares-disk-")
        self.disk = Disk(self.folder.name)
        self.clock = Clock(self.folder.name)
        environment = {**self.disk.environment(), **self.clock.environment(),
                       "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        self.nodes = [self.prepare(environment=environment, store={"fsync": fsync})]

    def end(self):
        super().end()
        self.folder.cleanup()

    def redis(self):
        return self.nodes[0].redis()

    def redis_pid(self):
        return until(self.nodes[0].redis_pid, 15, "the private store runs")

    def kill_store(self, dice):
        end_process(self.redis_pid())
        self.store_is_back()

    def kill_both(self, dice):
        node, pid = self.nodes[0], self.redis_pid()
        first, second = (lambda: end_process(pid), node.kill)
        if dice.random() < 0.5:
            first, second = second, first
        first()
        second()
        # The watch of the killed node may have started the store anew in between.
        if (again := node.redis_pid()):
            end_process(again)
        node.start()

    def kill_node_while_the_store_stands(self, dice):
        """The new node finds a store that answers nobody, until it does."""
        pid = self.redis_pid()
        os.kill(pid, signal.SIGSTOP)
        self.nodes[0].kill()
        self.nodes[0].launch()
        time.sleep(dice.uniform(0, 0.5))
        os.kill(pid, signal.SIGCONT)
        until(lambda: self.ready(self.nodes[0]), 30, "the node starts")

    def stop_node(self, dice):
        os.kill(self.nodes[0].process.pid, signal.SIGSTOP)
        time.sleep(dice.uniform(0.5, 2))
        os.kill(self.nodes[0].process.pid, signal.SIGCONT)

    def cut_the_power(self, dice):
        """What the disk has not taken is lost, as with the machine: nothing that was answered."""
        self.disk.set(hold=1, fsync_ms=dice.choice([0, 5, 50]))
        time.sleep(dice.uniform(0.3, 1))
        self.kill_both_at_once()
        self.disk.well()
        self.nodes[0].start()

    def kill_both_at_once(self):
        node, pid = self.nodes[0], self.redis_pid()
        os.kill(node.process.pid, signal.SIGSTOP)  # so that it does not start the store again
        end_process(pid)
        node.kill()

    def fill_the_disk(self, dice):
        self.disk.set(full=1)
        try:
            self.store_is_away(self.nodes, dice.uniform(0.5, 1.5))
        finally:
            self.disk.well()
        self.store_is_back()

    def step_the_clock(self, dice):
        """I10. The rest is looked at by what the runs' times are (`check_time`)."""
        self.clock.step(dice.choice([-3600, 3600]))
        time.sleep(1.2)
        key = self.probe_tenant.new_key("of a day", expires_in_days=1)
        assert Api(self.url(self.nodes[0]), key["secret"]).get("/v1/agents").status_code == 200, "I10: expiry"
        assert self.probe_tenant.api.usage()["total_runs"] > 0, "I10: the period"

    FAULTS = [Stage.kill_node, kill_store, kill_both, kill_node_while_the_store_stands, stop_node,
              Stage.stop_store, Stage.slow_disk, cut_the_power, fill_the_disk, step_the_clock]


class SharedStage(Stage):
    """Two nodes, each behind a proxy of its own, over one redis-server that the test starts."""

    def __init__(self, ares, upstream):
        super().__init__(ares, upstream)
        self.folder = tempfile.TemporaryDirectory(prefix="ares-shared-")
        self.disk = Disk(self.folder.name)
        self.port = closed_port()
        self.server = None
        self.start_server()
        self.proxies = [ProxyProcess(closed_port(), self.port) for _ in range(2)]
        self.nodes = [self.prepare(store={"url": f"redis://127.0.0.1:{proxy.port}/0"}, cluster={"name": "faults"})
                      for proxy in self.proxies]

    def start_server(self):
        with open(Path(self.folder.name) / "redis.log", "a") as log:
            self.server = subprocess.Popen(
                [self.disk.server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
                 "--appendfsync", "always", "--dir", self.folder.name, "--enable-debug-command", "yes",
                 "--loading-process-events-interval-bytes", "1024", "--busy-reply-threshold", "50"],
                stdout=log, stderr=log)
        until(lambda: connectable(self.port), 15, "redis listens")

    def end(self):
        super().end()
        for proxy in self.proxies:
            proxy.end()
        end_process(self.server.pid)
        self.server.wait()
        self.folder.cleanup()

    def redis(self, timeout=10):
        return Redis(host="127.0.0.1", port=self.port, timeout=timeout)

    def redis_pid(self):
        return self.server.pid

    def command(self, *words):
        redis = self.redis()
        try:
            return redis(*words)
        finally:
            redis.close()

    # -- the server ----------------------------------------------------------------

    def kill_store(self, dice):
        self.server.kill()
        self.server.wait()
        self.store_is_away(self.nodes, dice.uniform(0, 1))
        self.start_server()
        self.store_is_back()

    def refuse_writes(self, dice):
        """READONLY, or MASTERDOWN for reads as well."""
        self.command("CONFIG", "SET", "replica-serve-stale-data", dice.choice(["yes", "no"]))
        self.command("REPLICAOF", "127.0.0.1", "1")
        try:
            self.store_is_away(self.nodes, dice.uniform(0.5, 1.5))
        finally:
            self.command("REPLICAOF", "NO", "ONE")
        self.store_is_back()

    def fill_the_memory(self, dice):
        """OOM: what is under way ends all the same."""
        self.command("CONFIG", "SET", "maxmemory", "1mb")
        try:
            self.store_is_away(self.nodes, dice.uniform(0.5, 1.5))
        finally:
            self.command("CONFIG", "SET", "maxmemory", "0")
        self.store_is_back()

    def occupy_the_store(self, dice):
        """BUSY: somebody's script runs for long."""
        def run():
            try:
                self.command("EVAL", "local t = redis.call('TIME') repeat local n = redis.call('TIME') "
                             "until n[1] - t[1] + (n[2] - t[2]) / 1e6 > 1.5", "0")
            except (OSError, RedisError):
                pass

        script = threading.Thread(target=run)
        script.start()
        self.store_is_away(self.nodes, 0)
        script.join()
        self.store_is_back()

    def load_again(self, dice):
        """LOADING, slowly."""
        commands = 2 * self.command("DBSIZE")  # about
        self.command("CONFIG", "SET", "key-load-delay", 1_000_000 // max(commands, 2000))  # microseconds, of each
        redis = self.redis(timeout=60)
        loading = threading.Thread(target=lambda: redis("DEBUG", "LOADAOF"))
        loading.start()
        loading.join()
        redis.close()
        self.command("CONFIG", "SET", "key-load-delay", "0")
        self.store_is_back()

    # -- between the nodes and it -----------------------------------------------------

    def cut_connections(self, dice):
        for _ in range(dice.randint(1, 4)):
            dice.choice(self.proxies).order("cut")
            time.sleep(dice.uniform(0.02, 0.3))
        self.store_is_back()

    def refuse_connections(self, dice):
        self._while_proxies("refuse", dice.uniform(0.3, 1.5))

    def swallow_commands(self, dice):
        """A black hole: what was sent arrives when it ends."""
        self._while_proxies("hole", dice.uniform(0.5, 1.5))

    def strand_commands(self, dice):
        """What was sent arrives when the nodes have long gone on over new connections."""
        for proxy in self.proxies:
            proxy.order("strand")
        try:
            self.store_is_away(self.nodes, 0.5)
            for node in self.nodes:  # it gives a silent connection up after 3 s
                until(lambda: self.ready(node), 3 * SLACK, "the node connects anew", pause=0.02)
        finally:
            for proxy in self.proxies:
                proxy.order("pass")
        self.store_is_back()

    def lose_replies(self, dice):
        """Everything is executed, and nobody is told."""
        self._while_proxies("lose", dice.uniform(0.5, 1.5))

    def _while_proxies(self, mode, seconds):
        for proxy in self.proxies:
            proxy.order(mode)
        try:
            self.store_is_away(self.nodes, seconds)
        finally:
            for proxy in self.proxies:
                proxy.order("cut" if mode == "lose" else "pass")
        self.store_is_back()

    # -- nodes that are given up ---------------------------------------------------------

    def bury_a_node(self, dice):
        """Killed, and not started again before the other has ended what it left."""
        node = dice.choice(self.nodes)
        node.kill()
        time.sleep(NODE_SILENCE_SECONDS + dice.uniform(0.5, 2))
        node.start()

    def wake_a_node(self, dice):
        """Given up, and then it goes on as if nothing had been."""
        node = dice.choice(self.nodes)
        os.kill(node.process.pid, signal.SIGSTOP)
        time.sleep(NODE_SILENCE_SECONDS + dice.uniform(0.5, 3))
        os.kill(node.process.pid, signal.SIGCONT)
        self.store_is_back([node])

    def cut_one_node_off(self, dice):
        """Given up by the other, while it and its clients live."""
        which = dice.randrange(2)
        self.proxies[which].order("hole")
        time.sleep(NODE_SILENCE_SECONDS + dice.uniform(0.5, 3))
        self.proxies[which].order("pass")
        self.store_is_back([self.nodes[which]])

    FAULTS = [Stage.kill_node, kill_store, Stage.stop_store, Stage.slow_disk, refuse_writes, fill_the_memory,
              occupy_the_store, load_again, cut_connections, refuse_connections, swallow_commands,
              strand_commands, lose_replies]
    LONG_FAULTS = [bury_a_node, wake_a_node, cut_one_node_off]


def assert_all_alive(stage):
    for node in stage.nodes:
        assert alive(node.process.pid), f"a node ended by itself:\n{node.log()}"
