"""nginx before a server, as in docs/team.md: it ends TLS, and the server behind it is reached over plain HTTP."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import own_certificate
from tests.ports import wait_for_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or "nginx"
_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_buffering off; proxy_next_upstream error timeout;
    }}
  }}
}}
"""


@contextmanager
def ending_tls(folder: Path, port: int, behind: int) -> Iterator[ssl.SSLContext]:
    """Run nginx on `port` before the server at the port `behind`; yield what a client needs to trust it."""
    folder.mkdir(exist_ok=True)
    (folder / "certificate.pem").write_bytes(own_certificate().pem)
    (folder / "key.pem").write_bytes(own_certificate().key)
    file = folder / "nginx.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, port=port, behind=behind), encoding="utf-8")
    with subprocess.Popen([NGINX, "-p", folder, "-c", file], stderr=subprocess.DEVNULL) as nginx:
        try:
            wait_for_port(port)
            yield ssl.create_default_context(cafile=str(folder / "certificate.pem"))
        finally:
            nginx.terminate()
