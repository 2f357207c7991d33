#!/usr/bin/env python3
"""A stand-in for a fleet's server, for the simulator's own tests: answers osquery's TLS API (compat section 6) with the
configuration etag and the held read, keeps everything in memory, and is told what to do over POST /control/…:

  configuration  {"configuration": {…}}      for all hosts, from now on
  ask            {"id": …, "query": …}       a distributed query to all hosts
  forget         {"share": 0.5}              so many of the node keys are invalid from now on
  fail           {"log": 503, …}             that status, with an error, for an endpoint; 0: no longer
  state                                      answers what has come

It makes its own certificate in --folder and prints "PORT" once it listens."""

import argparse
import asyncio
import gzip
import hashlib
import json
import os
import pathlib
import ssl
import subprocess
import sys

PREFIX = "/api/osquery/"
HEADER_CAP = 64 << 10


class Fleet:
    def __init__(self, secret, hold):
        self.secret = secret
        self.hold = hold
        self.identifiers = {}  # by node key
        self.details = {}  # by identifier
        self.configure({"schedule": {"clock": {"query": "select * from time", "interval": 60}}})
        self.queries = {}  # by id
        self.unasked = {}  # ids by node key
        self.answers = {}  # bodies' parts by id and identifier
        self.lines = []  # sequence numbers in the order of their coming
        self.carves = {}
        self.failing = {}
        self.requests = {}  # counts by endpoint
        self.held = 0  # reads that wait
        self.news = asyncio.Event()

    def configure(self, configuration):
        self.configuration = configuration
        self.etag = hashlib.sha256(json.dumps(configuration).encode()).hexdigest()[:16]

    async def answer(self, endpoint, headers, body):
        """Status, headers and body of the reply."""
        self.requests[endpoint] = self.requests.get(endpoint, 0) + 1
        if self.failing.get(endpoint):
            return self.failing[endpoint], {}, {"error": "told to fail"}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = json.loads(body)
        if endpoint == "enroll":
            return 200, {}, self.enroll(request)
        if endpoint == "carve/block":
            return 200, {}, self.carve_block(request)
        key = request["node_key"]
        if key not in self.identifiers or headers.get("authorization") != f"NodeKey {key}":
            return 200, {}, {"node_invalid": True, "error": "unknown node key"}
        if endpoint == "distributed/read":
            return await self.read(key, headers)
        handler = {"config": self.config, "distributed/write": self.write, "log": self.log, "carve/begin": self.carve_begin}
        return 200, {}, handler[endpoint](key, request)

    def enroll(self, request):
        if request["enroll_secret"] != self.secret:
            return {"error": "the secret is wrong", "node_invalid": True}
        key = hashlib.sha256(os.urandom(16)).hexdigest()[:32]
        self.identifiers[key] = request["host_identifier"]
        self.details[request["host_identifier"]] = request["host_details"]
        self.unasked[key] = set(self.queries)
        return {"node_key": key, "node_invalid": False}

    def config(self, _, request):
        if request.get("etag") == self.etag:
            return {"etag": "ok"}
        return {**self.configuration, "etag": self.etag}

    async def read(self, key, headers):
        offer = {"Osprey-Held-Read": str(self.hold)} if self.hold else {}
        if self.hold and "osprey-held-read" in headers and not self.unasked.get(key):
            self.held += 1
            try:
                await asyncio.wait_for(self.news.wait(), min(self.hold, float(headers["osprey-held-read"])))
            except asyncio.TimeoutError:
                pass
            finally:
                self.held -= 1
        unasked, self.unasked[key] = self.unasked.get(key, set()), set()
        return 200, offer, {"queries": {name: self.queries[name] for name in unasked}}

    def write(self, key, request):
        for name, rows in request["queries"].items():
            part = {"rows": rows, "status": request["statuses"][name], "message": request["messages"][name]}
            self.answers.setdefault(name, {})[self.identifiers[key]] = part
        return {}

    def log(self, _, request):
        self.lines += [int(line["columns"]["sequence"]) for line in request["data"]]
        return {}

    def carve_begin(self, _, request):
        session = os.urandom(8).hex()
        self.carves[session] = {"size": request["carve_size"], "blocks": [None] * request["block_count"]}
        return {"session_id": session}

    def carve_block(self, request):
        self.carves[request["session_id"]]["blocks"][request["block_id"]] = len(request["data"])
        return {}

    def control(self, what, body):
        if what == "configuration":
            self.configure(body["configuration"])
        elif what == "ask":
            self.queries[body["id"]] = body["query"]
            for names in self.unasked.values():
                names.add(body["id"])
            self.news.set()
            self.news = asyncio.Event()
        elif what == "forget":
            for key in list(self.identifiers)[: int(len(self.identifiers) * body["share"])]:
                del self.identifiers[key]
        elif what == "fail":
            self.failing |= body
        return {"hosts": len(set(self.identifiers.values())), "details": self.details, "etag": self.etag,
                "answers": self.answers, "lines": self.lines, "requests": self.requests, "held": self.held,
                "carves": list(self.carves.values())}


async def serve(fleet, reader, writer):
    """One connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request_line, *lines = head.splitlines()
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            target = request_line.split()[1]
            if target.startswith("/control/"):
                status, more, reply = 200, {}, fleet.control(target.removeprefix("/control/"), json.loads(body or b"{}"))
            elif target.startswith(PREFIX):
                status, more, reply = await fleet.answer(target.removeprefix(PREFIX), headers, body)
            else:
                status, more, reply = 404, {}, {"error": "no such path"}
            text = json.dumps(reply)
            extra = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(text)}\r\n\r\n"
                         f"{text}".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", folder / "server.key", "-out", folder / "server.pem", "-days", "2", "-subj", "/CN=stand-in",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, capture_output=True)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for certificate and key")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", default="stand-in")
    parser.add_argument("--hold", type=int, default=20, help="seconds for which a read is held; 0: not")
    arguments = parser.parse_args()
    certificate(arguments.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.folder / "server.pem", arguments.folder / "server.key")
    fleet = Fleet(arguments.secret, arguments.hold)
    server = await asyncio.start_server(lambda reader, writer: serve(fleet, reader, writer), "127.0.0.1", arguments.port,
                                        ssl=context, backlog=4096, limit=HEADER_CAP)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
