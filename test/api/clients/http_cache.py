"""What a client that keeps an HTTP cache of its own sees of the server.

Run by http_cache.sh. The server says `no-cache`: what is kept is asked for again by
its tag each time, and nobody reads a value that somebody else has replaced.
"""

import json
import os
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import quote

import hishel
import hishel.httpx
import httpx

URL = os.environ["SERVER_URL"]
KEYS = "/v1/keyspaces/default/keys/"

# What libraries and proxies like to fold, decode twice, or cut off.
ODD_KEYS = [
    b"..", b".", b"/", b"a/b", b"../a", b"//", b"+", b"a b", b"a+b", b"%", b"%41", b"%2F",
    b"?a=b", b"#", b"a;b", b"a&b=c", b"\0", b"\n", b"\xff\xfe", "\u00e4\u20ac\U0001f600".encode(),
    b":", b"@", b"~", b"'\"", b"\\", b"{key}", bytes(range(256)),
]


class Wire(httpx.BaseTransport):
    """Passes requests on, and remembers the statuses that came back."""

    def __init__(self):
        self.inner = httpx.HTTPTransport()
        self.statuses = []

    def handle_request(self, request):
        response = self.inner.handle_request(request)
        self.statuses.append(response.status_code)
        return response

    def close(self):
        self.inner.close()


class WithACache(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        storage = hishel.SqliteStorage(database_path=Path(folder) / "cache.db")
        self.wire = Wire()
        transport = hishel.httpx.CacheTransport(self.wire, storage=storage, rfc=True)
        self.cached = self.enterContext(httpx.Client(base_url=URL, transport=transport))
        self.other = self.enterContext(httpx.Client(base_url=URL))
        self.path = KEYS + quote(self.id(), safe="")

    def put(self, value, **headers):
        headers = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.other.put(self.path, content=value, headers=headers)

    def test_a_304_is_answered_from_the_clients_cache(self):
        self.put(b"one", content_type="text/plain")
        bodies = [self.cached.get(self.path) for _ in range(3)]
        self.assertEqual([reply.status_code for reply in bodies], [200, 200, 200])
        self.assertEqual([reply.text for reply in bodies], ["one"] * 3)
        self.assertEqual(self.wire.statuses, [200, 304, 304])

    def test_what_another_client_has_put_is_seen_at_once(self):
        for number in range(50):
            value = str(number)
            self.assertEqual(self.put(value).status_code, 204)
            self.assertEqual(self.cached.get(self.path).text, value)
        self.assertEqual(self.wire.statuses, [200] * 50)

    def test_what_another_client_has_deleted_is_gone_at_once(self):
        self.put(b"one")
        self.assertEqual(self.cached.get(self.path).text, "one")
        self.assertEqual(self.other.delete(self.path).status_code, 204)
        self.assertEqual(self.cached.get(self.path).status_code, 404)
        self.put(b"two")
        self.assertEqual(self.cached.get(self.path).text, "two")

    def test_a_value_put_again_with_the_same_bytes_is_another_version(self):
        first = self.put(b"one").headers["etag"]
        second = self.put(b"one").headers["etag"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.cached.get(self.path).headers["etag"], second)

    def test_only_who_knows_the_latest_version_replaces_it(self):
        self.assertEqual(self.put(b"one", if_none_match="*").status_code, 204)
        self.assertEqual(self.put(b"two", if_none_match="*").status_code, 412)
        tag = self.cached.get(self.path).headers["etag"]
        newer = self.put(b"two", if_match=tag)
        self.assertEqual(newer.status_code, 204)
        refused = self.put(b"three", if_match=tag)
        self.assertEqual((refused.status_code, refused.json()["code"]), (412, "DC-117"))
        self.assertEqual(refused.headers["etag"], newer.headers["etag"])
        self.assertEqual(self.cached.get(self.path).text, "two")

    def test_eight_clients_count_by_tags_without_losing_one(self):
        self.put(b"0")

        def count(to_do=25):
            with httpx.Client(base_url=URL) as client:
                while to_do:
                    read = client.get(self.path)
                    more = str(int(read.text) + 1).encode()
                    tag = {"If-Match": read.headers["etag"]}
                    put = client.put(self.path, content=more, headers=tag)
                    to_do -= put.status_code == 204

        threads = [threading.Thread(target=count) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(self.cached.get(self.path).text, "200")

    def test_every_odd_key_is_its_own(self):
        def path(key):
            # Clients fold `.` and `..` (RFC 3986, 5.2.4) unless they are escaped; `quote`
            # leaves a dot as it is.
            escaped = quote(key, safe="").replace(".", "%2E")
            return httpx.URL(URL).copy_with(raw_path=(KEYS + escaped).encode())

        for key in ODD_KEYS:
            self.assertEqual(self.other.put(path(key), content=b"v" + key).status_code, 204, key)
        for key in ODD_KEYS:
            self.assertEqual(self.cached.get(path(key)).content, b"v" + key)
            self.assertEqual(self.cached.get(path(key)).content, b"v" + key)
        listed = self.other.get("/v1/keyspaces/default/scan", params={"limit": 1000}).json()
        texts = {key for key in listed["keys"] if isinstance(key, str)}
        self.assertLessEqual({"..", "a/b", "%2F", "\0"}, texts)

    def test_any_bytes_come_back_with_their_type(self):
        value = bytes(range(256)) * 4096
        self.put(value, content_type="image/x-odd; a=b")
        for _ in range(2):
            reply = self.cached.get(self.path)
            self.assertEqual(reply.content, value)
            self.assertEqual(reply.headers["content-type"], "image/x-odd; a=b")
        self.assertEqual(self.wire.statuses, [200, 304])

    def test_events_are_read_as_they_happen(self):
        with self.other.stream("GET", "/v1/events", timeout=20) as stream:
            self.assertEqual(stream.headers["content-type"], "text/event-stream")
            lines = stream.iter_lines()
            self.assertEqual(next_event(lines)[0], "open")
            name = f"of-{os.getpid()}"
            with httpx.Client(base_url=URL) as writer:
                for ask, event in [
                    (writer.put, "keyspace_added"), (writer.delete, "keyspace_removed"),
                ]:
                    self.assertLess(ask("/v1/keyspaces/" + name).status_code, 300)
                    self.assertEqual(next_event(lines), (event, {"keyspace": name}))


def next_event(lines):
    """The name and the data of the next event; comments are passed over."""
    name = None
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))
    raise AssertionError("the stream has ended")


if __name__ == "__main__":
    unittest.main()
