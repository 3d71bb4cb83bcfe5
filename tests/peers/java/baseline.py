#!/usr/bin/env python3
"""Runs every consumer against every provider of its own framework, nothing between them, and writes stock-baseline.json.

What is listed there cannot be asked of a proxy: stock peers fail at it by themselves. `--check` compares instead of writing.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import peers

TARGET = os.path.join(peers.HERE, "stock-baseline.json")
# Variant name -> options of both sides; the families and versions that have it.
VARIANTS = {
    "": ([], lambda it: True),
    "+allowlist": (["--allowlist", "yes"], lambda it: it["family"] == "dubbo" and it["version"] >= "3"),
    "+fastjson2": (["--serialization", "fastjson2,hessian2"], lambda it: it["family"] == "dubbo" and it["version"] >= "3"),
}


def pairs():
    for variant, (options, has) in VARIANTS.items():
        for provider, p in peers.PEERS.items():
            consumers = [c for c, it in peers.PEERS.items() if it["family"] == p["family"] and has(it)]
            if has(p):
                yield variant, options, provider, consumers


def steady(text):
    """Without what differs from run to run: ports, ids, addresses, times, stack traces."""
    text = re.sub(r"\\u000a.*", "", text)
    text = re.sub(r"\d{1,3}(\.\d{1,3}){3}|2130706433", "HOST", text)
    text = re.sub(r"HOST:\d+", "HOST:PORT", text)
    text = re.sub(r"\b(id|pid|timestamp|traceId)=-?[0-9a-f]+", r"\1=N", text)
    return text[:300]


def note(line):
    said = line["got"]
    causes = [cause for cause in line["detail"].split(" <- ") if cause]
    if line["outcome"] == "threw" and causes:
        said = causes[-1]
    if line.get("argument", "equal") != "equal":
        said += "; the provider saw " + line["argument"][:120]
    return steady(said)


def measure():
    subprocess.run([os.path.join(peers.HERE, "build.sh")], check=True)
    cases, runs, failing = {}, [], []
    with tempfile.TemporaryFile() as log:
        for variant, options, provider, consumers in pairs():
            with peers.Provider(provider, *options, log=log) as running:
                for consumer in consumers:
                    lines = peers.consume(consumer, running.port, *options, log=log)
                    cases[peers.PEERS[consumer]["family"]] = [line["case"] for line in lines]
                    bad = [line for line in lines if line["outcome"] != "ok"]
                    names = {"consumer": consumer + variant, "provider": provider + variant}
                    runs.append({**names, "cases": len(lines), "ok": len(lines) - len(bad)})
                    failing += [{**names, "case": line["case"], "outcome": line["outcome"], "note": note(line)} for line in bad]
                    print(f"{consumer + variant} -> {provider + variant}: {len(lines) - len(bad)} of {len(lines)} ok", file=sys.stderr)
    return {"cases": cases, "runs": runs, "failing": failing}


def render(found):
    """One record a line, so that a change of one case is a change of one line."""
    def rows(records):
        return "[\n" + ",\n".join("    " + json.dumps(r) for r in records) + "\n  ]"
    lists = ",\n".join(f"    {json.dumps(family)}: {json.dumps(names)}" for family, names in found["cases"].items())
    return "{\n  \"cases\": {\n" + lists + "\n  },\n  \"runs\": " + rows(found["runs"]) + ",\n  \"failing\": " + rows(found["failing"]) + "\n}\n"


def check(found):
    """Complains about outcomes that are not as written; the notes are for people."""
    def key(r):
        return r["consumer"], r["provider"], r["case"], r["outcome"]
    with open(TARGET, encoding="utf-8") as file:
        known = {key(r) for r in json.load(file)["failing"]}
    now = {key(r) for r in found["failing"]}
    for r in sorted(now - known):
        print("new:", *r)
    for r in sorted(known - now):
        print("gone:", *r)
    return 0 if now == known else 1


if __name__ == "__main__":
    measured = measure()
    if sys.argv[1:] == ["--check"]:
        sys.exit(check(measured))
    with open(TARGET, "w", encoding="utf-8") as file:
        file.write(render(measured))
