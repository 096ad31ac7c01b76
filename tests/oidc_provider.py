"""A small real OIDC provider for tests: description, keys, authorisation code with PKCE, signed ID tokens."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider:
    """What it answers with: ``claims`` lie over the usual ones, ``key`` signs, ``keys`` are shown."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.shown = self.key
        self.claims: dict[str, Any] = {"sub": "subject-1", "preferred_username": "zhang"}
        self.codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to, as if the person had signed in here."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The tokens for a code, once, to who knows the verifier of its challenge."""
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if asked is None or challenge.decode().rstrip("=") != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": asked["client_id"], "iat": now, "exp": now + 300}
        claims = usual | {"nonce": asked["nonce"]} | self.claims
        signed = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def description(self) -> dict[str, Any]:
        ends = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "keys")}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": ends["authorize"],
            "token_endpoint": ends["token"],
            "jwks_uri": ends["keys"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that listens on this machine alone."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Be quiet."""

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/keys":
                self._json(200, {"keys": [provider.shown.as_dict(private=False)]})
            elif path == "/.well-known/openid-configuration":
                self._json(200, provider.description())
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._json(*provider.token({key: value[0] for key, value in parse_qs(body).items()}))

        def _json(self, status: int, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
