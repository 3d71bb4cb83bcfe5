"""Starts the peers that peers.json describes. See README.md for the processes' protocol."""
import json
import os
import subprocess
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as file:
    CONFIG = json.load(file)
PEERS = CONFIG["peers"]


def command(peer, side, *options):
    """The command line of a peer: `side` is "provider", "consumer" or "load"."""
    it = PEERS[peer]
    java = os.path.join(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else "java"
    class_path = os.pathsep.join(os.path.join(HERE, entry) for entry in it["provider" if side == "provider" else "consumer"])
    return [java, *CONFIG["jvm"], *it["jvm"], "-cp", class_path, it["main"], side, *options]


class Provider:
    """A running provider; leaving the `with` block closes its standard input, which ends it."""

    def __init__(self, peer, *options, log=None, deadline_s=60):
        self.process = subprocess.Popen(command(peer, "provider", *options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log or subprocess.DEVNULL, text=True)
        alarm = threading.Timer(deadline_s, self.process.kill)
        alarm.start()
        line = self.process.stdout.readline()
        alarm.cancel()
        if not line.startswith("READY "):
            raise RuntimeError(f"provider {peer} did not start: {line!r}")
        self.ready = json.loads(line[len("READY "):])
        self.port = self.ready["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def consume(peer, port, *options, log=None, deadline_s=120):
    """Runs the consumer's cases against the port; returns its JSON lines without the last, which is checked."""
    run = subprocess.run(command(peer, "consumer", "--target", f"127.0.0.1:{port}", *options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log or subprocess.DEVNULL, text=True, timeout=deadline_s)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode != 0 or not lines or lines[-1] != {"done": len(lines) - 1}:
        raise RuntimeError(f"consumer {peer} ended with code {run.returncode} and {lines[-1:]}")
    return lines[:-1]
